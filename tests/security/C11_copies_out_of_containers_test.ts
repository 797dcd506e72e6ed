/**
 * C11: what is copied out of a container that changes it meanwhile (CVE-2018-15664), or that would have a program
 * of its own do the copying (CVE-2019-14271).
 */

import { assert, assertEquals } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { compile } from "../integration/support/program.ts";
import { isInstalled } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack, type Decoy } from "./decoy.ts";
import { SWAP } from "./race.ts";

const workspace = Workspace.ofThisFile();
const hasCompiler = isInstalled("gcc");

/** How often it is copied while the container works against it. */
const TIMES = 12;

/** What a container has in the place of what, again and again: names of /swapped, and how they are made. */
const PAIRS: Readonly<Record<string, (decoy: Decoy) => string>> = {
  "a folder and a link to one of the host": ({ folder }) =>
    `mkdir a && echo inside > a/file && ln -s ${folder} b`,
  "a file and a link to one of the host": ({ file }) => `echo inside > a && ln -s ${file} b`,
  "a file and a pipe": () => "echo inside > a && mkfifo b",
  "a folder and a link up to the root": ({ folder }) =>
    `mkdir a && echo inside > a/file && ln -s ../../../../../../../../../..${folder} b`,
};

for (const [name, pair] of Object.entries(PAIRS)) {
  testWith(
    { gcc: hasCompiler },
    `export and commit give nothing of the host while a container exchanges ${name}`,
    () =>
      attack(workspace, async (decoy) => {
        const program = workspace.path("swap");
        await compile(program, SWAP);
        const script = `mkdir /swapped && cd /swapped && ${
          pair(decoy)
        } && exec /swap /swapped/a /swapped/b`;
        const running = workspace.start([
          ...["-net=none", "-rm", "-v", `${program}:/swap:ro`, "alpine", "sh", "-c", script],
        ]);
        const { id } = await running.record();
        await running.says(/swapping/);
        const archive = workspace.path("copied.tar");
        const ways = [
          [["export", "-o", archive, id]],
          [["commit", "-pause=false", id, "copied:1"], ["save", "-o", archive, "copied:1"]],
        ];
        for (let i = 0; i < TIMES; i++) {
          for (const args of ways[i % ways.length]) {
            const { code, stderr } = await workspace.run(args);
            assertEquals(code, 0, stderr);
          }
          const bytes = new TextDecoder("latin1").decode(await Deno.readFile(archive));
          assert(!bytes.includes(decoy.secret));
          await Deno.remove(archive);
        }
        await workspace.run(["kill", id, "KILL"]);
        await running.end();
      }),
  );
}

testWith(
  { strace: isInstalled("strace") },
  "nothing of a container is run or loaded while it is copied",
  () =>
    attack(workspace, async () => {
      // What others have called there: programs that unpack, and the library that looks up users.
      await workspace.image("traps", async (root) => {
        for (const place of ["bin/tar", "bin/gzip", "bin/unpigz", "lib/libnss_files.so.2"]) {
          await Deno.remove(`${root}/${place}`).catch(() => {});
          await Deno.writeTextFile(`${root}/${place}`, "#!/no/such\n", { mode: 0o755 });
        }
      });
      const running = workspace.start(["-net=none", "-rm", "traps", "/bin/sleep", "1000"]);
      const { id } = await running.record();
      const trace = workspace.path("trace");
      const strace = ["strace", "-f", "-y", "-o", trace, "-e", "trace=execve,execveat,mmap"];
      for (const copy of [["export", "-o", workspace.path("t.tar"), id], ["commit", id, "t:1"]]) {
        assertEquals((await workspace.run(copy, { through: strace })).code, 0);
        const calls = await Deno.readTextFile(trace);
        assertEquals(calls.match(/ execve(at)?\(/g)?.length, 1, calls);
        // A file that is mapped to be run is named with its descriptor.
        const loaded = calls.split("\n").filter((call) => /PROT_EXEC.*\d<\//.test(call));
        assert(loaded.length > 0, "the trace has no library at all");
        assert(loaded.every((call) => !call.includes(workspace.folder)), loaded.join("\n"));
      }
      await workspace.run(["kill", id, "KILL"]);
      await running.end();
    }),
);
