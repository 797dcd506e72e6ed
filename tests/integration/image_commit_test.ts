/** Images and archives of containers, that run or have ended. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { testWith } from "../engines/support/skip.ts";
import { difference, manifest, run, TrialFolder } from "./image_lab.ts";
import {
  DOCKER_LAYER_GZIP,
  OCI_EMPTY,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../../lib/image/media_type.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { GZIP, hasProgram, PLAIN, putImage, type TestLayer, unpackByUmoci } from "./layer_lab.ts";
import { DockerRegistry } from "./registry/docker_registry.ts";
import { PodmanStore } from "./support/podman_store.ts";
import { alpineArchive } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const alpine = alpineArchive();
const ignore = alpine === undefined || Deno.uid() !== 0;
const ALPINE: TestLayer = alpine === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(alpine)));

/** The same in one layer that no other image has. */
const ANOTHER: TestLayer = Uint8Array.from([...ALPINE as Uint8Array, ...new Uint8Array(1024)]);

/** What a container does to its root: everything that a layer has to keep. */
const CHANGES = `
  echo hi > /hello; ln /hello /again; rm /etc/motd; rm -r /opt; mkdir -m 1777 /opt; echo x > /opt/x
  ln -s /etc/passwd /link; mkfifo /fifo; chmod 4755 /bin/busybox; chown 5:6 /etc/hosts
  truncate -s 9M /sparse; printf end >> /sparse; touch -d '2001-02-03 04:05:06' /hello
  rm -r /media; echo file > /media; mkdir /srv/a; rmdir /srv/a`;

function test(name: string, body: () => Promise<void>): void {
  Deno.test({ name: `image commit: ${name}`, ignore, fn: body });
}

async function says(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await workspace.run(args);
  assertEquals([code, stderr], [0, ""], args.join(" "));
  return stdout.replace(/\n$/, "");
}

/** Runs a script in a container that stays; gives its id. */
async function ended(
  ...args: [...options: string[], image: string, script: string]
): Promise<string> {
  const [image, script] = [args.slice(0, -1), args.at(-1)!];
  const before = new Set(workspace.ids());
  await says(["run", "-net", "none", "-entrypoint", "/bin/sh", ...image, "-euc", script]);
  const [id, ...more] = workspace.ids().filter((one) => !before.has(one));
  assert(id !== undefined && more.length === 0);
  return id;
}

/** A container's export, extracted by GNU tar. */
async function exported(trial: TrialFolder, id: string): Promise<Map<string, string>> {
  const folder = trial.folder(`export-${crypto.randomUUID()}`);
  const file = `${folder}.tar`;
  await says(["export", "-o", file, id]);
  run("tar", ["-xpf", file, "-C", folder, "--numeric-owner", "--xattrs", "--xattrs-include=*"]);
  return await manifest(folder);
}

const look =
  "cat /hello /opt/x /media; ls -d /etc/motd /srv/a 2>&1 || true; stat -c '%a %u:%g %h %s' " +
  "/opt /bin/busybox /hello /sparse; stat -c %Y /hello; readlink /link; test -p /fifo && echo fifo";

