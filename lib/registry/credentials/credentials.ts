import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";

/** What a registry lets somebody in by. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  /** A token that buys other tokens (RFC 6749's refresh token). */
  | { readonly identityToken: string };

/** The user name that says that the password is an identity token. */
const TOKEN_USER = "<token>";

/** Credentials as user name and password, of which the one may say that the other is a token. */
export function credentialsFrom(username: string, password: string): Credentials {
  return username === TOKEN_USER ? { identityToken: password } : { username, password };
}

/** Whose credentials they are; of a token one does not know. */
export function userOf(credentials: Credentials): string {
  return "username" in credentials ? credentials.username : TOKEN_USER;
}

/**
 * Reads `USER:PASSWORD`.
 *
 * @throws {ContainerError} InvalidArgument; the text is not in the message
 */
export function parseCredentials(text: string): Credentials {
  const colon = text.indexOf(":");
  if (colon > 0) return credentialsFrom(text.slice(0, colon), text.slice(colon + 1));
  throw new ContainerError("read the credentials: they are not USER:PASSWORD", {
    code: "InvalidArgument",
  });
}

/** The value of Authorization for user name and password (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;
}

/**
 * The error for credentials that a registry does not take.
 *
 * @param says what it says of them, in its own words
 */
export function refused(registry: string, says?: string): ContainerError {
  const reason = says === undefined ? "" : `: ${quote(says)}`;
  return new ContainerError(
    `log in to ${quote(registry)}: it does not take these credentials${reason}`,
    { code: "NotAllowed", hint: `Log in with others: gocontainer login ${registry}` },
  );
}
