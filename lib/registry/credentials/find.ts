import { AuthFile } from "./auth_file.ts";
import type { Credentials } from "./credentials.ts";
import { authFiles } from "./places.ts";

/**
 * The credentials that this machine has for a registry: of the first file that has any.
 *
 * @throws {ContainerError} when a file cannot be used, or a helper fails
 */
export async function findCredentials(
  registry: string,
  repository?: string,
): Promise<Credentials | undefined> {
  for (const path of authFiles()) {
    const found = await AuthFile.read(path).find(registry, repository);
    if (found !== undefined) return found;
  }
  return undefined;
}
