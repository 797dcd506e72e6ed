/** What hands type that know docker and podman: it works, or is told with what does the same. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { run, TrialFolder } from "./image_lab.ts";
import { hasProgram } from "./layer_lab.ts";
import { DockerRegistry } from "./registry/docker_registry.ts";
import { layerOf } from "./registry/pulling.ts";
import { TestRegistry } from "./registry/test_registry.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const NEEDS = { "docker-registry": hasProgram("docker-registry") };

testWith(NEEDS, "several images at once, and all tags of a repository", async () => {
  using trial = new TrialFolder();
  await using origin = new TestRegistry();
  await using registry = await DockerRegistry.start();
  const digests = ["1", "2", "other"].map((tag, i) =>
    origin.addImage(tag, [layerOf(tag, 1000, i + 1)]).manifest.digest
  );
  const images = ["-i", `${trial.path}/images`, "-q"];
  const names = ["1", "2", "other"].map((tag) => `${origin.host}/image:${tag}`);
  // What switches off something that there is not here changes nothing.
  const pulled = await workspace.run(["pull", "--disable-content-trust", ...images, ...names]);
  assertEquals([pulled.code, pulled.stdout], [0, `${digests.join("\n")}\n`], pulled.stderr);

  // One that there is not does not keep it from the others, with podman either.
  const some = [`${origin.host}/image:none`, names[0]!, `${origin.host}/image:neither`, names[1]!];
  const others = await workspace.run(["pull", "-i", `${trial.path}/some`, "-q", ...some]);
  const first = digests.slice(0, 2).join("\n");
  assertEquals([others.code, others.stdout], [125, `${first}\n`], others.stderr);
  assertMatch(others.stderr, /image:none": there is no such tag.*\n.*image:neither": there is no/);

  const repository = `${registry.host}/team/app`;
  for (const [i, tag] of ["1", "2"].entries()) {
    await workspace.run(["tag", "-i", `${trial.path}/images`, names[i]!, `${repository}:${tag}`]);
  }
  const pushed = await workspace.run(["push", ...images, "--all-tags", repository]);
  const both = digests.slice(0, 2).sort();
  assertEquals([pushed.code, lines(pushed.stdout)], [0, both], pushed.stderr);
  for (const word of ["-a", "--all-tags"]) {
    const all = await workspace.run([
      "pull",
      "-i",
      `${trial.path}/${word}`,
      "-q",
      word,
      repository,
    ]);
    assertEquals([all.code, lines(all.stdout)], [0, both], all.stderr);
    const listed = await workspace.run([
      "images",
      "-i",
      `${trial.path}/${word}`,
      "-format",
      "{{.Tag}}",
    ]);
    assert(["1", "2"].every((tag) => listed.stdout.split("\n").includes(tag)), listed.stdout);
  }

  for (
    const [words, code, message] of [
      [
        ["pull", "-a", `${repository}:1`],
        1,
        /:1": of all tags of a repository it names one\nLeave/,
      ],
      [
        ["pull", "-a", `${repository}@${digests[0]}`],
        1,
        /: of all tags of a repository it names one/,
      ],
      [
        ["pull", "-a", `${registry.host}/none`],
        125,
        /list the tags of ".*none": there is no such repository/,
      ],
      [
        ["push", "-a", `${registry.host}/none`],
        125,
        /push all tags of ".*": there is none in the store\n/,
      ],
      [
        ["push", "-a", repository, "other"],
        1,
        /push "other": all tags of a repository keep their names/,
      ],
    ] as const
  ) {
    const refused = await workspace.run([words[0], ...images, ...words.slice(1)]);
    assertEquals(refused.code, code, refused.stderr);
    assertMatch(refused.stderr, message);
  }
});

testWith(
  { ...NEEDS, htpasswd: hasProgram("htpasswd") },
  "who is logged in, and where that is kept: where it is looked for first",
  async () => {
    using trial = new TrialFolder();
    const htpasswd = trial.file("htpasswd", run("htpasswd", ["-nbB", "somebody", "right"]));
    await using registry = await DockerRegistry.start({ htpasswd });
    const { host } = registry;
    const home = trial.folder("home", 0o700);
    const env = { HOME: home };
    const nobody = await workspace.run(["login", "--get-login", host], { env });
    assertEquals([nobody.code, nobody.stdout], [125, ""]);
    assertMatch(nobody.stderr, /tell who is logged in to ".*": nobody is\nRun gocontainer login /);

    // An older word in podman's file would be found before docker's.
    const podmans = `${home}/.config/containers/auth.json`;
    Deno.mkdirSync(`${home}/.config/containers`, { recursive: true });
    const old = { auths: { [host]: { auth: btoa("somebody:wrong") } } };
    Deno.writeTextFileSync(podmans, JSON.stringify(old), { mode: 0o600 });
    const login = ["login", "-u", "somebody", "-password-stdin", host];
    const done = await workspace.run(login, { env, stdin: "right" });
    assertEquals(done.code, 0, done.stderr);
    assertMatch(done.stderr, /kept by ".*\/\.config\/containers\/auth\.json"/);
    const named = `${trial.path}/named.json`;
    const other = await workspace.run(login, {
      env: { ...env, REGISTRY_AUTH_FILE: named },
      stdin: "right",
    });
    assertMatch(other.stderr, /kept by ".*\/named\.json"/);
    const who = await workspace.run(["login", "-get-login", host], { env });
    assertEquals([who.code, who.stdout, who.stderr], [0, "somebody\n", ""]);
    // What cannot be kept is told with where that would have been.
    const blocked = trial.folder("blocked", 0o700);
    Deno.writeTextFileSync(`${blocked}/.docker`, "");
    const lost = await workspace.run(login, { env: { HOME: blocked }, stdin: "right" });
    assertEquals(lost.code, 125);
    assertMatch(lost.stderr, /write ".*\/blocked\/\.docker\/config\.json": .*\nName another file /);
    const listed = await workspace.run(["search", "--list-tags", `${host}/none`], { env });
    assertMatch(listed.stderr, /list the tags of ".*": there is no such repository/);
  },
);

Deno.test("what there is not is told with what does the same", async () => {
  for (
    const [words, hint] of [
      ["pull --arch arm64 x", /Use -platform OS\/ARCH/],
      ["pull --os linux x", /Use -platform OS\/ARCH/],
      ["pull --authfile=f x", /REGISTRY_AUTH_FILE=FILE/],
      ["pull --cert-dir f x", /\/etc\/docker\/certs\.d/],
      ["run --authfile f x y", /REGISTRY_AUTH_FILE=FILE/],
      ["run --arch arm64 x y", /Use -platform OS\/ARCH/],
      ["pull --policy always x", /run -pull WHEN/],
      ["push --digestfile f x", /> FILE/],
      ["push --format v2s2 x", /as it is in the store/],
      ["push --remove-signatures x", /No signatures/],
      ["login -p secret -u me x", /-password-stdin/],
      ["login --authfile f x", /REGISTRY_AUTH_FILE=FILE/],
      ["logout --all", /gocontainer logout REGISTRY/],
      ["search --filter stars=3 x", /-format/],
    ] as const
  ) {
    const { code, stdout, stderr } = await workspace.run(words.split(" "));
    assertEquals([code, stdout], [1, ""], stderr);
    assertMatch(stderr, /: there is none of that name\n/);
    assertMatch(stderr, hint);
    assert(!stderr.includes("secret"), stderr);
  }
});

function lines(text: string): string[] {
  return text.trim().split("\n").sort();
}
