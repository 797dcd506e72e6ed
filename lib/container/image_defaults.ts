import { resolve } from "@std/path/posix/resolve";
import type { ImageConfig } from "../image/config.ts";
import { hasEffect } from "../oci/annotations.ts";
import { warn } from "../trace.ts";
import type { ImageDefaults } from "./image.ts";

const PREFIX = "org.opencontainers.image.";
/** What the names of gocontainer's own annotations begin with. */
const OWN = "gocontainer.";

/**
 * What an image's config says of its containers, in the words of their own config (image-spec,
 * conversion.md). Nothing in it but this reaches a container; labels become annotations, which tell
 * people something and change nothing.
 */
export function defaultsOf(image: ImageConfig): ImageDefaults {
  const { config = {} } = image;
  return {
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    env: (config.Env ?? []).filter(isVariable),
    workingFolder: resolve("/", config.WorkingDir ?? ""),
    // As docker has it, a group that is empty is none.
    user: (config.User ?? "").replace(/:$/, ""),
    annotations: annotationsOf(image),
  };
}

/** The paths of an image's volumes, absolute and clean, what is above before what is below. */
export function volumesOf({ config = {} }: ImageConfig): string[] {
  const paths = Object.keys(config.Volumes ?? {}).map((path) => resolve("/", path));
  return [...new Set(paths)].filter((path) => path !== "/").sort();
}

function annotationsOf(image: ImageConfig): Record<string, string> {
  const { config = {} } = image;
  const ports = Object.keys(config.ExposedPorts ?? {}).sort().join(",");
  const told: Record<string, string | undefined> = {
    os: image.os,
    architecture: image.architecture,
    variant: image.variant,
    "os.version": image["os.version"],
    "os.features": image["os.features"]?.join(","),
    author: image.author,
    created: image.created,
    stopSignal: config.StopSignal,
    exposedPorts: ports,
  };
  const implicit = Object.entries(told).flatMap(([name, value]) =>
    value ? [[PREFIX + name, value] as const] : []
  );
  // A label of the same name says it better; none may do something, or say what gocontainer alone does.
  const labels = Object.entries(config.Labels ?? {})
    .filter(([name]) => name !== "" && !hasEffect(name) && !name.startsWith(OWN));
  return Object.fromEntries([...implicit, ...labels]);
}

/** Other entries no program could find (environ(7)), and no config may hold. */
function isVariable(entry: string): boolean {
  if (entry.indexOf("=") > 0 && !entry.includes("\0")) return true;
  warn(`the image's variable ${JSON.stringify(entry)} is left out: it is not KEY=VALUE`);
  return false;
}
