import { resolve } from "@std/path/posix/resolve";
import type { SecurityOptions } from "../container/options.ts";
import { UsageError } from "../errors.ts";
import type { IDMapping } from "../oci/spec.ts";
import type { Arguments, OptionSpec } from "./arguments.ts";
import { parseCapability } from "./capability_name.ts";
import { parseWhole } from "./quantity.ts";

/** The options of `run` that say what a container may do. */
export const SECURITY_OPTIONS: readonly OptionSpec[] = [
  { name: "cap-add", value: "CAP", many: true, help: "give a capability, or ALL" },
  { name: "cap-drop", value: "CAP", many: true, help: "take a capability away, or ALL" },
  {
    name: "security",
    synonym: "security-opt",
    value: "WHAT",
    many: true,
    help: "seccomp=unconfined, seccomp=FILE, no-new-privileges",
  },
  { name: "no-new-privileges", help: "let no program inside gain privileges (setuid)" },
  { name: "privileged", help: "give it all capabilities and devices, filter and hide nothing" },
  { name: "read-only", help: "let nothing of the root file system be changed" },
  {
    name: "userns",
    value: "MAP",
    help: "user ids: host (default), auto or INSIDE:HOST:SIZE[,...]",
  },
];

/** Reads the options of {@link SECURITY_OPTIONS}. */
export function readSecurityOptions(args: Arguments): SecurityOptions {
  const said = args.texts("security").map(parseSecurity);
  return {
    addedCapabilities: args.texts("cap-add").map(parseCapabilityOrAll),
    droppedCapabilities: args.texts("cap-drop").map(parseCapabilityOrAll),
    seccomp: said.findLast(({ seccomp }) => seccomp !== undefined)?.seccomp ?? "default",
    noNewPrivileges: (args.flag("no-new-privileges") ?? false) ||
      said.some(({ noNewPrivileges }) => noNewPrivileges),
    privileged: args.flag("privileged") ?? false,
    readonlyRoot: args.flag("read-only") ?? false,
    userns: parseUserns(args.text("userns") ?? "host"),
  };
}

function parseCapabilityOrAll(text: string): string {
  return text.toUpperCase() === "ALL" ? "ALL" : parseCapability(text);
}

/** What docker's users say to be rid of, and no container has here in the first place. */
const AS_IT_IS = /^(no-new-privileges[:=]false|apparmor[:=]unconfined|label[:=]disable)$/;

function parseSecurity(
  text: string,
): Partial<Pick<SecurityOptions, "seccomp" | "noNewPrivileges">> {
  if (/^no-new-privileges([:=]true)?$/.test(text)) return { noNewPrivileges: true };
  if (AS_IT_IS.test(text)) return {};
  const profile = /^seccomp[:=](.+)$/s.exec(text)?.[1];
  if (profile === "unconfined") return { seccomp: "unconfined" };
  if (profile !== undefined) return { seccomp: { file: resolve(profile) } };
  throw new UsageError(`read "-security ${text}": nothing of that name`, {
    hint: "Give seccomp=unconfined, seccomp=FILE or no-new-privileges",
  });
}

/** `INSIDE:HOST:SIZE[,…]`, for users and groups alike. */
function parseUserns(text: string): SecurityOptions["userns"] {
  if (text === "host" || text === "auto") return text;
  return text.split(",").map((range): IDMapping => {
    const [containerID, hostID, size, ...more] = range.split(":");
    if (size === undefined || more.length > 0) {
      throw new UsageError(`read "-userns ${text}": "${range}" is no range of ids`, {
        hint: "Give host, auto or INSIDE:HOST:SIZE, as in 0:100000:65536",
      });
    }
    const whole = (number: string, least: number) =>
      parseWhole(number, "-userns", least, 0xffff_fffe);
    return { containerID: whole(containerID, 0), hostID: whole(hostID, 0), size: whole(size, 1) };
  });
}
