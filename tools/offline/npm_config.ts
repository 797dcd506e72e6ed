/** What npm is configured with: registries, their credentials, extra certificates. */

import { exists } from "../project.ts";
import { ToolError } from "../report.ts";

const DEFAULT_REGISTRY = "https://registry.npmjs.org/";

/** Settings by lower-case key, as in an npmrc file: `registry`, `cafile`, `//host/:_authToken`, … */
export type NpmSettings = ReadonlyMap<string, string>;

/**
 * Parses the text of an npmrc file: `key = value` lines, `;` and `#` comments, quotes around a
 * value, `${NAME}` replaced from `env` (left as it stands when unset, as npm does).
 */
export function parseNpmrc(text: string, env: Readonly<Record<string, string>>): NpmSettings {
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([^;#\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, key = "", raw = ""] = match;
    const value = raw.replace(/^(["'])(.*)\1$/, "$2")
      .replace(/\$\{([^}]+)\}/g, (whole, name: string) => env[name] ?? whole);
    settings.set(caseless(key) ? key.toLowerCase() : key, value);
  }
  return settings;
}

/** Keys that name a host and path (`//host/path/:_authToken`) keep their case. */
function caseless(key: string): boolean {
  return !key.startsWith("//");
}

/**
 * The settings that npm would use here, strongest first: `npm_config_*` in the environment, the
 * project's `.npmrc`, the user's, the machine's.
 *
 * @throws ToolError when an npmrc file is there but cannot be read
 */
export function npmSettings(
  project: string,
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
): NpmSettings {
  const fromEnv = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    const match = /^npm_config_(.+)$/i.exec(name);
    if (match?.[1] !== undefined && value !== "") {
      fromEnv.set(match[1].startsWith("//") ? match[1] : match[1].toLowerCase(), value);
    }
  }
  const files = [
    `${project}/.npmrc`,
    fromEnv.get("userconfig") ?? `${env["HOME"] ?? "/root"}/.npmrc`,
    ...(fromEnv.has("globalconfig")
      ? [fromEnv.get("globalconfig") ?? ""]
      : ["/usr/local/etc/npmrc", "/usr/etc/npmrc", "/etc/npmrc"]),
  ];
  const merged = new Map<string, string>();
  for (const file of files.reverse()) {
    for (const [key, value] of readNpmrc(file, env)) merged.set(key, value);
  }
  for (const [key, value] of fromEnv) merged.set(key, value);
  return merged;
}

function readNpmrc(path: string, env: Readonly<Record<string, string>>): NpmSettings {
  if (!exists(path)) return new Map();
  try {
    return parseNpmrc(Deno.readTextFileSync(path), env);
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) return new Map();
    throw new ToolError(`read npm's settings "${path}": it cannot be read`, { cause });
  }
}

/** The registry of a package, with a slash at its end: that of its scope, or the general one. */
export function registryFor(name: string, settings: NpmSettings): string {
  const scope = name.startsWith("@") ? name.slice(0, name.indexOf("/")) : undefined;
  const url = (scope === undefined ? undefined : settings.get(`${scope}:registry`.toLowerCase())) ??
    settings.get("registry") ?? DEFAULT_REGISTRY;
  return url.endsWith("/") ? url : `${url}/`;
}

/**
 * The `Authorization` header for a URL, or undefined. A credential belongs to a host and path
 * (`//host/path/:_authToken=…`) and is sent nowhere else; the longest matching path wins.
 */
export function authorizationFor(url: string, settings: NpmSettings): string | undefined {
  const { host, pathname } = new URL(url);
  let path = pathname;
  while (path !== "") {
    path = path.slice(0, path.lastIndexOf("/"));
    for (const at of [`//${host}${path}/:`, `//${host}${path}:`]) {
      const token = settings.get(`${at}_authToken`);
      if (token !== undefined) return `Bearer ${token}`;
      const basic = settings.get(`${at}_auth`);
      if (basic !== undefined) return `Basic ${basic}`;
      const username = settings.get(`${at}username`);
      const password = settings.get(`${at}_password`);
      if (username !== undefined && password !== undefined) {
        return `Basic ${btoa(`${username}:${atob(password)}`)}`;
      }
    }
  }
  return undefined;
}
