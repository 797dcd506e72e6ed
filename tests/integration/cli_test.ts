/** The command line: spellings, what is whose, usage, and exit codes. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { DOCKER_COMMANDS } from "../../lib/cli/docker.ts";
import { DOCKER_OPTIONS } from "../../lib/cli/docker_options.ts";
import { RUN_OPTIONS } from "../../lib/cli/run_options.ts";
import type { Spec } from "../../lib/oci/spec.ts";
import type { Outcome } from "./support/process.ts";
import { alpineArchive, entriesOf, exists } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

/** The four ways to write an option with a value. */
function spellings(name: string, value: string): string[][] {
  return [[`-${name}`, value], [`-${name}=${value}`], [`--${name}`, value], [`--${name}=${value}`]];
}

/** What is seen of an option: what the command says, and what the config holds. */
interface Seen extends Outcome {
  readonly config: Spec;
}

/** An option with a value, a script to run with it, and what shows that the value has arrived. */
interface Case {
  readonly name: string;
  readonly value: string;
  readonly script?: string;
  /** Whether it takes a network to show. */
  readonly network?: boolean;
  readonly shows: (seen: Seen) => unknown;
  readonly expected: unknown;
}

const text = ({ stdout }: Seen) => stdout.trim();
const resources = ({ config }: Seen) => config.linux!.resources!;

const CASES: readonly Case[] = [
  {
    name: "bridge-addr",
    value: "10.10.10.1/24",
    network: true,
    script: "ip route | grep default",
    shows: text,
    expected: "default via 10.10.10.1 dev eth0",
  },
  {
    name: "container-addr",
    value: "10.10.10.99/24",
    network: true,
    script: "ip -o -4 addr show eth0 | awk '{print $4}'",
    shows: text,
    expected: "10.10.10.99/24",
  },
  {
    name: "c",
    value: "elsewhere",
    shows: () => exists(workspace.path("elsewhere")),
    expected: true,
  },
  { name: "i", value: "images", shows: ({ code }) => code, expected: 0 },
  { name: "cpu", value: "300", shows: (seen) => resources(seen).cpu!.shares, expected: 300 },
  { name: "cpus", value: "0.5", shows: (seen) => resources(seen).cpu!.quota, expected: 50000 },
  { name: "mem", value: "48M", shows: (seen) => resources(seen).memory!.limit, expected: 50331648 },
  { name: "pids", value: "33", shows: (seen) => resources(seen).pids!.limit, expected: 33 },
  { name: "name", value: "spelled", script: "hostname", shows: text, expected: "spelled" },
  { name: "hostname", value: "h.x", script: "hostname", shows: text, expected: "h.x" },
  { name: "e", value: "A=-b=c", script: "echo $A", shows: text, expected: "-b=c" },
  { name: "w", value: "/usr", script: "pwd", shows: text, expected: "/usr" },
  { name: "u", value: "12:13", script: "id -u; id -g", shows: text, expected: "12\n13" },
  {
    name: "v",
    value: "/proc:/p:ro",
    script: "ls -d /p/cmdline",
    shows: text,
    expected: "/p/cmdline",
  },
  { name: "net", value: "none", script: "ls /sys/class/net", shows: text, expected: "lo" },
  {
    name: "trace",
    value: "trace.json",
    shows: () => exists(workspace.path("trace.json")),
    expected: true,
  },
  { name: "t", value: "true", script: "test -t 1 && echo tty", shows: text, expected: "tty" },
  { name: "rm", value: "true", script: "hostname", shows: isGone, expected: true },
  {
    name: "no-new-privileges",
    value: "true",
    script: "grep NoNewPrivs /proc/self/status",
    shows: text,
    expected: "NoNewPrivs:\t1",
  },
  {
    name: "explain",
    value: "true",
    shows: ({ stderr }) => /\[host\]/.test(stderr),
    expected: true,
  },
];

/** Whether the container that has told its id has no folder any more. */
function isGone(seen: Seen): boolean {
  return !exists(workspace.path(`containers/${text(seen)}`));
}

const SWITCHES = ["t", "rm", "no-new-privileges", "explain"];

