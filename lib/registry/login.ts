import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";
import { errorOf, readFault } from "./answers.ts";
import { AuthFile } from "./credentials/auth_file.ts";
import type { Credentials } from "./credentials/credentials.ts";
import { authFiles, loginFile } from "./credentials/places.ts";
import { RegistrySession, type SessionOptions, withRegistry } from "./session.ts";

/** Where credentials went. */
export interface Kept {
  readonly path: string;
  /** By the file itself, readable to its owner alone, or by the helper that it names. */
  readonly by: "file" | "helper";
}

/**
 * Makes sure that a registry takes credentials, and keeps them for the next time.
 *
 * @throws {ContainerError} NotAllowed when it does not
 */
export async function login(
  registry: string,
  credentials: Credentials,
  options: Omit<SessionOptions, "credentials"> = {},
): Promise<Kept> {
  const action = `log in to ${quote(registry)}`;
  using session = new RegistrySession(registry, { ...options, credentials });
  await withRegistry(action, registry, async () => {
    using answer = await session.request({ method: "GET", target: "/v2/", scopes: [] });
    if (answer.status === 200) return;
    const fault = await readFault(answer);
    if (fault.status !== 401) throw errorOf(action, fault);
    throw new ContainerError(`${action}: it does not take these credentials`, {
      code: "NotAllowed",
    });
  });
  const file = fileFor(registry);
  return { path: file.path, by: await file.store(registry, credentials) };
}

/** The usual file, unless one that is looked into before it knows the registry: what that says would count. */
function fileFor(registry: string): AuthFile {
  const usual = loginFile();
  const before = authFiles().slice(0, authFiles().indexOf(usual));
  return before.map((path) => AuthFile.read(path)).find((file) => file.knows(registry)) ??
    AuthFile.read(usual);
}

/**
 * Forgets the credentials for a registry, in every file that has some.
 *
 * @returns the files
 */
export async function logout(registry: string): Promise<string[]> {
  const found: string[] = [];
  for (const path of authFiles()) {
    if (await AuthFile.read(path).erase(registry)) found.push(path);
  }
  return found;
}
