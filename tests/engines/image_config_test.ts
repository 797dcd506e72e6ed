/** The same images run by podman and by gocontainer: what their configs ask for comes out the same. */

import { assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import type { ProcessConfig } from "../../lib/image/config.ts";
import { putImage, type TestLayer } from "../integration/layer_lab.ts";
import { alpineArchive, isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { HAS_PODMAN, Podman } from "./support/podman.ts";
import { testWith } from "./support/skip.ts";

const workspace = Workspace.ofThisFile();
const podman = new Podman(workspace);
const archive = alpineArchive();
const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

/** Accounts, a folder with something in it, and a program that tells what it finds. */
const CONTENT: TestLayer = [
  {
    name: "etc/passwd",
    content: "root:x:0:0:root:/root:/bin/sh\napp:x:60:70::/home/app:/bin/sh\n",
  },
  { name: "etc/group", content: "root:x:0:\nmain:x:70:\nmore:x:71:app\nother:x:72:nobody,app\n" },
  { name: "data/", type: "5", mode: 0o1750, uid: 60, gid: 71 },
  { name: "data/seed", content: "seed\n", mode: 0o640, uid: 60, gid: 70, mtime: 1_000_000_000 },
  { name: "data/link", type: "2", linkname: "seed" },
  {
    name: "bin/tell",
    mode: 0o755,
    content: `#!/bin/sh
echo "arguments: $*"; echo "folder: $(pwd)"; id -u; id -g; umask
echo groups; for group in $(id -g) $(id -G); do echo $group; done | sort -u
env | grep -vE '^(HOSTNAME|TERM|USER|PS1|container|SHLVL|PWD|_)=' | sort
stat -c '%n %F %a %u:%g' /data /data/* "$(pwd)" 2>&1
grep -c ' /data ' /proc/self/mountinfo; grep NoNew /proc/self/status
`,
  },
];

interface Case {
  readonly config: ProcessConfig;
  /** Options, and what follows the image. */
  readonly options?: readonly string[];
  readonly command?: readonly string[];
}

const TELL = ["/bin/tell"];

const CASES: Readonly<Record<string, Case>> = {
  "Cmd alone": { config: { Cmd: ["/bin/tell", "a", "b c"] } },
  "Entrypoint and Cmd": { config: { Entrypoint: TELL, Cmd: ["x"] } },
  "a command instead of Cmd": { config: { Entrypoint: TELL, Cmd: ["x"] }, command: ["-y", "z"] },
  "another entrypoint": {
    config: { Entrypoint: ["/bin/false"], Cmd: ["x"] },
    options: ["--entrypoint", "/bin/tell"],
    command: ["q"],
  },
  "environment": {
    config: { Cmd: TELL, Env: ["PATH=/bin:/x", "A=1", "B=x y", "A=2", "EMPTY="] },
    options: ["-e", "B=mine", "-e", "C=3"],
  },
  "a working folder that is not there": { config: { Cmd: TELL, WorkingDir: "/srv/a/b" } },
  "a user by name, with groups": { config: { Cmd: TELL, User: "app", WorkingDir: "/tmp" } },
  "a user and a group by name": { config: { Cmd: TELL, User: "app:more" } },
  "a user by number": { config: { Cmd: TELL, User: "60" } },
  "an unknown number": { config: { Cmd: TELL, User: "4711:4712" } },
  "the user's user": { config: { Cmd: TELL, User: "app" }, options: ["-u", "0:0"] },
  "a volume": { config: { Cmd: TELL, Volumes: { "/data": {} }, WorkingDir: "/data" } },
  "a volume for a user": { config: { Cmd: TELL, Volumes: { "/data": {} }, User: "app" } },
};

for (const [what, { config, options = [], command = [] }] of Object.entries(CASES)) {
  testWith(
    { podman: HAS_PODMAN, runc: isInstalled("runc"), alpine: archive !== undefined },
    `podman and gocontainer run an image alike: ${what}`,
    async () => {
      await podman.prepare();
      const name = `docker.io/test/${what.toLowerCase().replaceAll(/[^a-z]+/g, "-")}:1`;
      await putImage(workspace.path("images"), name, [ALPINE, CONTENT], { config: { config } });
      const file = workspace.path("saved.tar");
      const saved = await workspace.run(["save", "-o", file, name]);
      assertEquals(saved.code, 0, saved.stderr);
      const loaded = await podman.with("runc", "load", "-q", "-i", file);
      assertEquals(loaded.code, 0, loaded.stderr);
      await Deno.remove(file);
      const run = ["run", "--rm", "--net", "none"];
      const theirs = await podman.with("runc", ...run, ...options, name, ...command);
      const ours = await workspace.run([...run, ...options, name, ...command]);
      assertEquals([theirs.code, ours.code], [0, 0], `${theirs.stderr}${ours.stderr}`);
      assertEquals(ours.stdout.split("\n"), theirs.stdout.split("\n"));
    },
  );
}
