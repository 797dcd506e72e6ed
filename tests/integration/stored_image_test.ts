/** Containers from images of the store: what an image's config asks for, and what the user says instead. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ImageConfig, ProcessConfig } from "../../lib/image/config.ts";
import { gunzipSync } from "node:zlib";
import { findLayers } from "../../lib/image/layer/ensure.ts";
import { resolveImage } from "../../lib/image/store/resolve.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { manifest } from "./image_lab.ts";
import { putImage, type TestLayer } from "./layer_lab.ts";
import { alpineArchive, entriesOf, exists } from "./support/project.ts";
import type { Outcome } from "./support/process.ts";
import type { StartOptions } from "./support/workspace.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const archive = alpineArchive();
const ignore = archive === undefined || Deno.uid() !== 0;

/** Alpine as the lowest layer of an image. */
const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

let count = 0;

/** Puts an image into the store: Alpine and the given layers above it. Gives its name. */
async function image(
  config: ProcessConfig,
  layers: readonly TestLayer[] = [],
  change: Partial<ImageConfig> = {},
): Promise<string> {
  const name = `test/image${++count}:1`;
  await putImage(workspace.path("images"), name, [ALPINE, ...layers], {
    config: { config, ...change },
  });
  return name;
}

/** Runs without network. */
function run(args: readonly string[], options?: StartOptions): Promise<Outcome> {
  return workspace.run(["run", "-net", "none", ...args], options);
}

/** As {@link run}, for what goes well: what was said. */
async function says(args: readonly string[], options?: StartOptions): Promise<string> {
  const { code, stdout, stderr } = await run(args, options);
  assertEquals([code, stderr], [0, ""]);
  return stdout.replace(/\n$/, "");
}

function test(name: string, body: () => Promise<void>): void {
  Deno.test({ name, ignore, fn: body });
}

test("an image of the store is run by its name, digest, id and a part of the id", async () => {
  const name = await image({ Cmd: ["echo", "hi"] });
  const list = await workspace.run(["images", "--format", "json"]);
  const row = JSON.parse(list.stdout).find(({ Name }: { Name: string }) => Name === name);
  const full = `docker.io/${name}`;
  const short = row.Id.slice("sha256:".length);
  const pinned = `test/image${count}@${row.Digest}`;
  const parts = [short.slice(0, 12), `sha256:${short.slice(0, 12)}`];
  for (const one of [name, full, row.Digest, row.Id, pinned, short, ...parts]) {
    assertEquals(await says([one]), "hi", one);
  }
});

test("a command takes the place of Cmd, and follows Entrypoint", async () => {
  const cmd = await image({ Cmd: ["echo", "a"] });
  assertEquals(await says([cmd]), "a");
  assertEquals(await says([cmd, "echo", "b"]), "b");
  const both = await image({ Entrypoint: ["echo", "e"], Cmd: ["c"] });
  assertEquals(await says([both]), "e c");
  assertEquals(await says([both, "x", "-rm"]), "e x -rm");
  assertEquals(await says(["-entrypoint", "", both, "echo", "y"]), "y");
  assertEquals(await says(["-entrypoint", "/bin/hostname", "-hostname", "h", both]), "h");
  assertEquals(await says(["-entrypoint", "/bin/echo", both, "z"]), "z");
  const entrypoint = await image({ Entrypoint: ["echo", "e"] });
  assertEquals(await says([entrypoint]), "e");
  // Without the word `run` a command is always given.
  const plain = await workspace.run(["-net=none", cmd, "echo", "c"]);
  assertEquals(plain.stdout, "c\n");
});

test("an image without a command needs one", async () => {
  const name = await image({});
  for (const args of [[name], ["-entrypoint", "", name], ["alpine"]]) {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^Usage: [^]*\n\ngocontainer: run a container: a command is missing\nGive one, such as \/bin\/sh.*\n$/,
    );
  }
});

test("the environment is the image's, changed by the user's", async () => {
  const name = await image({
    Cmd: ["env"],
    Env: ["PATH=/image:/bin:/usr/bin", "A=1", "B=x=y", "HOME=/image", "A=2", "EMPTY="],
  });
  const env = (text: string) =>
    new Map(text.split("\n").map((line) => [line.split("=")[0], line] as const));
  const plain = env(await says([name]));
  for (
    const line of [
      "PATH=/image:/bin:/usr/bin",
      "A=2",
      "B=x=y",
      "HOME=/image",
      "EMPTY=",
      "TERM=xterm",
    ]
  ) assertEquals(plain.get(line.split("=")[0]!), line);
  const changed = env(await says(["-e", "A=3", "-e", "C=4", name]));
  assertEquals([changed.get("A"), changed.get("C"), changed.get("EMPTY")], [
    "A=3",
    "C=4",
    "EMPTY=",
  ]);
});

