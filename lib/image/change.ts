import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";
import type { ProcessConfig } from "./config.ts";

/** What an instruction does to a config; the text behind it may be a list in JSON. */
type Change = (config: ProcessConfig, text: string) => void;

/** The instructions of a Dockerfile that change no file, as `docker commit --change` takes them. */
const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (config, text) => config.Cmd = words(text),
  ENTRYPOINT: (config, text) => config.Entrypoint = words(text),
  ENV: (config, text) => {
    for (const [name, value] of pairs(text)) {
      const others = (config.Env ?? []).filter((entry) => !entry.startsWith(`${name}=`));
      config.Env = [...others, `${name}=${value}`];
    }
  },
  EXPOSE: (config, text) => {
    for (const port of text.split(/\s+/)) {
      if (!/^[0-9]{1,5}(?:-[0-9]{1,5})?(?:\/(?:tcp|udp|sctp))?$/.test(port)) throw invalid(port);
      const key = port.includes("/") ? port : `${port}/tcp`;
      config.ExposedPorts = { ...config.ExposedPorts, [key]: {} };
    }
  },
  LABEL: (config, text) => config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(text)) },
  STOPSIGNAL: (config, text) => config.StopSignal = text,
  USER: (config, text) => config.User = text,
  VOLUME: (config, text) => {
    for (const path of text.startsWith("[") ? words(text) : text.split(/\s+/)) {
      config.Volumes = { ...config.Volumes, [path]: {} };
    }
  },
  WORKDIR: (config, text) => {
    if (!text.startsWith("/")) throw invalid(text, "a working folder is an absolute path");
    config.WorkingDir = text;
  },
};

/**
 * Changes how an image wants to be run by an instruction of a Dockerfile: `CMD ["nginx", "-v"]`,
 * `ENV KEY=VALUE`.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function applyChange(config: ProcessConfig, instruction: string): void {
  const match = /^\s*([A-Za-z]+)\s+(\S.*?)\s*$/s.exec(instruction);
  const name = match?.[1]?.toUpperCase() ?? "";
  if (match === null || !Object.hasOwn(CHANGES, name)) {
    throw invalid(instruction, `it begins with none of ${Object.keys(CHANGES).join(", ")}`);
  }
  CHANGES[name]!(config, match[2]!);
}

/** A command: a list in JSON, or a line for the shell. */
function words(text: string): string[] {
  if (!text.startsWith("[")) return ["/bin/sh", "-c", text];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(text, "it is no list in JSON");
  }
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw invalid(text, "it is no list of texts");
}

/** `KEY=VALUE KEY="A VALUE"`, or one `KEY VALUE`. */
function pairs(text: string): [string, string][] {
  const single = /^([^\s=]+)\s+(.*)$/s.exec(text);
  if (single !== null && !single[1]!.includes("=")) return [[single[1]!, single[2]!]];
  const found: [string, string][] = [];
  const pair = /\s*([^\s=]+)=((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])*)/gsy;
  for (let match = pair.exec(text); match !== null; match = pair.exec(text)) {
    found.push([match[1]!, unquote(match[2]!)]);
    if (pair.lastIndex === text.length) return found;
  }
  throw invalid(text, "it is not KEY=VALUE");
}

function unquote(text: string): string {
  return text.replace(
    /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs,
    (_, double?: string, single?: string, escaped?: string) =>
      escaped ?? single ?? double!.replace(/\\(.)/gs, "$1"),
  );
}

function invalid(text: string, reason?: string): ContainerError {
  return new ContainerError(
    `change the image's config by ${quote(text)}: ${reason ?? "it makes no sense"}`,
    { code: "InvalidArgument", hint: 'For example CMD ["nginx"], ENV KEY=VALUE, WORKDIR /srv' },
  );
}
