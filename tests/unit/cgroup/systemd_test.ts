import { assertEquals, assertThrows } from "@std/assert";
import {
  FIXED_HEADER,
  messageLength,
  MessageWriter,
  methodCall,
  readReply,
} from "../../../lib/cgroup/systemd/message.ts";
import { SYSTEM_MANAGER } from "../../../lib/cgroup/systemd/manager.ts";
import { annotatedProperties } from "../../../lib/cgroup/systemd/annotations.ts";
import { scopePath } from "../../../lib/cgroup/systemd/path.ts";
import { INFINITY, scopeProperties } from "../../../lib/cgroup/systemd/properties.ts";
import { ContainerError } from "../../../lib/errors.ts";
import { isInstalled } from "../../integration/support/project.ts";

Deno.test("SLICE:PREFIX:NAME names a scope, in a slice that its own name places", () => {
  assertEquals(scopePath("machine.slice:libpod:abc", "id"), {
    manager: SYSTEM_MANAGER,
    slice: "machine.slice",
    scope: "libpod-abc.scope",
    path: "/machine.slice/libpod-abc.scope",
  });
  assertEquals(
    scopePath("kube-pods-burst.slice:cri:abc", "id").path,
    "/kube.slice/kube-pods.slice/kube-pods-burst.slice/cri-abc.scope",
  );
  assertEquals(scopePath(":docker:abc", "id").path, "/system.slice/docker-abc.scope");
  assertEquals(scopePath("-.slice::abc", "id").path, "/abc.scope");
  assertEquals(scopePath("a.slice:x:own.scope", "id").scope, "own.scope");
  assertEquals(scopePath(undefined, "id").path, "/system.slice/gocontainer-id.scope");
  const own = { socket: "/s", uid: 1000, cgroup: "/user.slice/user-1000.slice/user@1000.service" };
  assertEquals(scopePath("::abc", "id", own).path, `${own.cgroup}/user.slice/abc.scope`);
  assertEquals(scopePath("-.slice:x:abc", "id", own).path, `${own.cgroup}/x-abc.scope`);
});

Deno.test("what is no slice or no unit's name is refused", () => {
  for (
    const path of [
      ...["/a/b", "a.slice:b", "a.slice:b:", "a.slice:b:c:d", "a:b:c", "a--b.slice:b:c"],
      ...["../x.slice:b:c", "a.slice:b:../c", "a.slice:b:c/d", ".slice:b:c", "-a.slice:b:c"],
    ]
  ) {
    assertThrows(() => scopePath(path, "id"), ContainerError, "linux.cgroupsPath", path);
  }
});

Deno.test("of the limits a scope has those that count among siblings, and those of memory", () => {
  const properties = (resources: Parameters<typeof scopeProperties>[0]) =>
    scopeProperties(resources).map(({ name, value }) => [name, value]);
  assertEquals(properties({}), []);
  assertEquals(properties({ cpu: { quota: 1000 }, pids: { limit: 7 } }), []);
  assertEquals(
    properties({ cpu: { shares: 1024 }, memory: { reservation: 4096 }, blockIO: { weight: 1000 } }),
    [["CPUWeight", 100n], ["IOWeight", 10000n], ["MemoryLow", 4096n]],
  );
  assertEquals(
    properties({ memory: { reservation: -1, limit: 4096n } }),
    [["MemoryLow", INFINITY], ["MemoryMax", 4096n]],
  );
  assertEquals(properties({ cpu: { idle: 1, shares: 1024 } }), [["CPUWeight", 0n]]);
  assertEquals(properties({ cpu: { idle: 0 } }), [["CPUWeight", INFINITY]]);
  assertEquals(
    properties({
      cpu: { shares: 1024 },
      unified: { "cpu.weight": "300", "io.weight": "default 50", "memory.min": "max" },
    }),
    [["CPUWeight", 300n], ["IOWeight", 50n], ["MemoryMin", INFINITY]],
  );
});

