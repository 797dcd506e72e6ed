import { ContainerError } from "../../errors.ts";
import { parseJSON } from "../../json.ts";
import { findProgram, starting } from "../../program.ts";
import { printable, quote } from "../../quote.ts";
import { type Credentials, credentialsFrom } from "./credentials.ts";
import { homeFolder } from "./places.ts";

/** What docker calls its own registry in files and to helpers. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** How a registry is called where docker's other programs look for it. */
export function keyOf(registry: string): string {
  return registry === "docker.io" ? DOCKER_HUB_KEY : registry;
}

/** A helper waits for a person at times, but not for ever. In milliseconds. */
const PATIENCE = 120_000;

/** The most bytes of an answer. */
const LIMIT = 64 * 1024;

/** What a helper says when it has nothing. */
const NOTHING = /credentials not found/i;

/**
 * A program `docker-credential-NAME` that keeps credentials elsewhere (docker-credential-helpers).
 * It is run by absolute path from the system's folders, and its environment has PATH and HOME only.
 */
export class CredentialHelper {
  readonly #name: string;
  readonly #patience: number;

  /**
   * @param patience how long it is waited for, in milliseconds
   * @throws {ContainerError} InvalidArgument when the name could be a path
   */
  constructor(name: string, patience: number = PATIENCE) {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(name)) {
      throw new ContainerError(`use the credential helper ${quote(name)}: this is no name`, {
        code: "InvalidArgument",
      });
    }
    this.#name = name;
    this.#patience = patience;
  }

  /** The credentials for a registry; undefined when there are none. */
  async get(registry: string): Promise<Credentials | undefined> {
    const { success, said } = await this.#run("get", keyOf(registry));
    if (!success) {
      if (NOTHING.test(said)) return undefined;
      throw this.#failure("get", said);
    }
    const what = `the answer of docker-credential-${this.#name}`;
    const value = parseJSON(said, { what, maxBytes: LIMIT, code: "Failed" });
    const { Username, Secret } = (value ?? {}) as Record<string, unknown>;
    if (typeof Username === "string" && typeof Secret === "string") {
      return Secret === "" ? undefined : credentialsFrom(Username, Secret);
    }
    throw new ContainerError(`${what}: it has no Username and Secret`);
  }

  /** Keeps credentials. */
  async store(registry: string, credentials: Credentials): Promise<void> {
    const [Username, Secret] = "identityToken" in credentials
      ? ["<token>", credentials.identityToken]
      : [credentials.username, credentials.password];
    const input = JSON.stringify({ ServerURL: keyOf(registry), Username, Secret });
    const { success, said } = await this.#run("store", input);
    if (!success) throw this.#failure("store", said);
  }

  /** Forgets them; whether it had any is not told by all helpers. */
  async erase(registry: string): Promise<void> {
    const { success, said } = await this.#run("erase", keyOf(registry));
    if (!success && !NOTHING.test(said)) throw this.#failure("erase", said);
  }

  async #run(command: string, input: string): Promise<{ success: boolean; said: string }> {
    const name = `docker-credential-${this.#name}`;
    const program = findProgram(name);
    if (program === undefined) {
      throw new ContainerError(`run ${name}: it is not installed in the system's folders`, {
        code: "NotFound",
        hint: "Install it there as root's, or take it out of the file that names it",
      });
    }
    const helper = new Deno.Command(program, {
      args: [command],
      clearEnv: true,
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: homeFolder(),
      },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      // What it has to say to people.
      stderr: "inherit",
    });
    const child = starting(program, () => helper.spawn());
    const reader = child.stdout.getReader();
    let fault: string | undefined;
    const end = (reason: string) => {
      fault = reason;
      kill(child);
      // Its own children may hold its output open.
      reader.cancel().catch(() => {});
    };
    const timer = setTimeout(
      () => end(`it gave no answer for ${Math.round(this.#patience / 1000)} s`),
      this.#patience,
    );
    try {
      const writer = child.stdin.getWriter();
      // One that does not read its input says why in its answer.
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
      const decoder = new TextDecoder();
      let said = "";
      for (let one = await reader.read(); !one.done; one = await reader.read()) {
        said += decoder.decode(one.value, { stream: true });
        if (said.length > LIMIT) end(`it said more than ${LIMIT} bytes`);
      }
      const { success } = await child.status;
      if (fault !== undefined) throw this.#failure(command, fault);
      return { success, said: said.trim() };
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(command: string, said: string): ContainerError {
    const reason = said === "" ? "it failed" : printable(said);
    return new ContainerError(`run docker-credential-${this.#name} ${command}: ${reason}`);
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}
