import { assertEquals } from "@std/assert";
import { parseList } from "../../../lib/oci/list_format.ts";
import { isPlainSysctlPath, sysctlNamespace, sysctlPath } from "../../../lib/oci/sysctl.ts";
import { isSupported, parseVersion } from "../../../lib/oci/version.ts";

Deno.test("parseList() reads the kernel's list format", () => {
  assertEquals(parseList(""), []);
  assertEquals(parseList("0"), [0]);
  assertEquals(parseList("0-3,7"), [0, 1, 2, 3, 7]);
  assertEquals(parseList("7,1-2,1,0-1\n"), [0, 1, 2, 7]);
  assertEquals(parseList(" 3 - 4 , 9 "), [3, 4, 9]);
  assertEquals(parseList("8191"), [8191]);
  for (
    const text of [
      "x",
      "-1",
      "1-",
      "3-1",
      "1,,2",
      ",",
      "1-2-3",
      "0x1",
      "8192",
      "0-99999999999",
      "1.5",
    ]
  ) {
    assertEquals(parseList(text), null, text);
  }
});

Deno.test("parseVersion() reads Semantic Versioning 2.0.0 and nothing else", () => {
  const version = (text: string) => {
    const parts = parseVersion(text);
    return parts && [parts.major, parts.minor, parts.patch, parts.prerelease.join(".")];
  };
  assertEquals(version("1.2.3"), [1, 2, 3, ""]);
  assertEquals(version("0.0.0"), [0, 0, 0, ""]);
  assertEquals(version("1.0.2-dev"), [1, 0, 2, "dev"]);
  assertEquals(version("1.3.0-rc.1+build-5.001"), [1, 3, 0, "rc.1"]);
  assertEquals(version("1.0.0+a-b"), [1, 0, 0, ""]);
  assertEquals(version("1.0.0--.-"), [1, 0, 0, "-.-"]);
  for (
    const text of [
      "",
      "1",
      "1.2",
      "1.2.3.4",
      "v1.2.3",
      "01.2.3",
      "1.2.03",
      "1.2.-3",
      "1.2.x",
      "1.2.3-",
      "1.2.3-a..b",
      "1.2.3-01",
      "1.2.3+",
      "1.2.3+a+b",
      "1.2.3-ä",
      " 1.2.3",
      "1.2.3\n",
      "1.2.1e3",
      "1.2.Infinity",
      "1.2.99999999999999999999",
    ]
  ) assertEquals(version(text), null, JSON.stringify(text));
});

Deno.test("isSupported() takes 1.0.0 to 1.3.x", () => {
  const supported = (text: string) => isSupported(parseVersion(text)!);
  for (const text of ["1.0.0", "1.0.1-rc.1", "1.1.0-rc.2", "1.3.0", "1.3.0+dev", "1.3.7"]) {
    assertEquals(supported(text), true, text);
  }
  for (const text of ["0.9.9", "1.0.0-rc.5", "1.4.0-dev", "1.10.0", "2.0.0", "10.0.0"]) {
    assertEquals(supported(text), false, text);
  }
});

Deno.test("sysctlPath() reads both ways of writing a parameter", () => {
  assertEquals(sysctlPath("net.core.somaxconn"), "net/core/somaxconn");
  assertEquals(sysctlPath("net/core/somaxconn"), "net/core/somaxconn");
  assertEquals(
    sysctlPath("net.ipv4.conf.eth0/100.forwarding"),
    "net/ipv4/conf/eth0.100/forwarding",
  );
  assertEquals(
    sysctlPath("net/ipv4/conf/eth0.100/forwarding"),
    "net/ipv4/conf/eth0.100/forwarding",
  );
  assertEquals(sysctlPath("kernel"), "kernel");
});

Deno.test("sysctlNamespace() knows whose a parameter is by its whole name", () => {
  assertEquals(sysctlNamespace("net/ipv4/ip_forward"), "network");
  assertEquals(sysctlNamespace("kernel/shm_rmid_forced"), "ipc");
  assertEquals(sysctlNamespace("fs/mqueue/msg_max"), "ipc");
  assertEquals(sysctlNamespace("kernel/domainname"), "uts");
  assertEquals(sysctlNamespace("user/max_user_namespaces"), "user");
  for (
    const path of [
      "kernel/core_pattern",
      "kernel/msgmax2",
      "fs/file-max",
      "vm/overcommit",
      "network/x",
    ]
  ) {
    assertEquals(sysctlNamespace(path), null, path);
  }
});

Deno.test("isPlainSysctlPath() refuses what could be read in two ways", () => {
  assertEquals(isPlainSysctlPath("net/ipv4/conf/eth0.100/forwarding"), true);
  for (
    const path of [
      "net",
      "net/",
      "/net/x",
      "net//x",
      "net/./x",
      "net/../kernel/core_pattern",
      "net/x=1",
      "net/x+y",
      "n=t/x",
      "n+t/x",
      "net/x y",
      "net/x\n",
      "net/x\0",
    ]
  ) assertEquals(isPlainSysctlPath(path), false, path);
});
