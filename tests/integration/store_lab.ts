/** Blobs made for tests of the store: the same for the same seed, in every process. */

import type { Descriptor } from "../../lib/image/descriptor.ts";
import { digestOf } from "../../lib/image/digest.ts";
import { OCI_LAYER } from "../../lib/image/media_type.ts";
import { Random } from "../unit/oci/random.ts";

/** Pseudo-random content. */
export function bytesOf(seed: number, size: number): Uint8Array<ArrayBuffer> {
  const random = new Random(seed);
  const words = new Uint32Array(new ArrayBuffer(Math.ceil(size / 4) * 4));
  for (let at = 0; at < words.length; at++) words[at] = random.below(2 ** 32);
  return new Uint8Array(words.buffer, 0, size);
}

/** What that content is. */
export function descriptorOf(
  seed: number,
  size: number,
  mediaType: string = OCI_LAYER,
): Descriptor {
  return { mediaType, digest: digestOf(bytesOf(seed, size)), size };
}

/** Starts a process of store_child.ts. */
export function startChild(...args: (string | number)[]): Deno.ChildProcess {
  const script = new URL("store_child.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-lock", "--no-check", "--quiet", script]
      .concat(args.map(String)),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits until such a process is about to open the store. */
export async function begun(child: Deno.ChildProcess): Promise<void> {
  const reader = child.stdout.getReader({ mode: "byob" });
  await reader.read(new Uint8Array("begun\n".length));
  reader.releaseLock();
}

/** What such a process said of its work; throws when it failed. */
export async function said(child: Deno.ChildProcess): Promise<string> {
  await begun(child);
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (!success) throw new Error(text.decode(stderr));
  return text.decode(stdout).trim();
}

/** What several of them said, once all have ended: none outlives the test, and when some fail all of these are told. */
export async function allSaid(children: readonly Deno.ChildProcess[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(children.map(said));
  const failures = outcomes.flatMap((outcome, child) =>
    outcome.status === "rejected" ? [`process ${child}: ${outcome.reason}`] : []
  );
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return outcomes.map((outcome) => outcome.status === "fulfilled" ? outcome.value : "");
}
