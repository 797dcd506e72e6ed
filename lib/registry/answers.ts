import { parseJSON } from "../json.ts";
import { ContainerError, type ErrorCode } from "../errors.ts";
import { printable, quote } from "../quote.ts";
import { ExchangeFault } from "./http/fault.ts";
import { type Answer, contentOfAtMost } from "./http/message.ts";

/** The most bytes of an answer that says what is wrong. */
const LIMIT = 64 * 1024;

/** What is wrong, as a registry tells it (distribution-spec, "Error codes"). */
export interface RegistryFault {
  readonly status: number;
  /** `MANIFEST_UNKNOWN` and so on; undefined where there is none. */
  readonly code?: string;
  /** What the registry says, in its own words, fit to be shown. */
  readonly message?: string;
}

/** Sentences for codes. What the registry itself says comes after those that leave something open. */
const SENTENCES: Readonly<Record<string, readonly [code: ErrorCode, sentence: string]>> = {
  BLOB_UNKNOWN: ["NotFound", "the registry has lost a part of it"],
  BLOB_UPLOAD_INVALID: ["Failed", "the registry cannot go on with the upload"],
  BLOB_UPLOAD_UNKNOWN: ["Failed", "the registry knows nothing of the upload any more"],
  DIGEST_INVALID: ["Failed", "the registry got other content than was sent"],
  MANIFEST_BLOB_UNKNOWN: ["Failed", "the registry lacks a part of it"],
  MANIFEST_INVALID: ["InvalidArchive", "the registry does not take its manifest"],
  MANIFEST_UNKNOWN: ["NotFound", "there is no such tag or digest in the repository"],
  NAME_INVALID: ["InvalidArgument", "the registry does not take the name"],
  NAME_UNKNOWN: ["NotFound", "there is no such repository"],
  SIZE_INVALID: ["Failed", "the registry got another size than was told"],
  UNAUTHORIZED: ["NotAllowed", "the registry wants to know who asks"],
  DENIED: ["NotAllowed", "the registry does not allow it"],
  UNSUPPORTED: ["Unsupported", "the registry does not do that"],
  TOOMANYREQUESTS: ["Failed", "the registry was asked too often"],
};

/** What a status means where there is no code. */
const STATUSES: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  405: "UNSUPPORTED",
  429: "TOOMANYREQUESTS",
};

/** Codes whose sentence says all that there is to say. */
const PLAIN = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "UNAUTHORIZED"];

/** Reads what is wrong. An answer that does not tell is no error. */
export async function readFault(answer: Answer): Promise<RegistryFault> {
  const { status } = answer;
  let told: unknown;
  try {
    const bytes = await contentOfAtMost(LIMIT, answer);
    told = parseJSON(bytes, { what: "the answer", maxBytes: LIMIT });
  } catch (error) {
    if (!(error instanceof ContainerError || error instanceof ExchangeFault)) throw error;
    return { status };
  }
  const [first] = listOf(member(told, "errors"));
  const code = member(first, "code");
  // Token servers have `details`, OAuth's errors `error_description`.
  const message = [member(first, "message"), member(told, "details"), member(told, "message")]
    .concat(member(told, "error_description"))
    .find((text) => typeof text === "string" && text !== "") as string | undefined;
  return {
    status,
    ...typeof code === "string" && { code: code.toUpperCase() },
    ...message !== undefined && { message: printable(message) },
  };
}

/**
 * The error for an answer that is none that was hoped for.
 *
 * @param action what was tried: `pull "nginx" from docker.io`
 * @param hints what to do, by code or, where there is none, by status
 */
export function errorOf(
  action: string,
  { status, code, message }: RegistryFault,
  hints: Readonly<Record<string, string | undefined>> = {},
): ContainerError {
  const known = code !== undefined && Object.hasOwn(SENTENCES, code) ? code : STATUSES[status];
  if (known === undefined) {
    const said = message === undefined ? "" : `: ${quote(message)}`;
    return new ContainerError(`${action}: the registry answered with status ${status}${said}`, {
      code: status === 404 ? "NotFound" : "Failed",
      hint: hints[status],
    });
  }
  const [kind, sentence] = SENTENCES[known]!;
  const says = message === undefined || PLAIN.includes(known) ? "" : ` and says ${quote(message)}`;
  return new ContainerError(`${action}: ${sentence}${says}`, { code: kind, hint: hints[known] });
}

/**
 * What to do about something that is not allowed; whether there is a repository is told to those only who may see it.
 *
 * @param user who asked; undefined for nobody
 */
export function hintOfRights(registry: string, user: string | undefined): string {
  const login = `gocontainer login ${registry}`;
  return user === undefined
    ? `There may be no such repository, or it takes a login: ${login}`
    : `There may be no such repository, or ${
      quote(user)
    } has no right to it: ${login} takes another user`;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
