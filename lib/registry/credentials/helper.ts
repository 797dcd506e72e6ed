import { ContainerError } from "../../errors.ts";
import { parseJSON } from "../../json.ts";
import { findProgram } from "../../program.ts";
import { printable, quote } from "../../quote.ts";
import { type Credentials, credentialsFrom } from "./credentials.ts";
import { homeFolder } from "./places.ts";

/** What docker calls its own registry in files and to helpers. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** How a registry is called where docker's other programs look for it. */
export function keyOf(registry: string): string {
  return registry === "docker.io" ? DOCKER_HUB_KEY : registry;
}

/** A helper waits for a person at times, but not for ever. In milliseconds. */
const PATIENCE = 120_000;

/** What a helper says when it has nothing. */
const NOTHING = /credentials not found/i;

/**
 * A program `docker-credential-NAME` that keeps credentials elsewhere (docker-credential-helpers).
 * It is run by absolute path from the system's folders, and its environment has PATH and HOME only.
 */
export class CredentialHelper {
  readonly #name: string;

  /** @throws {ContainerError} InvalidArgument when the name could be a path */
  constructor(name: string) {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(name)) {
      throw new ContainerError(`use the credential helper ${quote(name)}: this is no name`, {
        code: "InvalidArgument",
      });
    }
    this.#name = name;
  }

  /** The credentials for a registry; undefined when there are none. */
  async get(registry: string): Promise<Credentials | undefined> {
    const { success, said } = await this.#run("get", keyOf(registry));
    if (!success) {
      if (NOTHING.test(said)) return undefined;
      throw this.#failure("get", said);
    }
    const what = `the answer of docker-credential-${this.#name}`;
    const value = parseJSON(said, { what, maxBytes: 64 * 1024, code: "Failed" });
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
    const child = new Deno.Command(program, {
      args: [command],
      clearEnv: true,
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: homeFolder(),
      },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    try {
      const writer = child.stdin.getWriter();
      // One that does not read its input says why in its answer.
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
      const { success, stdout } = await child.output();
      return { success, said: new TextDecoder().decode(stdout).trim() };
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(command: string, said: string): ContainerError {
    const reason = said === "" ? "it failed" : printable(said);
    return new ContainerError(`run docker-credential-${this.#name} ${command}: ${reason}`);
  }
}
