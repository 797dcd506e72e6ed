import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { applyChanges } from "../../../lib/image/change.ts";
import type { ProcessConfig } from "../../../lib/image/config.ts";

function change(base: ProcessConfig, ...instructions: string[]): ProcessConfig {
  return applyChanges(base, instructions);
}

Deno.test("variables of the image are expanded, as they were before the instruction", () => {
  const Env = ["PATH=/bin", "A=a b", "EMPTY="];
  const cases: readonly (readonly [string, string])[] = [
    ["X=$PATH:/opt", "/bin:/opt"],
    ["X=${PATH}/x", "/bin/x"],
    ["X=$A", "a b"],
    ['X="$A $PATH"', "a b /bin"],
    ["X='$A'", "$A"],
    [String.raw`X=\$A`, "$A"],
    [String.raw`X="\$A \"q\" a\nb"`, String.raw`$A "q" a\nb`],
    [String.raw`X=a\ b`, "a b"],
    ["X=${NONE:-other}", "other"],
    ["X=${EMPTY:-$PATH}", "/bin"],
    ["X=${A:-other}", "a b"],
    ["X=${A:+yes}${NONE:+no}", "yes"],
    ["X=[$NONE]", "[]"],
    ["X=5$", "5$"],
    ["X $A and more", "a b and more"],
    ["X=1 Y=$X", "1"],
  ];
  for (const [text, expected] of cases) {
    const env = change({ Env }, `ENV ${text}`).Env!;
    assertEquals(env.filter((entry) => entry.startsWith("X=")), [`X=${expected}`], text);
  }
  assertEquals(change({}, "ENV A=1", "ENV B=$A").Env, ["A=1", "B=1"]);
  assertEquals(change({}, "ENV A=1 B=$A").Env, ["A=1", "B="]);
  assertEquals(change({ Env: ["PATH=/bin", "B=1"] }, "ENV PATH=$PATH:/x").Env, [
    "B=1",
    "PATH=/bin:/x",
  ]);
  assertEquals(change({}, "ENV PATH=/x:$PATH").Env, [
    "PATH=/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ]);
});

Deno.test("other instructions expand variables, commands do not", () => {
  const base = { Env: ["U=me", "D=/data"] };
  assertEquals(change(base, "USER $U").User, "me");
  assertEquals(change(base, "WORKDIR ${D}/x").WorkingDir, "/data/x");
  assertEquals(change(base, 'VOLUME ["$D", "/b"]').Volumes, { "/data": {}, "/b": {} });
  assertEquals(change(base, 'LABEL "a.b"="$U"').Labels, { "a.b": "me" });
  assertEquals(change(base, `LABEL "a b"='c d' e=f`).Labels, { "a b": "c d", e: "f" });
  assertEquals(change(base, 'CMD ["$U"]').Cmd, ["$U"]);
  assertEquals(change(base, "CMD echo $U").Cmd, ["/bin/sh", "-c", "echo $U"]);
  assertEquals(change({ Shell: ["/bin/bash", "-c"] }, "CMD x").Cmd, ["/bin/bash", "-c", "x"]);
});

Deno.test("an entrypoint takes away the command of before, not one that is given with it", () => {
  const base = { Entrypoint: ["/old"], Cmd: ["old"] };
  assertEquals(change(base, 'ENTRYPOINT ["/new"]'), { Entrypoint: ["/new"] });
  for (const order of [0, 1]) {
    const changes = ['ENTRYPOINT ["/new"]', 'CMD ["new"]'];
    if (order === 1) changes.reverse();
    assertEquals(change(base, ...changes), { Entrypoint: ["/new"], Cmd: ["new"] });
  }
  assertEquals(base, { Entrypoint: ["/old"], Cmd: ["old"] });
});

Deno.test("a relative working folder is one in that of before", () => {
  assertEquals(change({ WorkingDir: "/srv" }, "WORKDIR a", "WORKDIR ../b/").WorkingDir, "/srv/b");
  assertEquals(change({}, "WORKDIR a").WorkingDir, "/a");
});

Deno.test("instructions as podman's users type them; what is missing is told", () => {
  assertEquals(change({}, "CMD=/bin/bash").Cmd, ["/bin/sh", "-c", "/bin/bash"]);
  assertEquals(change({}, "ENV=A=b", "ENV B=C=d").Env, ["A=b", "B=C=d"]);
  assertEquals(change({}, "LABEL=a=b").Labels, { a: "b" });
  for (const empty of ["CMD", "USER ", "env=", " ENTRYPOINT\n"]) {
    assertThrows(() => change({}, empty), ContainerError, "nothing stands behind ");
  }
});

Deno.test("a signal to stop by is one", () => {
  for (const signal of ["TERM", "sigquit", "15", "64", "RTMIN+3", "SIGRTMAX-14", "SIGPOLL"]) {
    assertEquals(change({}, `STOPSIGNAL ${signal}`).StopSignal, signal);
  }
  for (const wrong of ["NOPE", "0", "65", "-1", "RTMIN-1", "SIG", "toString"]) {
    assertThrows(() => change({}, `STOPSIGNAL ${wrong}`), ContainerError, "it is no signal");
  }
});

Deno.test("ports are lower case, ranges all of their ports", () => {
  assertEquals(Object.keys(change({}, "EXPOSE 80/TCP 53/udp 8-9").ExposedPorts!), [
    "80/tcp",
    "53/udp",
    "8/tcp",
    "9/tcp",
  ]);
  for (const port of ["99999", "0", "9-8", "80/icmp", "x", "8080:80"]) {
    assertThrows(() => change({}, `EXPOSE ${port}`), ContainerError, "it is no port");
  }
});

Deno.test("health checks and instructions for builds are kept as docker has them", () => {
  assertEquals(
    change({}, "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl -f x")
      .Healthcheck,
    { Test: ["CMD-SHELL", "curl -f x"], Interval: 90e9, Timeout: 500e6, Retries: 3 },
  );
  assertEquals(change({}, 'HEALTHCHECK CMD ["a", "b"]').Healthcheck, { Test: ["CMD", "a", "b"] });
  assertEquals(change({}, "HEALTHCHECK NONE").Healthcheck, { Test: ["NONE"] });
  assertEquals(change({ OnBuild: ["RUN a"] }, "ONBUILD COPY . /x").OnBuild, [
    "RUN a",
    "COPY . /x",
  ]);
  for (
    const wrong of [
      "HEALTHCHECK curl",
      "HEALTHCHECK --interval=5 CMD x",
      "HEALTHCHECK --what=5s CMD x",
      "ONBUILD FROM x",
      "ONBUILD ONBUILD RUN x",
      "ENV A=${",
      "ENV A",
      "RUN x",
      "CMD [1]",
      "CMD [",
    ]
  ) {
    assertThrows(() => change({}, wrong), ContainerError, "change the image's config by ");
  }
});