for (const base of ["of the store", "of a plain archive"]) {
  test(`an ended container from an image ${base}`, async () => {
    using trial = new TrialFolder();
    const stored = base === "of the store";
    if (stored) await putImage(workspace.path("images"), "test/base:1", [ALPINE]);
    const id = await ended(stored ? "test/base:1" : "alpine", `${CHANGES}; ${look}`);
    const before = await says([
      "run",
      "-net",
      "none",
      "alpine",
      "/bin/sh",
      "-c",
      `${CHANGES}; ${look}`,
    ]);
    const name = `test/committed-${stored}:1`;
    const args = [
      "-m",
      "why",
      "-a",
      "who",
      "-change",
      "ENV X=1",
      "-change",
      'CMD ["cat","/hello"]',
    ];
    const made = await says(["commit", ...args, id, name]);
    assertMatch(made, /^sha256:[0-9a-f]{64}$/);
    assertEquals(await says(["run", "-net", "none", name, "/bin/sh", "-c", look]), before);
    assertEquals(await says(["run", "-net", "none", name]), "hi");
    const history = JSON.parse(await says(["history", "--format", "json", name]));
    assertEquals([history[0].Comment, history[0].Author], ["why", "who"]);
    assertEquals(history[0].CreatedBy, `gocontainer commit ${id}`);

    // A container of the new image that has done nothing is the old one.
    const copy = await ended(name, "true");
    const [a, b] = [await exported(trial, id), await exported(trial, copy)];
    // Every container has a root of its own, and files that gocontainer mounts.
    const differing = difference(a, b).filter((line) =>
      !/^. \.(?:\/etc(?:\/resolv.conf)?)? /.test(line)
    );
    assertEquals(differing, []);
    assert(a.get("./hello")!.includes("same=./again"));
    assert(!a.has("./etc/motd") && a.get("./sparse")!.includes("size=9437187"));
  });
}

testWith(
  { umoci: hasProgram("umoci"), alpine: !ignore },
  "image commit: umoci unpacks what the container had",
  async () => {
    const images = workspace.path("images");
    // A manifest with types of both forms is no image to it.
    for (const form of [PLAIN, { ...GZIP, mediaType: DOCKER_LAYER_GZIP }]) {
      using trial = new TrialFolder();
      await putImage(images, "test/base:1", [ALPINE], { form });
      const id = await ended("test/base:1", CHANGES);
      await says(["commit", id, "test/byumoci:1"]);
      const found = await manifest(unpackByUmoci(trial, images, "byumoci"));
      const own = await exported(trial, id);
      // What files were mounted on in the container is no change.
      own.delete("./etc/resolv.conf");
      assertEquals(difference(own, found), []);
    }
  },
);

test("on an image of docker's form one of OCI's is made", async () => {
  const form = { ...GZIP, mediaType: DOCKER_LAYER_GZIP };
  await putImage(workspace.path("images"), "test/docker:1", [ALPINE], { form });
  await says(["commit", await ended("test/docker:1", "echo > /x"), "test/made:1"]);
  const [made] = JSON.parse(await says(["inspect", "test/made:1"]));
  const types = made.Layers.map(({ MediaType }: { MediaType: string }) => MediaType);
  assertEquals([made.MediaType, types], [OCI_MANIFEST, [OCI_LAYER_GZIP, OCI_LAYER_GZIP]]);
});

/** What can be told of the changes in whatever a root file system lies on. */
const TELL = "cat /hello /opt/x /media; stat -c '%a %u:%g' /opt /bin/busybox; " +
  "stat -c '%h %Y' /hello; readlink /link; test -p /fifo && echo fifo; test -e /etc/motd || echo gone";

testWith(
  {
    "docker-registry": hasProgram("docker-registry"),
    podman: hasProgram("podman"),
    runc: hasProgram("runc"),
    skopeo: hasProgram("skopeo"),
    alpine: !ignore,
  },
  "image commit: podman runs, and skopeo reads, what is committed and pushed",
  async () => {
    await using registry = await DockerRegistry.start();
    await putImage(workspace.path("images"), "test/base:2", [ALPINE]);
    const name = `${registry.host}/committed:1`;
    await says(["commit", await ended("test/base:2", CHANGES), name]);
    const pushed = await workspace.run(["push", name]);
    assertEquals(pushed.code, 0, pushed.stderr);
    const podman = new PodmanStore(workspace.path("podman"));
    podman.do("pull", "-q", "--tls-verify=false", name);
    const command = ["/bin/sh", "-c", TELL];
    const said = podman.run(name, ...command);
    assertMatch(
      said,
      /^hi\nx\nfile\n1777 0:0\n4755 0:0\n2 981173106\n\/etc\/passwd\nfifo\ngone\n$/,
    );
    assertEquals(said.trimEnd(), await says(["run", "-net", "none", name, ...command]));
    const inspected = run("skopeo", ["inspect", "--tls-verify=false", `docker://${name}`]);
    assertEquals(`${JSON.parse(inspected).Digest}\n`, pushed.stdout);
  },
);