for (const { name, value, script = "true", network, shows, expected } of CASES) {
  const isSwitch = SWITCHES.includes(name);
  const forms = spellings(name, value).filter((form) => !isSwitch || form.length === 1);
  if (isSwitch) forms.push([`-${name}`], [`--${name}`]);
  Deno.test(`-${name} is understood as ${forms.map((form) => form.join(" ")).join(", ")}`, async () => {
    for (const form of forms) {
      for (const made of ["elsewhere", "trace.json"]) {
        await Deno.remove(workspace.path(made), { recursive: true }).catch(() => {});
      }
      const before = new Set(workspace.ids());
      const net = network || name === "net" ? [] : ["-net", "none"];
      const outcome = await workspace.run(
        [...net, ...form, "alpine", "/bin/sh", "-c", script],
      );
      assertEquals(outcome.code, 0, `${form.join(" ")}: ${outcome.stderr}`);
      const [id] = workspace.ids().filter((id) => !before.has(id));
      const config = id === undefined ? {} as Spec : workspace.config(id);
      assertEquals(shows({ ...outcome, config }), expected, form.join(" "));
    }
  });
}

Deno.test("what each of these options shows is not there without it", async () => {
  const told = await workspace.run([
    "alpine",
    "/bin/sh",
    "-c",
    "hostname; pwd; id -u; ls -d /p 2>&1",
  ]);
  const [id, folder, user, missing] = told.stdout.split("\n");
  assertEquals([folder, user], ["/", "0"]);
  assertMatch(missing, /No such file/);
  const { cpu, memory, pids } = workspace.config(id).linux!.resources!;
  assertEquals([cpu, memory, pids], [undefined, undefined, { limit: 2048 }]);
});

Deno.test("what follows the image is the command's, dashes and all", async () => {
  const words = ["-c", 'printf "%s|" "$@"', "-x", "-net", "--mem=1", "-rm", "--", "-h", "-v"];
  const { stdout, code } = await workspace.run(["-net=none", "alpine", "/bin/sh", ...words]);
  assertEquals([code, stdout], [0, "-net|--mem=1|-rm|--|-h|-v|"]);
});

Deno.test("options end at --", async () => {
  const { stdout } = await workspace.run(["-net=none", "--", "alpine", "echo", "-net", "--"]);
  assertEquals(stdout, "-net --\n");
  const { code, stderr } = await workspace.run(["--", "-net=none", "echo"]);
  assertEquals(code, 125);
  assertMatch(stderr, /use image "-net=none"/);
});

Deno.test("the command run may be spelled out", async () => {
  const { stdout } = await workspace.run(["run", "-net", "none", "alpine", "echo", "hi"]);
  assertEquals(stdout, "hi\n");
});

const TOO_FEW = [[], ["alpine"], ["run"], ["run", "alpine"], ["-net=none", "alpine"], ["--"]];

for (const words of TOO_FEW) {
  Deno.test(`too few arguments are told with the usage: gocontainer ${words.join(" ")}`, async () => {
    const { code, stdout, stderr } = await workspace.run(words);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^Usage: gocontainer \[OPTIONS\] IMAGE COMMAND \[ARG\.\.\.\]$/m);
    // Last, for all else fills more than a terminal.
    assertMatch(
      stderr,
      /\n\ngocontainer: run a container: (an image and )?a command (are|is) missing\nGive (both|one), such as .*\n$/,
    );
    for (const { name } of CASES) assertMatch(stderr, new RegExp(`^  -${name}\\b`, "m"));
  });
}

const UNKNOWN: readonly (readonly [option: string, nearest: string | undefined])[] = [
  ["-memm", "mem"],
  ["--hostnam=x", "hostname"],
  ["-contaner-addr", "container-addr"],
  ["-brige-addr=1", "bridge-addr"],
  ["--Net", "net"],
  ["-explian", "explain"],
  ["-qqqqqqqq", undefined],
  ["-x", undefined],
];

for (const [option, nearest] of UNKNOWN) {
  const told = nearest === undefined ? "no other" : `-${nearest}`;
  Deno.test(`the unknown option ${option} is an error that names ${told}`, async () => {
    const { code, stdout, stderr } = await workspace.run([option, "alpine", "true"]);
    assertEquals([code, stdout], [1, ""]);
    const [error, hint] = stderr.split("\n");
    assertEquals(
      error,
      `gocontainer: read the option "${option.split("=")[0]}": there is none of that name`,
    );
    assertEquals(hint, nearest === undefined ? "" : `Did you mean -${nearest}?`);
    assertMatch(stderr, /^Usage: /m);
  });
}

