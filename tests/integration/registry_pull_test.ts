/** Pulls from Debian's docker-registry what others have pushed there, beside what umoci makes of it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { difference, manifest, run, sh, TrialFolder } from "./image_lab.ts";
import { extract, hasProgram, manifestOfOverlay } from "./layer_lab.ts";
import { makeAuthority, makeCertificate } from "./registry/certificates.ts";
import { DockerRegistry } from "./registry/docker_registry.ts";
import {
  makeLayout,
  NEEDS,
  skopeoCopy,
  unpackFromRegistry,
  unpackLayout,
} from "./registry/origin_image.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** Pulls an image and compares all of it with what umoci unpacks. */
async function comparePulled(
  trial: TrialFolder,
  reference: string,
  unpack = () => unpackFromRegistry(trial.path, reference),
): Promise<void> {
  const images = `${trial.path}/images-${crypto.randomUUID()}`;
  const { code, stdout, stderr } = await workspace.run(["pull", "-i", images, reference]);
  assertEquals([code, stderr.includes("warning")], [0, false], stderr);
  assertMatch(stdout, /^sha256:[0-9a-f]{64}\n$/);
  const mine = await manifestOfOverlay(trial, await extract(images, reference));
  const theirs = await manifest(unpack());
  assertEquals(difference(mine, theirs), []);
  const check = await workspace.run(["images", "check", "-i", images]);
  assertEquals(check.code, 0, check.stderr);
}

