/** Options that docker and podman have of registries, and that there are not here: told with what does the same. */

import type { OptionSpec } from "../arguments.ts";

const AUTH_FILE: OptionSpec = {
  name: "authfile",
  alias: "compat-auth-file",
  instead:
    "Name the file in the variable REGISTRY_AUTH_FILE (sudo REGISTRY_AUTH_FILE=FILE gocontainer …)",
};

const CERTIFICATES: OptionSpec = {
  name: "cert-dir",
  instead: "Put them into the folder /etc/docker/certs.d/HOST[:PORT]",
};

/** Of all commands that speak with a registry. */
const OF_ALL: readonly OptionSpec[] = [AUTH_FILE, CERTIFICATES, {
  name: "retry",
  alias: "retry-delay",
  instead: "What may go well the next time is tried again by itself, with pauses that grow",
}];

/** Signatures in docker's own way are neither asked for nor made: switching that off changes nothing. */
const CONTENT_TRUST: OptionSpec = { name: "disable-content-trust" };

/** Of `run`, which may pull. */
export const OTHER_RUN_OPTIONS: readonly OptionSpec[] = [...OF_ALL, CONTENT_TRUST, {
  name: "arch",
  alias: ["os", "variant"],
  instead: "Use -platform OS/ARCH[/VARIANT], as in linux/arm64",
}];

/** Of `pull`. */
export const OTHER_PULL_OPTIONS: readonly OptionSpec[] = [...OTHER_RUN_OPTIONS, {
  name: "policy",
  instead: "pull asks the registry each time, and gets what is not here; run -pull WHEN chooses",
}];

/** Of `push`. */
export const OTHER_PUSH_OPTIONS: readonly OptionSpec[] = [...OF_ALL, CONTENT_TRUST, {
  name: "digestfile",
  instead: "The digest goes to standard output: gocontainer push … > FILE",
}, {
  name: "format",
  alias: ["f", "compression-format", "compression-level", "force-compression"],
  instead: "An image is sent as it is in the store, so that its digest stays the same",
}, {
  name: "sign-by",
  alias: ["remove-signatures", "sign-by-sigstore", "sign-by-sigstore-private-key"],
  instead: "No signatures are made, and none are sent along",
}];

/** Of `login`. */
export const OTHER_LOGIN_OPTIONS: readonly OptionSpec[] = [AUTH_FILE, CERTIFICATES, {
  name: "password",
  alias: "p",
  instead: "Whoever lists the processes would see it: " +
    'echo "$PASSWORD" | gocontainer login -u USER -password-stdin REGISTRY',
}];

/** Of `logout`. */
export const OTHER_LOGOUT_OPTIONS: readonly OptionSpec[] = [AUTH_FILE, {
  name: "all",
  alias: "a",
  instead: "Name each registry: gocontainer logout REGISTRY",
}];

/** Of `search`. */
export const OTHER_SEARCH_OPTIONS: readonly OptionSpec[] = [...OF_ALL, {
  name: "filter",
  alias: "f",
  instead:
    "Choose from the lines of -format '{{.Name}} {{.Stars}} {{.IsOfficial}}' (grep, awk), or of -format json (jq)",
}];