test("a variable that is none is left out with a warning", async () => {
  const name = await image({ Cmd: ["env"], Env: ["=x", "LONELY", "OK=1"] });
  const { code, stdout, stderr } = await run([name]);
  assertEquals(code, 0);
  assert(stdout.includes("OK=1\n") && !stdout.includes("LONELY"), stdout);
  assertEquals(stderr.match(/warning: the image's variable "(=x|LONELY)" is left out/g)?.length, 2);
});

test("the working folder is the image's, made where it is missing", async () => {
  const name = await image({ Cmd: ["pwd"], WorkingDir: "/srv/made/here" });
  assertEquals(await says([name]), "/srv/made/here");
  assertEquals(await says(["-w", "/tmp", name]), "/tmp");
  const closed = await image({ Cmd: ["pwd"], User: "1000", WorkingDir: "/root" });
  assertEquals(await says([closed]), "/root");
  const relative = await image({ Cmd: ["pwd"], WorkingDir: "srv/../tmp" });
  assertEquals(await says([relative]), "/tmp");
  const proc = await image({ Cmd: ["pwd"], WorkingDir: "/proc/self/fd/7" });
  assertEquals((await run([proc])).code, 125);
});

test("the user is the image's, found in what its layers make together", async () => {
  const passwd = (text: string): TestLayer => [{ name: "etc/passwd", content: text }];
  const group: TestLayer = [{ name: "etc/group", content: "app:x:70:\nmore:x:71:app\n" }];
  const layers = [
    passwd("root:x:0:0::/root:/bin/sh\napp:x:60:70::/home/old:/bin/sh\n"),
    group,
    passwd("root:x:0:0::/root:/bin/sh\napp:x:61:70::/home/app:/bin/sh\n"),
  ];
  const name = await image(
    { User: "app", Cmd: ["sh", "-c", "id -u; id -g; id -G; echo $HOME"] },
    layers,
  );
  assertEquals(await says([name]), "61\n70\n70 71\n/home/app");
  assertEquals(await says(["-u", "5:6", name]), "5\n6\n6\n/");
  const emptyGroup = await image({ User: "app:", Cmd: ["id", "-G"] }, layers);
  assertEquals(await says([emptyGroup]), "70 71");
  const numbers = await image({ User: "8:9", Cmd: ["sh", "-c", "id -u; id -g"] });
  assertEquals(await says([numbers]), "8\n9");
  assertEquals(await says(["-u", "", numbers]), "8\n9");
  const unknown = await run([await image({ User: "nobody-here", Cmd: ["true"] })]);
  assertEquals(unknown.code, 125);
  assertMatch(unknown.stderr, /use user "nobody-here": the image's \/etc\/passwd has no such user/);
  const hidden = await run([
    await image({ User: "app", Cmd: ["true"] }, [...layers, [{ name: "etc/.wh.passwd" }]]),
  ]);
  assertMatch(hidden.stderr, /has no such user/);
});

test("what the upper layers remove and replace is gone and replaced", async () => {
  const name = await image({ Cmd: ["sh", "-c", "cat /a/x; ls /a /b"] }, [
    [
      { name: "a/", type: "5", mode: 0o755 },
      { name: "a/x", content: "below\n" },
      { name: "a/y", content: "below\n" },
      { name: "b/", type: "5", mode: 0o755 },
      { name: "b/z", content: "below\n" },
    ],
    [
      { name: "a/x", content: "above\n" },
      { name: "a/.wh.y" },
      { name: "b/.wh..wh..opq" },
      { name: "b/new", content: "" },
    ],
  ]);
  assertEquals(await says([name]), "above\n/a:\nx\n\n/b:\nnew");
});

test("volumes begin with what the image has there, and stay out of the container's root", async () => {
  const script = "cat /data/sub/f; stat -c '%u:%g %a' /data /data/sub/f; ls -A /empty; " +
    "echo w > /data/w; touch /empty/w; mountpoint -q /data && mountpoint -q /empty && echo both";
  const name = await image(
    { Cmd: ["sh", "-c", script], Volumes: { "/data/": {}, "//empty/../empty": {}, "/": {} } },
    [[
      { name: "data/", type: "5", uid: 5, gid: 6, mode: 0o1770 },
      { name: "data/sub/", type: "5", mode: 0o755 },
      { name: "data/sub/f", content: "seed\n", uid: 7, gid: 8, mode: 0o640 },
    ]],
  );
  const before = new Set(workspace.ids());
  assertEquals(await says([name]), "seed\n5:6 1770\n7:8 640\nboth");
  const [id] = workspace.ids().filter((id) => !before.has(id));
  const folder = workspace.path(`containers/${id}`);
  assertEquals(Deno.readTextFileSync(`${folder}/volumes/0/w`), "w\n");
  assertEquals(entriesOf(`${folder}/upper/data`).map(({ name }) => name), []);
  // One of the user's takes its place, and nothing is copied there.
  await Deno.mkdir(workspace.path("mine"));
  const mine = await says([
    "-v",
    `${workspace.path("mine")}:/data`,
    "-entrypoint",
    "ls",
    name,
    "-A",
    "/data",
  ]);
  assertEquals(mine, "");
  // With -rm they go too.
  const ids = workspace.ids();
  await says(["-rm", name]);
  assertEquals(workspace.ids(), ids);
});

test("what a volume begins with has names, links and attributes of all kinds", async () => {
  const layer: TestLayer = [
    { name: "v/", type: "5", mode: 0o700, pax: { "SCHILY.xattr.user.folder": "f" } },
    { name: new Uint8Array([0x76, 0x2f, 0x6e, 0xff, 0x0a]), content: "odd\n" },
    { name: "v/link", type: "2", linkname: new Uint8Array([0x74, 0xfe]) },
    { name: "v/xattr", content: "x", pax: { "SCHILY.xattr.user.file": "\u0001" } },
    { name: "v/fifo", type: "6", mode: 0o666 },
    { name: "v/deep/er/", type: "5" },
    { name: "v/deep/er/f", content: "deep\n", mode: 0o4711, mtime: 1_000_000_000 },
  ];
  const name = await image({ Cmd: ["true"], Volumes: { "/v": {} } }, [layer]);
  const before = new Set(workspace.ids());
  await says([name]);
  const [id] = workspace.ids().filter((id) => !before.has(id));
  const seen = await manifest(workspace.path(`containers/${id}/volumes/0`));
  const extracted = await manifest(await topLayerOf(name));
  const wanted = [...extracted].filter(([path]) => path.startsWith("./v"))
    .map(([path, line]) => [path.replace(/^\.\/v/, "."), line] as const);
  assertEquals(seen, new Map(wanted));
  assert(wanted.length === 8 && wanted.some(([, line]) => line.includes("user.file=01")));
});

/** The folder of an image's top layer. */
async function topLayerOf(name: string): Promise<string> {
  using store = ImageStore.open(workspace.path("images"));
  return findLayers(store, await resolveImage(store, name))![0]!;
}

test("labels become annotations, which change nothing", async () => {
  const name = await image(
    {
      Cmd: ["true"],
      StopSignal: "SIGINT",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Labels: {
        "org.opencontainers.image.author": "label",
        "a.b": "c\u001b[2J",
        "run.oci.handler": "krun",
        "gocontainer.image.digest": "none",
        "gocontainer.image.more": "of another",
        "gocontainer.name": "another",
        "run.oci.keep_original_groups": "1",
        "org.systemd.property.CPUQuota": "1",
      },
    },
    [],
    { author: "config", created: "2020-01-02T03:04:05Z" },
  );
  const before = new Set(workspace.ids());
  await says([name]);
  const [id] = workspace.ids().filter((id) => !before.has(id));
  const { annotations } = workspace.config(id!);
  using store = ImageStore.open(workspace.path("images"));
  const { descriptor } = await resolveImage(store, name);
  assertEquals(annotations, {
    "gocontainer.name": id!,
    "gocontainer.image.name": `docker.io/${name}`,
    "gocontainer.image.digest": descriptor.digest,
    "gocontainer.image.mediaType": descriptor.mediaType,
    "org.opencontainers.image.os": "linux",
    "org.opencontainers.image.architecture": Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    "org.opencontainers.image.author": "label",
    "org.opencontainers.image.created": "2020-01-02T03:04:05Z",
    "org.opencontainers.image.stopSignal": "SIGINT",
    "org.opencontainers.image.exposedPorts": "53/udp,80/tcp",
    "a.b": "c\u001b[2J",
    "run.oci.handler": "krun",
  });
});

test("kill asks a container to end by the signal that its image names", async () => {
  const name = await image({
    Cmd: ["sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done"],
    StopSignal: "SIGUSR1",
  });
  const started = workspace.start(["run", "-net", "none", "-rm", "-name", "asked", name]);
  await started.says(/ready/);
  assertEquals((await workspace.run(["kill", "asked"])).code, 0);
  assertEquals((await started.end()).code, 7);
});

test("what cannot be run is told in a sentence", async () => {
  const wrong = await image({ Cmd: ["true"] }, [], { os: "windows" });
  const noLayers = "test/empty:1";
  await putImage(workspace.path("images"), noLayers, []);
  const other = await image({ Cmd: ["true"] }, [], { architecture: "s390x" });
  const cases: (readonly [args: string[], pattern: RegExp])[] = [
    [[wrong], /^gocontainer: run image "test\/image\d+:1": it is for windows$/m],
    [[noLayers], /^gocontainer: run image "test\/empty:1": it has no layers, so nothing to run$/m],
    [
      ["-pull", "never", "-platform", "linux/arm/v5", other],
      /: use image "(test\/image\d+:1)": the one for linux\/arm\/v5 is not in "\/.*"\nWhat is there of it: gocontainer inspect \1$/m,
    ],
    [
      // It is not asked whether another one was meant.
      ["-platform", "linux/arm/v5", other],
      /: the one for linux\/arm\/v5 is not in "\/[^"]*", and to pull "(.*)": .*\nWhat is there of it: gocontainer inspect \1$/m,
    ],
    [["-platform", "a b", other], /^gocontainer: read the platform "a b": /m],
    [["-pull", "never", "no/such:image"], /^gocontainer: use image "no\/such:image": there is no/m],
    [["-pull", "sometimes", other], /^gocontainer: read "-pull sometimes": not missing, always/m],
    [["a..b/c", "x"], /^gocontainer: read the image reference "a\.\.b\/c": /m],
    [["Upper/case:1"], /^gocontainer: read the image reference "Upper\/case:1": /m],
    [["../../etc"], /^gocontainer: read the image reference "\.\.\/\.\.\/etc": /m],
    [["a,b"], /^gocontainer: use image "a,b": the name has "," in it$/m],
    [["a..b"], /^gocontainer: use image "a\.\.b": the name has "\.\." in it$/m],
  ];
  const overFile = await image({ Cmd: ["true"], Volumes: { "/etc/passwd": {} } });
  cases.push([
    [overFile],
    /: make the image's volume "\/etc\/passwd": the image has something there that is no folder\nGive .*: -v SOURCE:\/etc\/passwd$/m,
  ]);
  const ids = workspace.ids();
  for (const [args, pattern] of cases) {
    const { code, stdout, stderr } = await run(args);
    assertMatch(stderr, pattern);
    assert(code === 125 || code === 1);
    assertEquals(stdout, "");
  }
  assertEquals(workspace.ids(), ids);
  // It may be that the kernel runs it all the same (binfmt_misc).
  const { code, stderr } = await run([other]);
  assertEquals(code, 0);
  assertMatch(stderr, /^gocontainer: warning: image "test\/image\d+:1" is for linux\/s390x, this/);
});

test("a name that is not there is told with what is, of the store too", async () => {
  const cwd = workspace.path("elsewhere");
  for (const name of ["app:1", "team/web:2"]) await putImage(`${cwd}/images`, name, [ALPINE]);
  const hints: Record<string, string> = {
    "app": 'Did you mean "app:1"? There are: "app:1", ',
    "team/wbe:2": 'Did you mean "team/web:2"? There are: "team/web:2", ',
    "other:1": "There are: ",
  };
  for (const [name, hint] of Object.entries(hints)) {
    const { code, stderr } = await run(["-pull=never", name], { cwd });
    assertEquals(code, 125);
    const [error, told = ""] = stderr.split("\n");
    assertMatch(
      error!,
      new RegExp(`^gocontainer: use image "${name}": there is no such image in "`),
    );
    assert(told.startsWith(hint) && told.includes('"app:1"'), told);
  }
});

test("an archive of the folder is found before an image of the store", async () => {
  await putImage(workspace.path("images"), "alpine", [ALPINE, [{ name: "stored" }]]);
  assertEquals(await says(["alpine", "ls", "/etc/alpine-release"]), "/etc/alpine-release");
  assertEquals((await run(["alpine", "ls", "/stored"])).code, 1);
  assertEquals(await says(["alpine:latest", "ls", "/stored"]), "/stored");
});

test("an image that is called like a command is reached with run --", async () => {
  await putImage(workspace.path("images"), "images", [ALPINE], {
    config: { config: { Cmd: ["echo", "I am images"] } },
  });
  assertEquals(await says(["--", "images"]), "I am images");
  assertEquals(
    (await workspace.run(["run", "--net=none", "--", "images"])).stdout,
    "I am images\n",
  );
  assertMatch((await workspace.run(["images"])).stdout, /^IMAGE +ID/);
});

test("an image of fifty layers is one root", async () => {
  const layers = Array.from({ length: 49 }, (_, n): TestLayer => [
    { name: `l/${n}`, content: `${n}\n` },
    { name: "last", content: `${n}\n` },
  ]);
  const name = await image({ Cmd: ["sh", "-c", "cat /last; ls /l | wc -l"] }, layers);
  assertEquals(await says([name]), "48\n49");
});

test("a run whose store is removed meanwhile ends with its own exit code", async () => {
  const name = await image({ Cmd: ["sh", "-c", "echo ready; read line; exit 7"] });
  const running = workspace.start(["run", "-net", "none", name], { stdin: "piped" });
  await running.says(/^ready$/m);
  const leases = workspace.path("images/.store/leases");
  for (const { name } of entriesOf(leases)) Deno.removeSync(`${leases}/${name}`);
  await running.feed("on\n");
  const { code, stderr } = await running.end();
  assertEquals([code, stderr], [7, ""]);
});

Deno.test({ name: "nothing is left of what a run holds", ignore }, () => {
  assertEquals(entriesOf(workspace.path("images/.store/leases")), []);
  assert(exists(workspace.path("images/.store/index.json")));
});

test("a layer hides and links more files than a process may have open", async () => {
  const numbers = Array.from({ length: 400 }, (_, index) => index);
  const name = await image({ Cmd: ["ls", "/a"] }, [
    numbers.map((number) => ({ name: `a/${number}`, content: "x" })),
    numbers.flatMap((number) => [
      { name: `a/.wh.${number}` },
      { name: `link-${number}`, type: "1", linkname: "etc/motd" },
    ]),
  ]);
  assertEquals(
    await says([name], { through: ["/bin/sh", "-c", 'ulimit -n 256; exec "$0" "$@"'] }),
    "",
  );
});

test("a limit of file sizes is told where an image is written, and ends programs inside as ever", async () => {
  const content = new Uint8Array(1 << 20);
  const big = [{ name: "v/", type: "5", mode: 0o755 }, { name: "v/big", content, mode: 0o644 }];
  const name = await image(
    { Cmd: ["grep", "SigIgn", "/proc/self/status"], Volumes: { "/v": {} } },
    [
      big,
    ],
  );
  const limited = (kilobytes: number) => ({
    through: ["/bin/bash", "-c", `ulimit -f ${kilobytes}; exec "$@"`, "bash"],
  });
  const hint = /This process may write no file of more than 512000 bytes: raise .*\(ulimit -f\)\n$/;
  const layer = await run(["-rm", name], limited(500));
  assertEquals([layer.code, layer.stdout], [125, ""], layer.stderr);
  assertMatch(layer.stderr, /^gocontainer: extract layer sha256:.*: EFBIG \(File too large\)\n/);
  assertMatch(layer.stderr, hint);
  const { stdout } = await run(["-rm", name], limited(100_000));
  assertMatch(stdout, /^SigIgn:\s0{16}\n$/);
  const before = workspace.ids();
  const volume = await run(["-rm", name], limited(500));
  assertEquals(workspace.ids(), before);
  assertMatch(volume.stderr, /^gocontainer: make the image's volume "\/v": .*: EFBIG /);
  assertMatch(volume.stderr, hint);
  const saved = await workspace.run(["save", "-o", workspace.path("big"), name], limited(500));
  assertMatch(saved.stderr, /^gocontainer: write ".*\/big": .*: EFBIG /);
  assertMatch(saved.stderr, hint);
});
