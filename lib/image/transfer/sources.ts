import { readRegistrySettings } from "../../registry/daemon_file.ts";
import { RegistrySession, type SessionOptions } from "../../registry/session.ts";
import { ContainerError } from "../../errors.ts";
import { ExchangeFault } from "../../registry/http/fault.ts";
import { DEFAULT_REGISTRY } from "../reference.ts";

/**
 * Where the images of a registry are to be had: at its mirrors, which are asked first, and at the
 * registry itself. What is said to the registry of who asks is never said to a mirror.
 */
export class Sources implements Disposable {
  readonly #sessions: readonly RegistrySession[];
  readonly #failed = new Set<RegistrySession>();
  readonly #warn: (message: string) => void;

  constructor(registry: string, options: SessionOptions = {}) {
    const mirrors = registry === DEFAULT_REGISTRY ? readRegistrySettings().mirrors : [];
    const { limits, persistence, warn } = options;
    this.#warn = warn ?? (() => {});
    this.#sessions = [
      ...mirrors.map((url) =>
        new RegistrySession(url.host, { limits, persistence: persistence ?? ONCE_MORE, warn }, url)
      ),
      new RegistrySession(registry, options),
    ];
  }

  /**
   * Does something with the first source that can; a mirror that has failed is not asked again, unless
   * it only lacked what was wanted.
   */
  async first<T>(work: (session: RegistrySession) => Promise<T>): Promise<T> {
    for (const session of this.#sessions.slice(0, -1)) {
      if (this.#failed.has(session)) continue;
      try {
        return await work(session);
      } catch (error) {
        if (!(error instanceof ContainerError || error instanceof ExchangeFault)) throw error;
        if (error instanceof ContainerError && error.code === "NotFound") continue;
        this.#failed.add(session);
        this.#warn(`the mirror ${session.registry} is passed over: ${error.message}`);
      }
    }
    return await work(this.#sessions.at(-1)!);
  }

  /** Ends it: whoever still waits for something fails. */
  [Symbol.dispose](): void {
    for (const session of this.#sessions) session[Symbol.dispose]();
  }
}

/** A mirror need not be waited for: there is somewhere else to go. */
const ONCE_MORE = { tries: 2, first: 500, longest: 2000, longestAsked: 5000 };
