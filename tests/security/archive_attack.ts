/**
 * A hostile archive let loose on a folder by the built binary, with everything around it compared
 * before and after.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { difference, manifest, setAttribute, sh, TrialFolder } from "../integration/image_lab.ts";
import { assertHostIsAsBefore, lookAtHost } from "../integration/support/host.ts";
import { BINARY, entriesOf } from "../integration/support/project.ts";
import { archive, type Member } from "../unit/image/tar_builder.ts";
import { assertHostTreeStays } from "./host_tree.ts";

/** Members of an archive, made for the paths of the decoy. */
export type Attack = (decoy: Decoy) => readonly (Member | Uint8Array)[];

/** What an attack would like to read or change. */
export interface Decoy {
  /** A folder with the file `secret`, the folder `sub` and more, absolute. */
  readonly path: string;
  /** The same, seen from the root of the extraction. */
  readonly relative: string;
}

/** Extracts the archive and expects a refusal that says `reason`, and nothing left of it. */
export function refused(name: string, attack: Attack, reason: RegExp): void {
  attackTest(name, attack, ({ code, stderr }, store) => {
    assertMatch(stderr, /^gocontainer: extract image "evil": "[^\n]*[^.]\n/);
    assertMatch(stderr, reason);
    assertEquals(/[\p{Cc}\p{Cf}]/u.test(stderr.replaceAll("\n", "")), false, stderr);
    assertEquals(code, 125, stderr);
    assertEquals(entriesOf(store), [], "something is left");
  });
}

/** Extracts the archive, which is legal, and looks at the result. */
export function harmless(
  name: string,
  attack: Attack,
  check: (tree: ReadonlyMap<string, string>, root: string) => void,
): void {
  attackTest(name, attack, async ({ code, stderr }, store) => {
    // There is no such program in it, which is found out after the extraction.
    assertEquals(code, 127, stderr);
    const [root, ...more] = entriesOf(store).map((entry) => `${store}/${entry.name}`);
    assert(root !== undefined && more.length === 0, `${root} ${more}`);
    await check(await manifest(root), root);
  });
}

/** How the binary ended. */
interface Ended {
  readonly code: number;
  readonly stderr: string;
}

const attacks: Attack[] = [];

/** Lets all the attacks of a file loose once more, and compares the whole tree of the host. */
export function hostTreeStays(name: string): void {
  Deno.test({ name, ignore: Deno.uid() !== 0 }, async () => {
    using notes = new TrialFolder();
    await assertHostTreeStays(notes, async () => {
      for (const attack of attacks) {
        using trial = new TrialFolder();
        const decoy = { path: makeDecoy(trial), relative: "../../../decoy" };
        Deno.writeFileSync(`${trial.folder("images")}/evil.tar`, archive(attack(decoy)));
        assert([125, 127].includes((await runEvil(trial)).code));
      }
    });
  });
}

function attackTest(
  name: string,
  attack: Attack,
  check: (ended: Ended, store: string) => void | Promise<void>,
): void {
  attacks.push(attack);
  Deno.test({ name, ignore: Deno.uid() !== 0 }, async () => {
    using trial = new TrialFolder();
    const decoy = { path: makeDecoy(trial), relative: "../../../decoy" };
    const images = trial.folder("images");
    const before = await manifest(decoy.path);
    const host = lookAtHost();
    Deno.writeFileSync(`${images}/evil.tar`, archive(attack(decoy)));
    await check(await runEvil(trial), `${images}/.rootfs`);
    assertEquals(difference(before, await manifest(decoy.path)), [], "the decoy has changed");
    const names = entriesOf(trial.path).map((entry) => entry.name)
      .filter((name) => name !== "containers");
    assertEquals(names, ["decoy", "images"], "something appeared beside the images");
    assertEquals(entriesOf(`${trial.path}/containers`), []);
    await assertHostIsAsBefore(host);
  });
}

function makeDecoy(trial: TrialFolder): string {
  const path = trial.folder("decoy");
  sh(
    `echo secret > secret; chmod 0600 secret; mkdir -m 0700 sub; echo x > sub/file; ln -s secret link
     mkfifo fifo; touch -d 2001-01-01 secret sub .`,
    path,
  );
  setAttribute(`${path}/secret`, "user.mine", new TextEncoder().encode("yes"));
  return path;
}

async function runEvil(trial: TrialFolder): Promise<Ended> {
  const { code, stderr } = await new Deno.Command(BINARY, {
    args: ["-net", "none", "-rm", "evil", "/no/such/program"],
    cwd: trial.path,
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