/** The same image in the forms that are in use. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  "OCI, gzip": [],
  "OCI, zstd": ["--dest-compress-format", "zstd"],
  "docker's schema 2": ["--format", "v2s2"],
};

for (const [form, options] of Object.entries(FORMS)) {
  testWith(NEEDS, `an image that skopeo has pushed: ${form}`, async () => {
    await using registry = await DockerRegistry.start();
    using trial = new TrialFolder();
    const reference = `${registry.host}/some/image:1`;
    const layout = makeLayout(trial.path);
    skopeoCopy(`oci:${layout}`, `docker://${reference}`, ...options);
    // umoci cannot read zstd, but the image that it was made of.
    const isZstd = options.includes("zstd");
    await comparePulled(
      trial,
      reference,
      isZstd ? () => unpackLayout(trial.path, layout) : undefined,
    );
  });
}

testWith(NEEDS, "a layer whose archive ends without a mark, as umoci adds it", async () => {
  await using registry = await DockerRegistry.start();
  using trial = new TrialFolder();
  const reference = `${registry.host}/image:1`;
  const layout = makeLayout(trial.path);
  run("umoci", ["insert", "--image", layout, "/bin/busybox", "/bin/other"]);
  skopeoCopy(`oci:${layout}`, `docker://${reference}`);
  await comparePulled(trial, reference);
});

for (const [program, options] of Object.entries({ buildah: [], podman: [] })) {
  testWith(
    { ...NEEDS, [program]: hasProgram(program) },
    `an image that ${program} has pushed`,
    async () => {
      await using registry = await DockerRegistry.start();
      using trial = new TrialFolder();
      const reference = `${registry.host}/image:1`;
      const storage = ["--root", `${trial.path}/storage`, "--runroot", `${trial.path}/run`]
        .concat("--storage-driver", "vfs", options);
      run(program, [...storage, "pull", "-q", `oci:${makeLayout(trial.path)}`]);
      const id = run(program, [...storage, "images", "-q"]).trim().split("\n")[0]!;
      run(program, [...storage, "push", "--tls-verify=false", id, `docker://${reference}`]);
      await comparePulled(trial, reference);
    },
  );
}

testWith(NEEDS, "one of several platforms", async () => {
  await using registry = await DockerRegistry.start();
  using trial = new TrialFolder();
  const layout = makeLayout(trial.path);
  const other = Deno.build.arch === "aarch64" ? "amd64" : "arm64";
  const own = other === "arm64" ? "amd64" : "arm64";
  sh(
    `cp -r layout other; umoci config --image other:image --architecture ${other}`,
    trial.path,
  );
  skopeoCopy(`oci:${layout}`, `docker://${registry.host}/many:own`);
  skopeoCopy(`oci:${trial.path}/other:image`, `docker://${registry.host}/many:other`);
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: await Promise.all(
      [["own", own], ["other", other]].map(async ([tag, architecture]) => {
        const url = `http://127.0.0.1:${registry.port}/v2/many/manifests/${tag}`;
        const answer = await fetch(url, {
          headers: { Accept: "application/vnd.oci.image.manifest.v1+json" },
        });
        const { length: size } = await answer.bytes();
        const digest = answer.headers.get("docker-content-digest");
        const mediaType = answer.headers.get("content-type");
        return { mediaType, digest, size, platform: { os: "linux", architecture } };
      }),
    ),
  });
  const put = await fetch(`http://127.0.0.1:${registry.port}/v2/many/manifests/all`, {
    method: "PUT",
    headers: { "Content-Type": "application/vnd.oci.image.index.v1+json" },
    body: index,
  });
  await put.body?.cancel();
  assertEquals(put.status, 201);
  const digest = put.headers.get("docker-content-digest");

  const reference = `${registry.host}/many:all`;
  const platformOf = async (images: string, ...options: string[]) => {
    const args = ["-i", `${trial.path}/${images}`, ...options, reference];
    const { code, stdout, stderr } = await workspace.run(["pull", ...args]);
    assertEquals([code, stdout], [0, `${digest}\n`], stderr);
    const listed = await workspace.run([
      "images",
      "-i",
      `${trial.path}/${images}`,
      "-format",
      "json",
    ]);
    return JSON.parse(listed.stdout).find((row: { Source: string }) => row.Source === "store")
      .Platform;
  };
  assertEquals(await platformOf("a"), `linux/${own}`);
  assertEquals(await platformOf("b", "-platform", `linux/${other}`), `linux/${other}`);
  const none = await workspace.run([
    "pull",
    "-i",
    `${trial.path}/c`,
    "-platform",
    "s390x",
    reference,
  ]);
  assertEquals(none.code, 125);
  assertMatch(none.stderr, new RegExp(`There are: linux/${own}, linux/${other}`));
  // By its digest, too, whatever the tag says.
  const pinned = `${registry.host}/many@${digest}`;
  assertEquals(
    (await workspace.run(["pull", "-i", `${trial.path}/d`, pinned])).stdout,
    `${digest}\n`,
  );
});

testWith(NEEDS, "run pulls an image that is not there, and takes its command from it", async () => {
  await using registry = await DockerRegistry.start();
  using trial = new TrialFolder();
  const layout = makeLayout(trial.path);
  sh(
    `umoci config --image layout:image --config.cmd /bin/sh --config.cmd -c --config.cmd 'pwd; id -u'`,
    trial.path,
  );
  const reference = `${registry.host}/image:1`;
  skopeoCopy(`oci:${layout}`, `docker://${reference}`);
  const args = ["-i", `${trial.path}/images`, "-rm", "-net", "none"];
  const never = await workspace.run(["run", ...args, "-pull", "never", reference]);
  assertMatch(never.stderr, /^gocontainer: use image ".*": the folder ".*" does not exist/);
  const first = await workspace.run(["run", ...args, reference]);
  assertEquals([first.code, first.stdout], [0, "/etc\n7\n"], first.stderr);
  assertMatch(first.stderr, /^gocontainer: pulling localhost:\d+\/image:1\n/);
  // The second time there is nothing to pull, and nothing to say.
  const second = await workspace.run(["run", ...args, reference]);
  assertEquals([second.code, second.stdout, second.stderr], [0, "/etc\n7\n", ""]);
  const always = await workspace.run(["run", ...args, "-pull", "always", reference]);
  assertEquals([always.code, always.stdout], [0, "/etc\n7\n"]);
  assertMatch(always.stderr, /: there\n/);
  const absent = await workspace.run(["run", ...args, `${registry.host}/image:2`, "true"]);
  assertEquals(absent.code, 125);
  assertMatch(
    absent.stderr,
    /use image ".*": there is no such image in ".*", and to pull ".*": there is no such tag or digest/,
  );
  // Where the registry has nothing to advise, what is there is told.
  const nowhere = await workspace.run(["run", ...args, "registry.invalid/other:1", "true"]);
  assertEquals(nowhere.code, 125);
  assertMatch(nowhere.stderr, /look up the host registry\.invalid: .*\nThere are: .*\/image:1"/);
});

testWith(
  { ...NEEDS, htpasswd: hasProgram("htpasswd"), openssl: hasProgram("openssl") },
  "run speaks to the registry as pull does: credentials, certificate, progress",
  async () => {
    using trial = new TrialFolder();
    makeAuthority(trial.path);
    await using registry = await DockerRegistry.start({
      tls: makeCertificate(trial.path, "server"),
      htpasswd: trial.file("htpasswd", run("htpasswd", ["-nbB", "somebody", "secret"])),
    });
    const reference = `${registry.host}/image:1`;
    skopeoCopy(
      `oci:${makeLayout(trial.path)}`,
      `docker://${reference}`,
      "--dest-creds=somebody:secret",
    );
    const home = trial.folder("home", 0o700);
    const start = (options: readonly string[], words: readonly string[] = ["run"]) => {
      const args = ["-i", `${trial.path}/images`, "-rm", "-net", "none", ...options];
      return workspace.run([...words, ...args, reference, "sh", "-c", "pwd"], {
        env: { HOME: home },
      });
    };
    const untrusted = await start(["--creds", "somebody:secret"]);
    assertEquals(untrusted.code, 125);
    assertMatch(
      untrusted.stderr,
      /signed by an authority that is not known here\n.*-tls-verify=false/,
    );
    const anonymous = await start(["--tls-verify=false"]);
    assertEquals(anonymous.code, 125);
    assertMatch(anonymous.stderr, /the registry wants to know who asks/);
    const known = ["--creds", "somebody:secret", "--tls-verify=false"];
    const first = await start([...known, "--pull", "always", "-progress", "json"]);
    assertEquals([first.code, first.stdout], [0, "/etc\n"], first.stderr);
    const events = first.stderr.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(events[0].event, "parts");
    const second = await start(
      ["-creds=somebody:secret", "-tls-verify=false", "-pull=always", "-progress=none"],
      [],
    );
    assertEquals([second.code, second.stdout, second.stderr], [0, "/etc\n", ""]);
    const bad = await start(["-creds", "justaword"]);
    assertMatch(bad.stderr, /^gocontainer: read the credentials: they are not USER:PASSWORD/);
    assertMatch((await start(["-progress", "pie"])).stderr, /^gocontainer: read "-progress pie"/);
  },
);

testWith(NEEDS, "progress goes to standard error, in the form that is asked for", async () => {
  await using registry = await DockerRegistry.start();
  using trial = new TrialFolder();
  const reference = `${registry.host}/image:1`;
  skopeoCopy(`oci:${makeLayout(trial.path)}`, `docker://${reference}`);
  const pull = async (kind: string) => {
    const images = `${trial.path}/${kind}`;
    const told = await workspace.run(["pull", "-progress", kind, "-i", images, reference]);
    assertMatch(told.stdout, /^sha256:[0-9a-f]{64}\n$/);
    return told.stderr;
  };
  assertEquals(await pull("none"), "");
  assertMatch(await pull("lines"), /^gocontainer: pulling .*\n([0-9a-f]{12}: .*\n)+$/);
  const events = (await pull("json")).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events[0].event, "parts");
  const lines = events.map((event) => JSON.stringify(event));
  assertEquals(lines, [...new Set(lines)]);
  for (const { digest, size } of events[0].parts) {
    const own = events.filter((event) => event.digest === digest);
    assert(own.every((event) => event.size === size));
    assertEquals(own.at(-1).event, "extracted");
    assertEquals(own.at(-1).bytes, size);
    assertEquals(own.filter(({ event }) => event === "done").length, 1);
  }
  const wrong = await workspace.run(["pull", "-progress", "pie", reference]);
  assertEquals(wrong.code, 1);
  assertMatch(wrong.stderr, /read "-progress pie": not bars, lines, json, none/);
});

testWith({}, "who reads events gets warnings and errors as such lines too", async () => {
  const read = async (...words: string[]) => {
    const { code, stderr } = await workspace.run(words);
    return [code, ...stderr.trim().split("\n").map((line) => JSON.parse(line))];
  };
  const images = ["-i", workspace.path("json")];
  const [failed, first, second] = await read(
    ...["pull", ...images, "-progress", "json", "127.0.0.1:1/one", "127.0.0.1:1/two"],
  );
  assertEquals([failed, first.event, second.event], [125, "error", "error"]);
  assertMatch(first.message, /^pull "127.0.0.1:1\/one:latest": /);
  assertMatch(second.message, /^pull "127.0.0.1:1\/two:latest": /);
  const [wrong, usage] = await read("pull", "-progress=json", "-a", "127.0.0.1:1/one:1");
  assertEquals([wrong, usage.event], [1, "error"]);
  assertMatch(usage.hint, /^Leave /);

  const run = ["run", "-progress=json", "-pull=always", "-rm", "-net=none"];
  const [code, warning, nobody] = await read(...run, "-u", "nobody-here", "alpine", "true");
  assertEquals([code, warning], [125, {
    event: "warning",
    message: 'image "alpine" is one of the images folder: it is not pulled',
  }]);
  assertEquals(nobody.event, "error");
  assertMatch(nobody.message, /nobody-here/);
  const quiet = await workspace.run(["pull", ...images, "-q", "-progress=json", "127.0.0.1:1/one"]);
  assertMatch(quiet.stderr, /^gocontainer: pull /);
});

testWith(NEEDS, "tags and repositories are listed", async () => {
  await using registry = await DockerRegistry.start();
  using trial = new TrialFolder();
  const layout = makeLayout(trial.path);
  for (const name of ["one/a:1", "one/a:2", "one/b:1", "two:1"]) {
    skopeoCopy(`oci:${layout}`, `docker://${registry.host}/${name}`);
  }
  const lines = async (...args: string[]) => (await workspace.run(["search", ...args])).stdout;
  const tags = await lines("-tags", "-format", "{{.Tag}}", `${registry.host}/one/a`);
  assertEquals(tags.trim().split("\n").sort(), ["1", "2"]);
  const found = await lines("-format", "{{.Name}}", `${registry.host}/one`);
  assertEquals(found, `${registry.host}/one/a\n${registry.host}/one/b\n`);
  assertEquals(
    await lines("-format", "{{.Name}}", "-limit", "1", `${registry.host}/`),
    `${registry.host}/one/a\n`,
  );
  const none = await workspace.run(["search", "-tags", `${registry.host}/three`]);
  assertMatch(none.stderr, /list the tags of ".*": there is no such repository/);
});