Deno.test("an option without its value is an error that says what is missing", async () => {
  for (const option of ["-mem", "--net", "-e"]) {
    const { code, stderr } = await workspace.run([option]);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      new RegExp(`^gocontainer: read the option "${option}": it needs a value, `),
    );
  }
});

Deno.test("docker's -i -t takes no option for a folder", async () => {
  for (const words of [["-i", "-t"], ["-c", "-rm"]]) {
    const { code, stderr } = await workspace.run([...words, "alpine", "true"]);
    assertEquals(code, 1);
    const [told, hint] = stderr.split("\n");
    assertEquals(
      told,
      `gocontainer: read the option "${words[0]}": it needs a value, FOLDER, before "${words[1]}"`,
    );
    const input = words[0] === "-i" ? "Input is always passed, without an option. " : "";
    assertEquals(hint, `${input}A folder of that name would be "./${words[1]}"`);
  }
});

Deno.test("-version tells the version", async () => {
  for (const option of ["-version", "--version"]) {
    const { code, stdout, stderr } = await workspace.run([option]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^gocontainer version \d+\.\d+\.\d+\n/);
  }
});

Deno.test("-h and --help tell the usage on standard output", async () => {
  for (const option of ["-h", "--h", "-help", "--help"]) {
    const { code, stdout, stderr } = await workspace.run([option]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^Usage: gocontainer /);
    assertMatch(stdout, /^ {2}-container-addr CIDR +\S/m);
    assertNotMatch(stdout, /test-fault/);
  }
});

/** Commands that write what they have found to standard output, and the code when they fail. */
const WRITING: readonly (readonly [words: string, failed: number])[] = [
  ["images", 125],
  ["inspect alpine", 125],
  ["df", 125],
  ["save made:1", 125],
  ["-h", 125],
  ["-version", 125],
  ["list", 1],
  ["features", 1],
];

for (const [words, failed] of WRITING) {
  Deno.test(`"${words}" tells that standard output takes nothing, and ends quietly where nobody reads`, async () => {
    await workspace.run(["import", "images/alpine.tar.gz", "made:1"]);
    const runTo = (script: string) =>
      workspace.run(words.split(" "), { through: ["sh", "-c", script, "sh"] });
    const full = await runTo('"$@" > /dev/full');
    assertEquals(
      [full.code, full.stderr],
      [failed, "gocontainer: write standard output: ENOSPC (No space left on device)\n"],
    );
    const unread = await runTo(`trap '' PIPE; exec 3>&1
      { while echo 2>/dev/null; do :; done; "$@"; echo "code $?" >&3; } | true`);
    assertEquals([unread.stdout, unread.stderr], ["code 141\n", ""]);
  });
}

Deno.test("the command's exit code is gocontainer's", async () => {
  for (const code of [0, 1, 2, 42, 125, 126, 127, 128, 137, 255]) {
    const outcome = await workspace.run(["-net=none", "alpine", "/bin/sh", "-c", `exit ${code}`]);
    assertEquals([outcome.code, outcome.signal, outcome.stderr], [code, null, ""]);
  }
});

Deno.test("a command killed by signal n gives 128+n", async () => {
  const script = "echo ready; exec sleep 1000";
  const running = workspace.start(["-net=none", "alpine", "/bin/sh", "-c", script]);
  await running.says(/ready/);
  Deno.kill((await running.record()).init.pid, "SIGKILL");
  const { code, signal } = await running.end();
  assertEquals([code, signal], [128 + 9, null]);
});

Deno.test("125: the container could not be made", async () => {
  const { code } = await workspace.run(["-net=none", "-v", "/bin:/proc/x", "alpine", "true"]);
  assertEquals(code, 125);
});

Deno.test("126: the command cannot be run", async () => {
  const { code } = await workspace.run(["-net=none", "alpine", "/etc/passwd"]);
  assertEquals(code, 126);
});

Deno.test("127: there is no such command", async () => {
  const { code } = await workspace.run(["-net=none", "alpine", "no-such-command"]);
  assertEquals(code, 127);
});

