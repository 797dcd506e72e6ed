import { UsageError } from "../../errors.ts";
import { type Display, DISPLAYS } from "../../image/transfer/display/kinds.ts";
import { parseCredentials } from "../../registry/credentials/credentials.ts";
import type { SessionOptions } from "../../registry/session.ts";
import { warn } from "../../trace.ts";
import type { Arguments, OptionSpec } from "../arguments.ts";

/** The option for a registry that may do without TLS. */
export const TLS_OPTION: OptionSpec = {
  name: "tls-verify",
  help: "-tls-verify=false: let this registry have any certificate, or no TLS",
};

/** The options of the commands that speak with a registry in somebody's name. */
export const REGISTRY_OPTIONS: readonly OptionSpec[] = [
  {
    name: "creds",
    value: "USER:PASSWORD",
    help: "who to say one is; better: gocontainer login",
  },
  TLS_OPTION,
];

/** The option for how the progress is shown. */
export const PROGRESS_OPTION: OptionSpec = {
  name: "progress",
  value: "KIND",
  help: "bars, lines, json (errors too) or none (default bars on a terminal, else lines)",
};

/** The option for no progress at all, as docker's and podman's commands have it. */
export const QUIET_OPTION: OptionSpec = {
  name: "q",
  alias: "quiet",
  help: "the digest only, as -progress none",
};

/** How a registry is to be spoken to. */
export function sessionOptionsOf(args: Arguments): SessionOptions {
  const creds = args.text("creds");
  return {
    ...creds !== undefined && { credentials: parseCredentials(creds) },
    isInsecureAllowed: args.flag("tls-verify") === false,
    warn,
  };
}

/** How the progress is to be shown. */
export function displayOf(args: Arguments): Display | undefined {
  const kind = args.flag("q") ? "none" : args.text("progress");
  const display = DISPLAYS.find((one) => one === kind);
  if (kind === undefined || display !== undefined) return display;
  throw new UsageError(`read "-progress ${kind}": not ${DISPLAYS.join(", ")}`);
}
