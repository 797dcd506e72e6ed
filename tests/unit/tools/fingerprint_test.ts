import { assertEquals, assertNotEquals } from "@std/assert";
import { fingerprint } from "../../../tools/build/fingerprint.ts";

/** A project folder with a few sources. */
class Project implements Disposable {
  readonly path = Deno.makeTempDirSync();

  constructor() {
    Deno.mkdirSync(`${this.path}/lib/cli`, { recursive: true });
    Deno.mkdirSync(`${this.path}/tests`);
    Deno.writeTextFileSync(`${this.path}/main.ts`, "main");
    Deno.writeTextFileSync(`${this.path}/lib/cli/run.ts`, "run");
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const CHANGES: readonly [what: string, change: (root: string) => void][] = [
  ["changed content", (root) => Deno.writeTextFileSync(`${root}/lib/cli/run.ts`, "ran")],
  ["an added file", (root) => Deno.writeTextFileSync(`${root}/lib/new.ts`, "")],
  ["a removed file", (root) => Deno.removeSync(`${root}/lib/cli/run.ts`)],
  ["a renamed file", (root) => Deno.renameSync(`${root}/lib/cli/run.ts`, `${root}/lib/cli/x.ts`)],
  ["content moved from one file to the next", (root) => {
    Deno.writeTextFileSync(`${root}/main.ts`, "");
    Deno.writeTextFileSync(`${root}/lib/cli/run.ts`, "runmain");
  }],
];

for (const [what, change] of CHANGES) {
  Deno.test(`fingerprint() notices ${what}`, async () => {
    using project = new Project();
    const before = await fingerprint(project.path);
    change(project.path);
    assertNotEquals(await fingerprint(project.path), before);
  });
}

Deno.test("fingerprint() passes over times, tests and hidden files", async () => {
  using project = new Project();
  const before = await fingerprint(project.path);
  Deno.utimeSync(`${project.path}/main.ts`, 1, 1);
  Deno.writeTextFileSync(`${project.path}/tests/a_test.ts`, "");
  Deno.writeTextFileSync(`${project.path}/lib/.run.ts.swp`, "");
  assertEquals(await fingerprint(project.path), before);
});
