/** README.md tells what is so: its commands for checking by hand do what stands beside them. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { RUN_OPTIONS } from "../../lib/cli/run_options.ts";
import { BINARY, isInstalled, ROOT } from "./support/project.ts";
import { until } from "./support/wait.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const README = Deno.readTextFileSync(`${ROOT}/README.md`);

Deno.test("what README.md has for checking the isolation by hand works", async () => {
  const [, section] = README.split("## Checking the isolation by hand\n");
  const [intro, table] = section.split(/\n## /)[0].split("\n\n| what | how |");
  const name = `box-${crypto.randomUUID()}`;
  const named = (text: string) => text.replaceAll(/\bbox\b/g, name);
  const [begin, findPid] = commandsOf(intro).map(named);
  const words = begin.split(" ");
  assertEquals(words.slice(0, 2), ["sudo", "./gocontainer"]);
  const running = workspace.start(words.slice(2));
  const { init, network } = await running.becomes("sleep");
  assertEquals((await paste(`${findPid}; echo $PID`)).stdout, `${init.pid}\n`);

  let count = 0;
  for (const row of table.trim().split("\n").slice(1)) {
    const how = row.split(" | ").slice(1).join(" | ");
    for (const command of commandsOf(how).map((text) => text.replace("veth…", network.veth))) {
      const [program] = command.replace(/^sudo /, "").split(" ");
      if (!isInstalled(program)) continue;
      const { code, stdout, stderr } = await paste(`PID=${init.pid}; ${command}`);
      // grep -c is not content with none.
      if (/: 0 \|$/.test(how)) assertEquals(stdout, "0\n");
      else assertEquals(code, 0, `${command}: ${stderr}`);
      count++;
    }
  }
  assert(count >= 9, `${count} commands`);
  running.kill("SIGTERM");
  await running.end();
});

Deno.test("README.md says where what -explain has for checking is to be run", async () => {
  const [, text] = README.match(/\n(`-explain` has a command[^]*?)\n\n/)!;
  const name = `box-${crypto.randomUUID()}`;
  const running = workspace.start([
    "-explain",
    "-net=none",
    "-name",
    name,
    "alpine",
    "sleep",
    "100",
  ]);
  const { init } = await running.becomes("sleep");
  await until("it is told", () => running.stderr.includes("/proc/1/environ\n"));
  const checkOf = (label: string) =>
    running.stderr.split(/\n(?= ?\d+\. )/).find((step) => step.includes(label))!
      .match(/ check: (.*)/)![1];

  const [shell] = commandsOf(text).filter((command) => command.startsWith("sudo"));
  const inside = shell.replace(/\bbox\b/, name).replace(" -t ", " ");
  const hostname = checkOf("set the hostname");
  assertEquals((await paste(`echo "${hostname}" | ${inside}`)).stdout, `${name}\n`);
  const cgroups = checkOf("join the cgroups").split("on the host: ")[1].replace(
    "<pid>",
    `${init.pid}`,
  );
  assertMatch((await paste(cgroups)).stdout, /:\/go_containers\//);
  running.kill("SIGTERM");
  await running.end();
});

Deno.test("what README.md says of kill holds: sleep does not see SIGTERM, and KILL ends it", async () => {
  assertMatch(
    README,
    /without a handler for it, such as `sleep`, does not see as process 1;\n`kill NAME KILL`/,
  );
  const name = `box-${crypto.randomUUID()}`;
  const running = workspace.start(["-net=none", "-name", name, "alpine", "sleep", "100"]);
  await running.becomes("sleep");
  assertEquals((await workspace.run(["kill", name])).code, 0);
  assertEquals((await workspace.run(["exec", name, "true"])).code, 0);
  assertEquals((await workspace.run(["kill", name, "KILL"])).code, 0);
  assertEquals((await running.end()).code, 137);
});

Deno.test("README.md says which commands read standard input without a file, and which with -", async () => {
  const [, unnamed, dash] = README.match(
    /\n(`load`.*) read standard input .*, (`.*`) with\n`-` for it/,
  )!;
  assertEquals(commandsOf(unnamed), ["load", "save", "export"]);
  const archive = await Deno.readFile(workspace.path("images/alpine.tar.gz"));
  const [reads] = commandsOf(dash);
  assertEquals((await workspace.run([reads], { stdin: archive })).code, 1);
  assertEquals((await workspace.run([reads, "-", "x:1"], { stdin: archive })).code, 0);
  const saved = workspace.path("saved.tar");
  assertEquals((await workspace.run(["save", "-o", saved, "x:1"])).code, 0);
  assertEquals((await workspace.run(["load"], { stdin: await Deno.readFile(saved) })).code, 0);
});

Deno.test("README.md has all options of run, and none that there are not", () => {
  const [, section] = README.split("\n## Usage\n");
  const named = new Set(
    section.split("\n## ")[0].split("\n").filter((line) => line.startsWith("| `-"))
      .flatMap((row) => [...row.matchAll(/`-([a-z-]+)/g)].map(([, name]) => name)),
  );
  const names = RUN_OPTIONS.filter(({ help }) => help !== undefined)
    .flatMap(({ name, alias = [] }) => [name, alias].flat());
  assertEquals([...named].toSorted(), names.toSorted());
});

function commandsOf(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, command]) => command);
}

/** Runs a line as an ordinary user's shell would, which cannot look into the folders that are root's alone. */
async function paste(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const looks = /sudo|containers\//.test(line.replaceAll("go_containers/", "")) ? "set -f; " : "";
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `sudo() { "$@"; }; ${looks}${line.replaceAll("./gocontainer", BINARY)}`],
    cwd: workspace.folder,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
