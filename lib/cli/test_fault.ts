import { poll } from "../../ffi/poll.ts";
import { write } from "../../ffi/file.ts";
import { dupFrom } from "../../ffi/process.ts";
import { InitError } from "../init/context.ts";
import { UsageError } from "../errors.ts";
import type { Watcher } from "./watchers.ts";

/**
 * Breaks one step on purpose, for the tests of what is left behind: `fail:LABEL` makes the step whose
 * label begins so fail, `pause:LABEL` says so on stderr and stops there until it is killed. Works on
 * both sides of the fork, so it makes nothing but system calls.
 */
export class TestFault implements Watcher {
  readonly #kind: string;
  readonly #label: string;
  readonly #said: Uint8Array<ArrayBuffer>;
  /** Standard error as it is now: in the child it becomes the container's terminal on the way. */
  readonly #stderr = dupFrom(2, 3);

  constructor(text: string) {
    const at = text.indexOf(":");
    this.#kind = text.slice(0, at);
    this.#label = text.slice(at + 1);
    if (this.#kind !== "fail" && this.#kind !== "pause") {
      throw new UsageError(`read "-test-fault ${text}": not fail:LABEL or pause:LABEL`);
    }
    const said = new TextEncoder().encode(`paused at ${this.#label}\n`);
    this.#said = new Uint8Array(new ArrayBuffer(said.length));
    this.#said.set(said);
  }

  begin({ label }: { label: string }): void {
    this.#break(label, `${label}: failed on purpose`);
  }

  /** Inside, where whoever tells of a failure begins with the label. */
  fault({ label }: { label: string }): void {
    this.#break(label, "failed on purpose");
  }

  #break(label: string, failure: string): void {
    if (!label.startsWith(this.#label)) return;
    if (this.#kind === "fail") throw new InitError(failure);
    write(this.#stderr, this.#said);
    for (;;) poll([]);
  }

  done(): void {}
}