test("a running container stands still meanwhile, and goes on", async () => {
  await putImage(workspace.path("images"), "test/base:1", [ALPINE]);
  const script =
    "i=0; while :; do i=$((i+1)); for f in n m; do echo $i > /t; mv /t /$f; done; done";
  const running = workspace.start(
    ["run", "-net", "none", "-name", "box", "test/base:1", "/bin/sh", "-c", script],
  );
  try {
    await until(
      "it runs",
      async () => (await workspace.run(["export", "-o", "/dev/null", "box"])).code === 0,
    );
    for (let round = 0; round < 3; round++) {
      await says(["commit", "box", "test/moment:1"]);
      const [n, m] = (await says(["run", "-net", "none", "test/moment:1", "/bin/cat", "/n", "/m"]))
        .split("\n").map(Number);
      assert(n! - m! === 0 || n! - m! === 1, `${n} ${m}`);
    }
    await says(["export", "box", "-o", workspace.path("box.tar")]);
    assertMatch(run("tar", ["-tf", workspace.path("box.tar")]), /^n$/m);
  } finally {
    running.kill("SIGKILL");
    await running.end();
  }
});

test("an ended container is found by its name, if no other one had it", async () => {
  const create = (content: string) =>
    ended("-name", "boxed", "-hostname", "h", "alpine", `echo ${content} > /x`);
  const first = await create("one");
  await says(["commit", "boxed", "test/boxed:1"]);
  assertEquals(await says(["run", "-net=none", "-rm", "test/boxed:1", "/bin/cat", "/x"]), "one");
  await says(["export", "-o", workspace.path("boxed.tar"), "boxed"]);
  assertEquals(run("tar", ["-xOf", workspace.path("boxed.tar"), "x"]), "one\n");

  const second = await create("two");
  const several = await workspace.run(["commit", "boxed", "test/boxed:2"]);
  assertEquals([several.code, several.stderr], [
    125,
    `gocontainer: find container "boxed": 2 had this name\n` +
    `Give the id, the latest first: ${second}, ${first}\n`,
  ]);
  // What is there as an id is meant by it, whatever else is called so.
  const third = await ended("-name", first, "alpine", "echo three > /x");
  await says(["commit", first, "test/boxed:3"]);
  assertEquals(await says(["run", "-net=none", "-rm", "test/boxed:3", "/bin/cat", "/x"]), "one");
  const none = await workspace.run(["export", "-o", "x.tar", "nobody"]);
  assertEquals(none.code, 125);
  assertMatch(
    none.stderr,
    /^gocontainer: find container "nobody": no container, running or ended, /,
  );
  for (const id of [first, second, third]) {
    await Deno.remove(workspace.path(`containers/${id}`), { recursive: true });
  }
});

