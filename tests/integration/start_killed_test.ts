/** A process of a container is killed at any moment while it is being started: always the same is said, and nothing is left. */

import { assert, assertEquals } from "@std/assert";
import { Bundles, mapUsers } from "./support/bundle.ts";
import { assertHostIsAsBefore, lookAtHost } from "./support/host.ts";
import type { Running } from "./support/process.ts";
import { exists } from "./support/project.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Of a start: its exit code, and what it has complained of. */
type Told = readonly [code: number, stderr: string];

/** A start, over and over again, each time killed a little later. */
interface Attack {
  readonly start: () => Running;
  /** What is told when the process is killed before it is the program. */
  readonly early: Told;
  /** What is told when it is killed later. */
  readonly late?: Told;
  /** How much later the last kill is than the first, in milliseconds: by then it should be the program. */
  readonly span: number;
  /** Which children are meant; all unless told. */
  readonly isMeant?: (pid: number) => boolean;
  /** Where it complains, if that is not its standard error. */
  readonly complaint?: () => string;
  /** Called after each. */
  readonly after?: (code: number) => Promise<void>;
}

const ROUNDS = 20;
const EARLY = "gocontainer: start the container: its first process ended early, by signal 9\n";

async function attack(
  { start, early, late = [137, ""], span, isMeant, complaint, after }: Attack,
): Promise<void> {
  const before = lookAtHost();
  const seen = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    const delay = span * round / ROUNDS;
    const running = start();
    childrenOf(running.pid, isMeant);
    const due = performance.now() + delay;
    while (performance.now() < due);
    killAll(() => childrenOf(running.pid, isMeant));
    const { code, stderr } = await running.end();
    seen.add(code);
    const what = `killed after ${delay} ms`;
    const said = complaint?.() ?? stderr;
    assertEquals([what, code, said], [what, ...code === late[0] ? late : early]);
    await after?.(code);
  }
  assert(seen.has(early[0]), "always killed too late");
  await assertHostIsAsBefore(before);
}

/** The children that a process has, as soon as it has any; none when it has ended. Asks without a pause. */
function childrenOf(pid: number, isMeant: (pid: number) => boolean = () => true): number[] {
  for (;;) {
    try {
      Deno.readLinkSync(`/proc/${pid}/exe`);
      const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
      const found = children.split(" ").map(Number).filter((child) => child > 0 && isMeant(child));
      if (found.length > 0) return found;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }
}

/** Whether it is the first one of a new pid namespace; what makes the network, for one, is not. */
function isFirst(pid: number): boolean {
  try {
    return /^NSpid:\t\d+\t1$/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** One may have left another one meanwhile. */
function killAll(children: () => number[]): void {
  for (let found = children(); found.length > 0; found = children()) found.forEach(kill);
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

const IMAGES: readonly (readonly string[])[] = [
  ["-net", "none"],
  ["-net", "none", "-t"],
  ["-net", "none", "-userns", "auto"],
  ["-userns", "auto"],
  [],
];

for (const options of IMAGES) {
  Deno.test(`the first process of an image's container is killed: ${options.join(" ")}`, async () => {
    const command = ["-rm", ...options, "alpine", "sleep", "5"];
    assertEquals((await workspace.run(["-rm", ...options, "alpine", "true"])).code, 0);
    await attack({
      start: () => workspace.start(command),
      early: [125, EARLY],
      span: options.includes("-userns") ? 36 : 15,
      isMeant: isFirst,
    });
    assertEquals(workspace.ids(), []);
  });
}

for (const [what, change] of [["", () => {}], [" with a user namespace", mapUsers]] as const) {
  Deno.test(`the first process of a bundle${what} is killed while it is being run`, async () => {
    const bundle = await bundles.make("exec sleep 5", change);
    await attack({
      start: () => workspace.start([...bundles.global, "run", "--bundle", bundle, bundles.id()]),
      early: [1, EARLY],
      span: what === "" ? 15 : 36,
      isMeant: isFirst,
    });
  });

  Deno.test(`the first process of a bundle${what} is killed while it is being created`, async () => {
    const bundle = await bundles.make("exec sleep 5", change);
    const errors = `${bundle}/errors`;
    // What is created would keep the output open.
    const through = ["sh", "-c", `exec "$@" >/dev/null 2>"$0"`, errors];
    let id = "";
    await attack({
      start: () => {
        id = bundles.id();
        return workspace.start([...bundles.global, "create", "--bundle", bundle, id], { through });
      },
      complaint: () => Deno.readTextFileSync(errors),
      early: [1, EARLY],
      late: [0, ""],
      span: what === "" ? 15 : 36,
      isMeant: isFirst,
      after: async (code) => {
        if (code === 0) await bundles.command(["delete", "--force", id]);
      },
    });
  });
}

Deno.test("the first process is killed while the container that was created is being started", async () => {
  const bundle = await bundles.make("exec sleep 5");
  const lost = [
    "gocontainer: start the container: its first process ended early, for an unknown reason\n",
    /^gocontainer: start container "[^"]+": it is stopped, not created\n/,
  ];
  const through = ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh"];
  for (let round = 0; round < ROUNDS; round++) {
    const id = bundles.id();
    await bundles.command(["create", "--bundle", bundle, id], { through });
    const { pid } = JSON.parse((await bundles.command(["state", id])).stdout);
    const running = workspace.start([...bundles.global, "start", id]);
    // It connects to a socket, whose name goes then.
    const socket = workspace.path(`state/${id}/start.sock`);
    const due = performance.now() + 1000;
    while (exists(socket) && performance.now() < due);
    kill(pid);
    const { code, stderr } = await running.end();
    assert(code === 0 ? stderr === "" : lost.some((told) => stderr.match(told)), stderr);
    await bundles.command(["delete", "--force", id]);
  }
});

Deno.test("one more process of a container is killed while it is being made", async () => {
  await bundles.during(() => {}, async (id) => {
    await attack({
      start: () => workspace.start([...bundles.global, "exec", id, "sleep", "5"]),
      early: [
        255,
        `gocontainer: run in container "${id}": the process ended early, by signal 9\n`,
      ],
      span: 15,
    });
  });
});
