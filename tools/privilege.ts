/** Running things as root. */

import { exists } from "./project.ts";
import { ToolError } from "./report.ts";

/** The path of `sudo`, or undefined. */
export function findSudo(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return folders.map((folder) => `${folder}/sudo`).find(exists);
}

/** What of the environment a tool run as root needs to find its modules as this user does. */
export function passedOn(
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
): Record<string, string> {
  const wanted =
    /^(?:DENO_(?!DIR$)\w+|GOCONTAINER_\w+|JSR_URL|npm_config_registry|(?:https?|no)_proxy|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|NO_COLOR|CI)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => wanted.test(name)));
}

/**
 * A command line that runs `argv` as root: as it is when this process is root already, else through
 * `sudo`. sudo clears the environment, so what `env` holds is handed over by env(1).
 *
 * @throws ToolError when it takes sudo and there is none
 */
export function asRoot(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string[] {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const command = settings.length === 0 ? [...argv] : ["/usr/bin/env", ...settings, ...argv];
  if (Deno.uid() === 0) return command;
  const sudo = findSudo();
  if (sudo === undefined) {
    throw new ToolError(`run "${argv[0]}" as root: this user is not root, and there is no sudo`, {
      hint: "Log in as root, or install the package sudo",
    });
  }
  return [sudo, "--", ...command];
}
