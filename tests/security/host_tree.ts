import { assertEquals } from "@std/assert";
import { run, type TrialFolder } from "../integration/image_lab.ts";
import { ROOT } from "../integration/support/project.ts";

/**
 * Folders that others write to at any time: those of temporary files, logs and caches, and the project's; and where
 * gocontainer keeps its records.
 */
const OTHERS = [
  "/run/gocontainer",
  "/tmp",
  "/var/tmp",
  "/var/log",
  `${Deno.env.get("HOME") ?? "/root"}/.cache`,
  ROOT.slice(0, ROOT.lastIndexOf("/")) || ROOT,
];

/** How often it is tried anew when somebody else has changed something meanwhile. */
const ROUNDS = 4;

/**
 * Asserts that attacks change nothing on the host: type, mode, owner, size, identity, target, and the
 * time of the last change of any kind, which cannot be set back, of every file of all its disks.
 *
 * An attack that gets through does so each time. What others change meanwhile they do not, or they do so when
 * there is no attack as well.
 *
 * @param trial a folder for what is noted; nothing below it counts
 */
export async function assertHostTreeStays(
  trial: TrialFolder,
  attack: () => Promise<void>,
): Promise<void> {
  let suspects: ReadonlySet<string> | undefined;
  let before = look(trial, 0);
  let duration = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const start = performance.now();
    await attack();
    duration = performance.now() - start;
    const after = look(trial, round);
    const changed = changedIn(before, after);
    suspects = suspects === undefined ? changed : suspects.intersection(changed);
    if (suspects.size === 0) return;
    before = after;
  }
  await new Promise((resolve) => setTimeout(resolve, duration));
  suspects = suspects?.difference(changedIn(before, look(trial, 0)));
  assertEquals([...suspects ?? []], [], "something on the host has changed each time");
}

/** Notes all of the host's tree in a file; gives its path. */
function look(trial: TrialFolder, round: number): string {
  const note = trial.file(`tree-${round}`, "");
  const { disks, others } = fileSystems();
  const except = [...OTHERS, ...others].flatMap((path) => ["-path", path, "-prune", "-o"]);
  const what = "%p\\0%y %m %U:%G %s %i %n %T@ %C@ %l\\n";
  run("find", [...disks, "-xdev", ...except, "-fprintf", note, what]);
  return note;
}

/** Where the file systems on disks are mounted, each once, and the root whatever it is; and all others. */
function fileSystems(): { disks: string[]; others: string[] } {
  const disks = new Map<string, string>();
  const others: string[] = [];
  for (const line of Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n")) {
    const [, , device = "", , path = ""] = line.split(" ");
    const source = line.split(" - ")[1]?.split(" ")[1] ?? "";
    if ((source.startsWith("/dev/") || path === "/") && !disks.has(device)) disks.set(device, path);
    else others.push(path);
  }
  return { disks: [...disks.values()], others };
}

/** The paths whose lines differ in two notes. */
function changedIn(before: string, after: string): Set<string> {
  const { stdout } = new Deno.Command("diff", {
    args: ["--text", "--speed-large-files", before, after],
  }).outputSync();
  const lines = new TextDecoder().decode(stdout).split("\n");
  return new Set(
    lines.filter((line) => /^[<>] /.test(line)).map((line) => line.slice(2).split("\0")[0]!),
  );
}