Deno.test("annotations of engines become properties of the scope, each in its type", () => {
  const one = (name: string, text: string) => {
    const [property, ...more] = annotatedProperties({ [`org.systemd.property.${name}`]: text });
    assertEquals(more, []);
    return property;
  };
  const stop = { name: "TimeoutStopUSec", type: "t", value: 10_000_000n } as const;
  assertEquals(one("TimeoutStopUSec", "uint64 10000000"), stop);
  assertEquals(one("TimeoutStopSec", "10"), stop);
  assertEquals(one("KillSignal", "37"), { name: "KillSignal", type: "i", value: 37 });
  assertEquals(one("SendSIGKILL", "false"), { name: "SendSIGKILL", type: "b", value: false });
  assertEquals(one("CollectMode", "'inactive'"), {
    name: "CollectMode",
    type: "s",
    value: "inactive",
  });
  assertEquals(one("After", `['a.service', "b.service"]`), {
    name: "After",
    type: "as",
    value: ["a.service", "b.service"],
  });
  assertEquals(annotatedProperties({ other: "org.systemd.property.KillSignal" }), []);
});

Deno.test("what would reach other units is left out, and what is no value is refused", () => {
  for (
    const name of ["Conflicts", "OnFailure", "Requires", "Slice", "PIDs", "Delegate", "toString"]
  ) {
    assertEquals(annotatedProperties({ [`org.systemd.property.${name}`]: "['x.service']" }), []);
  }
  for (
    const [name, text] of [
      ...[["KillSignal", "-1"], ["KillSignal", "'9'"], ["TimeoutStopUSec", "soon"]],
      ...[["SendSIGHUP", "1"], ["After", "a.service"], ["After", "[a]"], ["Description", "x"]],
    ] as const
  ) {
    const annotations = { [`org.systemd.property.${name}`]: text };
    assertThrows(() => annotatedProperties(annotations), ContainerError, `${name}"`);
  }
});

Deno.test("values stand at their alignments", () => {
  const { bytes } = new MessageWriter().byte(7).uint32(1).string("ab").boolean(true)
    .array(8, (array) => array.align(8).string("x")).uint64(2n ** 63n);
  assertEquals([...bytes], [
    ...[7, 0, 0, 0, 1, 0, 0, 0], //     byte, padding, uint32
    ...[2, 0, 0, 0, 97, 98, 0, 0], //   string with its NUL, padding
    ...[1, 0, 0, 0, 6, 0, 0, 0], //     boolean, length of the array
    ...[1, 0, 0, 0, 120, 0, 0, 0], //   its only element, padding
    ...[0, 0, 0, 0, 0, 0, 0, 0x80], //  uint64
  ]);
});

Deno.test("a call has the header that D-Bus wants, and its whole length", () => {
  const body = new MessageWriter().string("unit").bytes;
  const call = { path: "/o", interface: "i.j", member: "M", destination: "d.e" };
  const message = methodCall(call, "s", body);
  assertEquals([...message.subarray(0, 4)], [0x6c, 1, 0, 1]);
  assertEquals(messageLength(message.subarray(0, FIXED_HEADER)), message.length);
  assertEquals((message.length - body.length) % 8, 0);
  assertEquals(message.subarray(-body.length), body);
});

Deno.test("an answer is fine, or an error in words; anything else is none", () => {
  const answer = (type: number, text?: string) => {
    const body = text === undefined ? new Uint8Array() : new MessageWriter().string(text).bytes;
    const message = methodCall(
      { path: "/", interface: "i", member: "m", destination: "d" },
      "s",
      body,
    );
    message[1] = type;
    return readReply(message);
  };
  assertEquals(answer(2), {});
  assertEquals(answer(3, "Unit x.scope already exists."), {
    error: "Unit x.scope already exists.",
  });
  assertEquals(answer(3), { error: "refused" });
  assertEquals(answer(4), undefined);
});

Deno.test({
  name: "a signal does not end the wait for an answer",
  ignore: !isInstalled("strace"),
  async fn() {
    const folder = Deno.makeTempDirSync();
    try {
      const path = `${folder}/private`;
      using listener = Deno.listen({ transport: "unix", path });
      const module = new URL("../../../lib/cgroup/systemd/manager.ts", import.meta.url);
      const script = `import { setScopeLimits } from "${module}";
        setScopeLimits({ socket: "${path}", uid: 0 }, "x.scope", []);`;
      const strace = ["-f", "-qqq", "-o", "/dev/null", "-einject=ppoll:error=EINTR:when=1"];
      const asking = new Deno.Command("strace", {
        args: [...strace, Deno.execPath(), "eval", script],
      }).output();
      using connection = await listener.accept();
      await connection.write(new TextEncoder().encode("OK 0\r\n"));
      const call = { path: "/", interface: "i", member: "m", destination: "d" };
      const answer = methodCall(call, "", new Uint8Array());
      answer[1] = 2;
      await connection.write(answer);
      const { code, stderr } = await asking;
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