Deno.test("-debug adds the stack trace that is not shown otherwise", async () => {
  const args = ["-net=none", "alpine", "no-such-command"];
  const plain = await workspace.run(args);
  assertNotMatch(plain.stderr, /^ {4}at /m);
  const debug = await workspace.run(["-debug", ...args]);
  assertMatch(debug.stderr, /^ {4}at /m);
  assert(debug.stderr.startsWith(plain.stderr), debug.stderr);
  assertEquals(debug.code, plain.code);
  // The command's own arguments are not gocontainer's.
  assertEquals((await workspace.run([...args, "-debug"])).stderr, plain.stderr);
});

/** What hands that know docker type, and what they are told. */
const DOCKER: readonly (readonly [words: string, error: RegExp, hint: RegExp])[] = [
  ["run -it --rm -p 8080:80 -d alpine true", /"-p": there is none/, /reaches .* own address/],
  ["run -d alpine true", /"-d": there is none of that name$/, /\(&\)/],
  ["run -dit alpine true", /"-dit": there is none of that name$/, /\(&\)/],
  ["run -p80:80 alpine true", /"-p80:80": there is none/, /reaches .* own address/],
  ["run -eA=1 alpine true", /"-eA": there is none/, /^Did you mean -e A=1\?$/],
  ["run -w/tmp alpine true", /"-w\/tmp": there is none/, /^Did you mean -w \/tmp\?$/],
  ["run --tmpfs /x alpine true", /"--tmpfs": there is none/, /-v \/dev\/shm\/FOLDER:DST$/],
  ["run --pid=host alpine true", /"--pid": there is none/, /\(linux\.namespaces\)/],
  ["run --gpus all alpine true", /"--gpus": there is none/, /^-privileged gives all devices/],
  [
    "run --cpuset-cpus 0 alpine true",
    /"--cpuset-cpus": there is none/,
    /\(linux\.resources\.cpu\)/,
  ],
  ["run --init alpine true", /"--init": there is none/, /first process itself/],
  ["run --dns-search x alpine true", /"--dns-search": there is none/, /:\/etc\/resolv\.conf$/],
  ["run --domainname x alpine true", /"--domainname": there is none/, /\(domainname\)/],
  ["run --network-alias db alpine true", /"--network-alias": there is none/, /-container-addr/],
  ["run --blkio-weight 500 alpine true", /there is none/, /\(linux\.resources\.blockIO\)/],
  ["run --cpu-rt-runtime 9 alpine true", /there is none/, /\(linux\.resources\.cpu\)/],
  ["run --cgroup-parent /x alpine true", /there is none/, /\(linux\.cgroupsPath\)/],
  ["run --device-cgroup-rule x alpine true", /there is none/, /\(linux\.resources\.devices\)/],
  ["run --health-interval 5s alpine true", /there is none/, /^No health checks are made$/],
  [
    "--root /run/x gc",
    /"gc": there is none of that name$/,
    /such as --root, stand create, start, /,
  ],
  ["list -a", /"-a": there is none of that name$/, /are listed/],
  ["update --cpus 1 web", /"--cpus": there is none of that name$/, /^Use --cpu-quota, /],
  ["stop web", /^gocontainer: run "stop": there is no such command/, /kill NAME KILL/],
  ["logs", /"logs": there is no such command/, /> FILE/],
  ["image ls", /"image": there is no such command/, /gocontainer images/],
  ["version", /"version": there is no such command/, /-version/],
  ["ps -a", /"-a": there is none of that name$/, /^gocontainer list /],
  ["ps", /the container's id is missing$/, /^gocontainer list /],
  ["create --name web alpine", /"--name": there is none/, /of an image, gocontainer run /],
  [
    "create alpine sh",
    /more than the container's id is given, "sh"$/,
    /of an image, gocontainer run /,
  ],
  ["start web", /container does not exist$/, /^Containers are listed by: gocontainer list$/],
  ["compose up", /"compose": there is no such command/, /by a gocontainer of its own/],
  ["ls", /"ls": there is no such command/, /^gocontainer list /],
  ["imags", /a command is missing$/, /^Did you mean the command "images"\?$/],
  ["run -cpu 1.5 alpine true", /-cpu 1\.5": not a whole number/, /-cpus 1\.5$/],
  ["run -v /a:/b:x alpine true", /"x" is none of ro, rw, idmap$/, /^Give SRC:DST/],
  ["run -v /etc:/b -v /:/b/ alpine true", /is shown at "\/b"$/, /in the container once/],
];

for (const [words, error, hint] of DOCKER) {
  Deno.test(`who types "${words}" is told what does it here`, async () => {
    const { code, stdout, stderr } = await workspace.run(words.split(" "));
    assertEquals([code, stdout], [1, ""], stderr);
    const [first, second] = stderr.split("\n");
    assertMatch(first, error);
    assertMatch(second, hint);
  });
}

Deno.test("what is told instead of docker's words is there", async () => {
  const own = RUN_OPTIONS.filter(({ help }) => help !== undefined).map(({ name }) => `-${name}`);
  const hints = [
    ...Object.values(DOCKER_COMMANDS),
    ...DOCKER_OPTIONS.flatMap(({ instead }) => instead ?? []),
  ];
  for (const hint of hints) {
    const text = hint.replaceAll("rm -r)", "").replaceAll(/--(stats|bundle)/g, "");
    for (const [option] of text.matchAll(/(?<![\w-])-[a-z-]+/g)) assert(own.includes(option), hint);
    for (const [, command] of text.matchAll(/gocontainer ([a-z]+)(?= [A-Z]|, |$| --)/g)) {
      const { code, stderr } = await workspace.run([command, "-h"]);
      assertEquals(code, 0, `${command}: ${stderr}`);
    }
  }
});

Deno.test("an image that is called like a command of docker is run all the same", async () => {
  const root = workspace.path("own");
  await Deno.mkdir(`${root}/images`, { recursive: true });
  await Deno.copyFile(alpineArchive()!, `${root}/images/stop.tar.gz`);
  const { stdout, stderr } = await workspace.run(["stop", "echo", "here"], { cwd: root });
  assertEquals(stdout, "here\n", stderr);
});

Deno.test("a word that is nearly a command is told as that, where it is no image", async () => {
  const env = { HTTPS_PROXY: "http://127.0.0.1:1" };
  const { code, stderr } = await workspace.run(["pul", "alpine"], { env });
  assertEquals(code, 125);
  assertMatch(stderr, /use image "pul": .*\nDid you mean the command "pull"\?\n$/);
  const told = await workspace.run(["-pull=never", "pul", "alpine"]);
  assertMatch(told.stderr, /\nDid you mean the command "pull"\? There are: "alpine"/);
});

Deno.test("an image by its path is told how it is chosen here", async () => {
  const root = workspace.path("by-path");
  await Deno.mkdir(`${root}/system/bin`, { recursive: true });
  await Deno.copyFile(alpineArchive()!, `${root}/mine.tar.gz`);
  for (const word of ["./system", `${root}/system`, "system", "./mine.tar.gz", "mine.tar.gz"]) {
    const { code, stderr } = await workspace.run(["-pull=never", word, "true"], { cwd: root });
    assertEquals(code, 125);
    const name = word.includes("mine") ? "mine" : "system";
    assert(stderr.endsWith(`gocontainer -i ${JSON.stringify(root)} ${name} COMMAND\n`), stderr);
  }
  const chosen = await workspace.run(["-net=none", "-i", root, "mine", "true"], { cwd: root });
  assertEquals(chosen.code, 0, chosen.stderr);
});

Deno.test("modes of volumes that change nothing here are taken", async () => {
  for (const mode of ["z", "ro,Z", "cached", "rprivate", "ro,private"]) {
    const option = `/etc:/shown:${mode}`;
    assertEquals(await workspace.sh("ls -d /shown", "-v", option), "/shown");
  }
});

Deno.test("nor where a file of that name is no image, or two files are", async () => {
  const root = workspace.path("nearly");
  await Deno.mkdir(`${root}/images`, { recursive: true });
  for (const file of ["kil.zip", "pul.tar", "pul.tgz"]) {
    await Deno.writeTextFile(`${root}/images/${file}`, "");
  }
  const kind = await workspace.run(["kil", "true"], { cwd: root });
  assertMatch(kind.stderr, /"kil\.zip" in .* cannot be read\nThese can: an extracted folder, /);
  const two = await workspace.run(["pul", "true"], { cwd: root });
  assertMatch(two.stderr, /"pul\.tar" and "pul\.tgz" match in .*\nKeep one of them there\n$/);
});

Deno.test("a command behind options is told to stand before them, and no image is pulled", async () => {
  for (const word of ["run", "images", "exec", "gc"]) {
    const { code, stdout, stderr } = await workspace.run(["-net=none", word, "alpine", "true"]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, new RegExp(`^gocontainer: read the command "${word}": it stands behind`));
    assertMatch(stderr, new RegExp(`\nBegin with it: gocontainer ${word} `));
  }
  const image = await workspace.run(["-net=none", "-pull=never", "--", "images", "true"]);
  assertMatch(image.stderr, /use image "images": there is no such image/);
  const root = workspace.path("called");
  await Deno.mkdir(`${root}/images`, { recursive: true });
  await Deno.copyFile(alpineArchive()!, `${root}/images/run.tar.gz`);
  const own = await workspace.run(["-net=none", "run", "echo", "here"], { cwd: root });
  assertEquals(own.stdout, "here\n", own.stderr);
});

Deno.test("docker's -i, which takes a folder here, is told of before anything is pulled", async () => {
  const env = { HTTPS_PROXY: "http://127.0.0.1:1" };
  const words = ["run", "-i", "alpine", "sh"];
  const { code, stderr } = await workspace.run(words, { env });
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^gocontainer: read "-i alpine": there is no such folder .*\nLeave -i out: input is always passed\n/,
  );
  assertEquals(exists(workspace.path("alpine")), false);
  // Where there is such a folder it may be meant.
  await Deno.mkdir(workspace.path("alpine"));
  const meant = await workspace.run(words, { env });
  await Deno.remove(workspace.path("alpine"), { recursive: true });
  assertEquals(meant.code, 125);
  assertMatch(meant.stderr, /\n-i is the folder with images \(-i alpine\); input is always passed/);
});

Deno.test("docker's longer names of options are understood", async () => {
  await Deno.mkdir(workspace.path("shown"));
  const script =
    "id -u; pwd; echo $A; echo /sh* /sys/class/net/*; grep NoNewPrivs /proc/self/status; tty";
  const { code, stdout, stderr } = await workspace.run([
    ...[
      "run",
      "--interactive",
      "--tty",
      "--rm",
      "--network=none",
      "--user=1000",
      "--workdir",
      "/tmp",
    ],
    ...["--env", "A=b", "--volume", "./shown:/shown", "--memory", "64m", "--cpu-shares=512"],
    ...["--pids-limit", "100", "--security-opt", "no-new-privileges:true", "alpine", "sh", "-c"],
    script,
  ]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout.trim().split("\r\n"),
    ["1000", "/tmp", "b", "/shown /sys/class/net/lo", "NoNewPrivs:\t1", "/dev/pts/0"],
  );
  const before = workspace.ids();
  await workspace.run(["run", "-m", "64m", "-ti", "-net=none", "alpine", "true"]);
  const [id] = workspace.ids().filter((id) => !before.includes(id));
  const { linux, process } = workspace.config(id!);
  assertEquals([linux!.resources!.memory!.limit, process!.terminal], [64 * 2 ** 20, true]);
});

Deno.test("options after the image are told to stand before it", async () => {
  const { code, stderr } = await workspace.run(["-net=none", "alpine", "--rm", "true"]);
  assertEquals(code, 127);
  assertMatch(stderr, /"--rm": command not found in the container\nOptions stand before the image/);
});

Deno.test("a mistaken command leaves nothing behind", async () => {
  const folder = workspace.path("empty");
  Deno.mkdirSync(folder);
  Deno.mkdirSync(`${folder}/alpine`);
  const nobody = "localhost:1/nobody:1";
  const mistakes = [
    ["run", "-i", "alpine", nobody],
    ["-net", "none", nobody, "true"],
    ["pull", nobody],
    ["push", nobody],
    ["tag", nobody, "a"],
    ["import", "none.tar"],
    ["load", "none.tar"],
  ];
  for (const mistake of mistakes) {
    const { code, stderr } = await workspace.run(mistake, { cwd: folder });
    assertEquals(code, 125, stderr);
    const left = [...entriesOf(folder), ...entriesOf(`${folder}/alpine`)].map(({ name }) => name);
    assertEquals(left, ["alpine"], mistake.join(" "));
  }
});
