/**
 * `deno task test:vm [KIND [SUITE]]`: the built binary on a machine with cgroup v2 alone and systemd as init, a
 * virtual one. Closes with `N passed, N failed`. It takes some two minutes without KVM; the image of
 * the machine is made once and kept in `.build/vm`. The kind `engines` has podman, for root and for a user,
 * `docker` has docker; the suite is Debian's, `bookworm` or a later one, with the kernel and the programs of that.
 */

import { runTool } from "../../tools/report.ts";
import { buildImage } from "./image.ts";
import { kindNamed, KINDS } from "./kinds.ts";
import { runMachine } from "./machine.ts";
import { makePayload } from "./payload.ts";
import { requirePrograms, Skipped } from "./programs.ts";
import { closingLine, parseResults } from "./results.ts";

await runTool(async () => {
  try {
    return await testInMachine();
  } catch (error) {
    if (!(error instanceof Skipped)) throw error;
    console.log(`SKIPPED test:vm: ${error.message}`);
    console.log(closingLine({ passed: 0, failed: 0, skipped: 1 }));
    return 0;
  }
});

async function testInMachine(): Promise<number> {
  const root = Deno.env.get("GOCONTAINER_ROOT") ?? new URL("../..", import.meta.url).pathname;
  const binary = Deno.env.get("GOCONTAINER_BIN") ?? `${root}/gocontainer`;
  const kind = kindNamed(Deno.args[0] ?? KINDS[0]!.name);
  const suite = Deno.args[1] ?? "bookworm";
  const folder = `${root}/.build/vm/${kind.name}-${suite}`;
  await Deno.mkdir(folder, { recursive: true });
  await requirePrograms();
  const image = await buildImage(folder, kind, suite);
  const scratch = await Deno.makeTempDir({ prefix: "gocontainer-vm-" });
  try {
    const payload = await makePayload({ root, binary, folder: scratch, scripts: kind.scripts });
    const { results, console: log } = await runMachine({ ...image, payload, folder: scratch });
    const counts = parseResults(results);
    // What the machine said is the only trace of what went wrong in it.
    if (counts.failed > 0) console.log(`The machine's console ended so:\n${lastLines(log, 40)}`);
    console.log(closingLine(counts));
    return counts.failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
