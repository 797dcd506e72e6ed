import type { ContainerError } from "../errors.ts";
import { errorOf, hintOfRights, readFault, type RegistryFault } from "./answers.ts";
import type { Answer } from "./http/message.ts";
import type { RegistrySession } from "./session.ts";

/**
 * The error for an answer of a registry that is none that was hoped for, with what to do about it.
 *
 * @param action what was tried: `pull "nginx"`
 * @param hints others, by code or status
 */
export async function failureOf(
  session: RegistrySession,
  action: string,
  answer: Answer,
  hints: Readonly<Record<string, string>> = {},
): Promise<ContainerError> {
  return failureFor(session, action, await readFault(answer), hints);
}

/** As {@link failureOf}, for what was read from an answer already. */
export function failureFor(
  { registry, user }: RegistrySession,
  action: string,
  fault: RegistryFault,
  hints: Readonly<Record<string, string>> = {},
): ContainerError {
  const rights = hintOfRights(registry, user);
  return errorOf(action, user === undefined ? fault : ofSomebody(fault), {
    UNAUTHORIZED: rights,
    DENIED: rights,
    TOOMANYREQUESTS: `Try again later, or log in: gocontainer login ${registry}`,
    413: "It, or a proxy before it, limits the size of a request: in nginx by client_max_body_size",
    NAME_UNKNOWN: "Look at the name, and at the host before it",
    ...hints,
  });
}

/** Registries ask who that is of those as well who have said so, and may not do it. */
function ofSomebody(fault: RegistryFault): RegistryFault {
  const isAsking = fault.code === "UNAUTHORIZED" ||
    (fault.code === undefined && fault.status === 401);
  return isAsking ? { status: fault.status, code: "DENIED" } : fault;
}
