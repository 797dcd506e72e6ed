/** The home folder of the user that this runs as. */
export function homeFolder(): string {
  const home = Deno.env.get("HOME");
  return home?.startsWith("/") ? home : "/root";
}

/**
 * The files that may hold credentials, the one that counts most first: `REGISTRY_AUTH_FILE`, or else
 * podman's (containers-auth.json(5)); then docker's.
 */
export function authFiles(): string[] {
  const given = Deno.env.get("REGISTRY_AUTH_FILE");
  const runtime = Deno.env.get("XDG_RUNTIME_DIR") ?? `/run/containers/${Deno.uid() ?? 0}`;
  const config = Deno.env.get("XDG_CONFIG_HOME") ?? `${homeFolder()}/.config`;
  const podmans = Deno.env.has("XDG_RUNTIME_DIR")
    ? [`${runtime}/containers/auth.json`]
    : [`${runtime}/auth.json`];
  return [
    ...given ? [given] : [...podmans, `${config}/containers/auth.json`],
    dockerFile(),
  ];
}

/** The file that `login` usually writes to: `REGISTRY_AUTH_FILE`, or else docker's. */
export function loginFile(): string {
  return Deno.env.get("REGISTRY_AUTH_FILE") || dockerFile();
}

function dockerFile(): string {
  return `${Deno.env.get("DOCKER_CONFIG") || `${homeFolder()}/.docker`}/config.json`;
}
