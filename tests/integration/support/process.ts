import { PATIENCE, until } from "./wait.ts";
import { entriesOf, STATE } from "./project.ts";

/** How a process ended, and all that it said. */
export interface Outcome {
  /** The exit code; 128+n when signal n ended it. */
  readonly code: number;
  /** The signal that ended it, if one did. */
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output, byte for byte. */
  readonly bytes: Uint8Array;
}

/** A container's record, as far as the tests look at it. */
export interface Record {
  readonly id: string;
  readonly bundle: string;
  /** Of what an engine has made there is none. */
  readonly owner?: { readonly pid: number; readonly startTime: string };
  readonly init?: { readonly pid: number; readonly startTime: string };
  readonly started?: boolean;
  readonly cgroups: readonly string[];
  readonly network?: { readonly address: string; readonly veth: string };
}

/** A process of a test: what it says is gathered while it runs. */
export class Running {
  readonly #child: Deno.ChildProcess;
  readonly #stdout = new Gathered();
  readonly #stderr = new Gathered();
  readonly #gathering: Promise<unknown>;
  #status: Deno.CommandStatus | undefined;

  /** @param child a process with standard output and error piped. */
  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#gathering = Promise.all([
      this.#stdout.from(child.stdout),
      this.#stderr.from(child.stderr),
      child.status.then((status) => this.#status = status),
    ]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has said so far. */
  get stdout(): string {
    return this.#stdout.text;
  }

  /** What it has complained of so far. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /** Its standard input, where that is piped. */
  get stdin(): WritableStream<Uint8Array<ArrayBuffer>> {
    return this.#child.stdin;
  }

  /** Writes all of standard input and closes it. */
  async feed(input: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    try {
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      await writer.write(bytes);
      await writer.close();
    } catch (error) {
      // It ended without reading all of it: the pipe broke, or was broken already.
      if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
    }
  }

  /** Waits until standard output matches. */
  says(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#until(`standard output matches ${pattern}`, () => this.stdout.match(pattern));
  }

  /** Waits until standard error matches. */
  complains(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#until(`standard error matches ${pattern}`, () => this.stderr.match(pattern));
  }

  #until<T>(what: string, found: () => T | null): Promise<T> {
    return until(what, () => {
      const value = found();
      if (value === null && this.#status !== undefined && this.#stdout.ended) {
        throw new Error(`${what}: it ended (${this.#status.code}) before, ${this.stderr}`);
      }
      return value ?? undefined;
    });
  }

  /** Sends a signal. One that has ended already gets none. */
  kill(signal: Deno.Signal): void {
    if (this.#status !== undefined) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended, and its status is on the way.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Waits until the process itself has ended, though others may still hold its output open. */
  async gone(): Promise<void> {
    await this.#child.status;
  }

  /** Waits for its end and that of its output; kills it when that takes too long. */
  async end(patience: number = PATIENCE * 3): Promise<Outcome> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill("SIGKILL");
    }, patience);
    await this.#gathering.finally(() => clearTimeout(timer));
    const { code, signal } = this.#status!;
    const { stdout, stderr } = this;
    if (late) throw new Error(`still ran after ${patience} ms: ${stdout}\n${stderr}`);
    return { code, signal, stdout, stderr, bytes: this.#stdout.bytes };
  }

  /**
   * Waits until the container's first process is the program of this name, and gives the record. A
   * shell that is about to become it has its own way with signals: Alpine's ignores SIGQUIT.
   */
  async becomes(name: string): Promise<Required<Record>> {
    const record = await this.record();
    const { pid } = record.init;
    await until(`process ${pid} is ${name}`, () => {
      return Deno.readTextFileSync(`/proc/${pid}/comm`) === `${name}\n`;
    });
    return record;
  }

  /** The record of the container that this gocontainer has made, once it has a first process. */
  record(): Promise<Required<Record>> {
    return until("the container is on record", () => {
      const found = recordOf(this.pid);
      return found?.init === undefined ? undefined : found as Required<Record>;
    });
  }
}

/** The record that the gocontainer process `owner` has written, if any. */
export function recordOf(owner: number): Record | undefined {
  return records().find((record) => record.owner?.pid === owner);
}

/** All records that there are. */
export function records(): Record[] {
  return entriesOf(STATE).flatMap(({ name }) => {
    try {
      return [JSON.parse(Deno.readTextFileSync(`${STATE}/${name}/state.json`)) as Record];
    } catch (error) {
      const gone = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      if (gone) return [];
      throw error;
    }
  });
}

/** The bytes of a stream, as far as they have come. */
class Gathered {
  readonly #chunks: Uint8Array[] = [];
  /** Whether the stream is at its end. */
  ended = false;

  async from(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.#chunks.push(chunk);
    this.ended = true;
  }

  get bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }
}