/** The most resident memory that is a process's own while a command runs, in KiB. */
async function mostMemory(args: readonly string[]): Promise<number> {
  const running = workspace.start(args);
  let most = 0;
  let isOver = false;
  const ended = running.end().finally(() => isOver = true);
  while (!isOver) {
    try {
      const status = Deno.readTextFileSync(`/proc/${running.pid}/status`);
      most = Math.max(most, Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    } catch {
      // It has just ended.
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { code, stderr } = await ended;
  assertEquals([code, stderr], [0, ""]);
  return most;
}

test("commit and export need no more memory for large files", async () => {
  const id = await ended("alpine", "head -c 150000000 /dev/urandom > /large");
  for (const args of [["export", "-o", workspace.path("large.tar"), id], ["commit", id]]) {
    const most = await mostMemory(args);
    // With what was read left to the collector it was more than 100 MB.
    assert(most > 5 * 1024 && most < 64 * 1024, `${args[0]}: ${most} KiB`);
  }
  await Deno.remove(workspace.path("large.tar"));
});

test("mount points that gocontainer made are no changes", async () => {
  const folder = { type: "5", mode: 0o755 };
  const busybox = Deno.readFileSync(`${await workspace.alpine()}/bin/busybox`);
  const musl = Deno.readFileSync(`${await workspace.alpine()}/lib/ld-musl-${Deno.build.arch}.so.1`);
  await putImage(workspace.path("images"), "test/bare:1", [[
    { name: "bin/", ...folder },
    { name: "bin/sh", content: busybox, mode: 0o755 },
    { name: "lib/", ...folder },
    { name: `lib/ld-musl-${Deno.build.arch}.so.1`, content: musl, mode: 0o755 },
  ]]);
  const id = await ended("test/bare:1", "echo x > /x");
  await says(["commit", id, "test/barer:1"]);
  const store = workspace.path("images/.store");
  await says(["run", "-net", "none", "test/barer:1", "/bin/sh", "-c", "test -f /x"]);
  const layers = [...Deno.readDirSync(`${store}/layers`)].map(({ name }) =>
    [...Deno.readDirSync(`${store}/layers/${name}/diff`)].map((entry) => entry.name).sort().join()
  );
  // Folders that had to be made for files that were mounted stay.
  assert(layers.includes("etc,x"), layers.join("\n"));
});

test("the same changes are the same layer", async () => {
  await putImage(workspace.path("images"), "test/base:1", [ALPINE]);
  const id = await ended("test/base:1", "echo hi > /hello; mkdir /d; touch /d/a /d/b /d/c");
  const layer = async (name: string) => {
    await says(["commit", id, name]);
    return JSON.parse(await says(["history", "--format", "json", name]))[0].Layer;
  };
  assertEquals(await layer("test/one:1"), await layer("test/two:1"));
});

/** How an image wants to be run. */
async function configOf(...args: string[]): Promise<Record<string, unknown>> {
  const [{ Config }] = JSON.parse(await says(["inspect", ...args]));
  return Config;
}

/** The config of the image below, of which everything is kept. */
const WANTED = {
  User: "nobody",
  Env: ["A=b"],
  Entrypoint: ["/bin/sh", "-c"],
  Cmd: ["id"],
  WorkingDir: "/tmp",
  Volumes: { "/data": {} },
  Labels: { "gocontainer.image.digest": "none" },
  StopSignal: "SIGINT",
  ExposedPorts: { "80/tcp": {} },
};

test("the config is that of the very image, whichever others have its layers", async () => {
  const images = workspace.path("images");
  await putImage(images, "test/alike:1", [ALPINE], { config: { config: { Cmd: ["/bin/sh"] } } });
  await putImage(images, "test/alike:2", [ALPINE], { config: { config: WANTED } });
  const id = await ended("test/alike:2", "echo x > /tmp/x");
  await says(["commit", id, "test/alike:3"]);
  assertEquals(await configOf("test/alike:3"), WANTED);

  // One of before: nothing is noted, and the two say different things.
  const config = workspace.path(`containers/${id}/config.json`);
  const { annotations: _, ...before } = JSON.parse(await Deno.readTextFile(config));
  await Deno.writeTextFile(config, JSON.stringify(before));
  const unsure = await workspace.run(["commit", id, "test/alike:4"]);
  assertEquals(unsure.code, 0);
  assertMatch(unsure.stderr, /^gocontainer: warning: the config of the image below is not known/);
  assertEquals((await configOf("test/alike:4")).User, "65534:65534");
});

test("an image that has lost its name keeps its config while its container runs", async () => {
  const images = workspace.path("images");
  await putImage(images, "test/lost:1", [ALPINE, [{ name: "lost" }]], {
    config: { config: WANTED },
  });
  const running = workspace.start(
    ["run", "-net=none", "-name", "lost", "test/lost:1", "sleep 1000"],
  );
  try {
    await running.becomes("sleep");
    await says(["rmi", "-f", "test/lost:1"]);
    await says(["commit", "lost", "test/lost:2"]);
    assertEquals(await configOf("test/lost:2"), WANTED);
  } finally {
    running.kill("SIGKILL");
    await running.end();
  }
});

test("of an image that is gone, the user stays, and the rest is told", async () => {
  const images = workspace.path("images");
  await putImage(images, "test/gone:1", [ALPINE], {
    config: { config: { ...WANTED, Env: ["A=gone"] } },
  });
  await putImage(images, "test/other:1", [ALPINE], { config: { config: { Cmd: ["/bin/true"] } } });
  const id = await ended("test/gone:1", "echo x > /tmp/x");
  await says(["rmi", "test/gone:1"]);
  const { code, stderr } = await workspace.run(["commit", id, "test/gone:2"]);
  assertEquals(code, 0);
  assertMatch(
    stderr,
    /^gocontainer: warning: the config of image "test\/gone:1" \(sha256:\w+\) is not known any more: .*\n$/,
  );
  const { User, Labels } = await configOf("test/gone:2");
  assertEquals([User, Labels], ["65534:65534", {}]);
  assertMatch(await says(["run", "-net=none", "test/gone:2", "/usr/bin/id"]), /^uid=65534/);
});

test("what else is in the store, artifacts and damaged images, is passed over", async () => {
  const folder = workspace.path("others");
  const put = (name: string, ...layers: TestLayer[]) =>
    putImage(folder, name, layers, { config: { config: { ...WANTED, Env: [`A=${name}`] } } });
  await put("test/damaged:1", [{ name: "damaged" }]);
  {
    using store = ImageStore.open(folder);
    const [{ descriptor: { digest } }] = store.references();
    await Deno.truncate(`${folder}/.store/blobs/${digest.replace(":", "/")}`, 3);
    const config = await store.addBlob(OCI_EMPTY, new TextEncoder().encode("{}"));
    const artifact = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] };
    const bytes = new TextEncoder().encode(JSON.stringify(artifact));
    store.setReference(parseReference("test/sbom:1"), await store.addBlob(OCI_MANIFEST, bytes));
  }
  await put("test/sound:1", ALPINE);
  const id = await ended("-i", folder, "test/sound:1", "echo x > /tmp/x");
  // Of one of before every image is looked at.
  const config = workspace.path(`containers/${id}/config.json`);
  const { annotations: _, ...before } = JSON.parse(await Deno.readTextFile(config));
  await Deno.writeTextFile(config, JSON.stringify(before));
  await says(["commit", "-i", folder, id, "test/made:1"]);
  assertEquals((await configOf("-i", folder, "test/made:1")).Env, ["A=test/sound:1"]);
});

test("an ended container whose layers were removed says how to get them back", async () => {
  const images = workspace.path("images");
  const put = () =>
    putImage(images, "test/alone:1", [ANOTHER], {
      config: { config: WANTED },
    });
  await put();
  const id = await ended("test/alone:1", "echo x > /tmp/x");
  await says(["rmi", "test/alone:1"]);
  for (const args of [["export", "-o", workspace.path("x.tar"), id], ["commit", id, "test/x:1"]]) {
    const { code, stderr } = await workspace.run(args);
    assertEquals(code, 125);
    assertMatch(
      stderr,
      /^gocontainer: read the root of the container: image "test\/alone:1" \(sha256:\w+\) was removed, .*\nTo get it back, gocontainer pull test\/alone@sha256:\w+, or .*\n$/,
    );
  }
  await put();
  await says(["commit", id, "test/x:1"]);
  assertEquals(await configOf("test/x:1"), WANTED);
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  test(`a container goes on when its commit is ended by ${signal}`, async () => {
    const script = "head -c 100000000 /dev/urandom > /big; echo ready; sleep 1000";
    const container = workspace.start(["-net=none", "-rm", "alpine", "sh", "-c", script]);
    await container.says(/ready/);
    const { id } = await container.record();
    const isPaused = async () => JSON.parse(await says(["state", id])).status === "paused";
    const commit = workspace.start(["commit", id]);
    await until("it stands still", isPaused);
    commit.kill(signal);
    await commit.end();
    await until("it goes on", async () => !await isPaused());
    container.kill("SIGTERM");
    await container.end();
  });
}
