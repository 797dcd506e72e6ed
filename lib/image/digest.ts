import { createHash, type Hash } from "node:crypto";
import { ContainerError } from "../errors.ts";
import { quote } from "../quote.ts";

/**
 * The name of some content: algorithm, colon, hash in hexadecimal (image-spec, descriptor.md#digests).
 * A value of this type has passed {@link parseDigest}, so that it may become part of a path.
 */
export type Digest = `${string}:${string}`;

const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/** Longer than any hash that is in use. */
const LENGTH_LIMIT = 256;

/** The algorithms that content can be verified by, and how many hexadecimal digits they give. */
const DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

/** The names of those algorithms. */
export const ALGORITHMS: readonly string[] = Object.keys(DIGITS);

/**
 * Reads a digest. Those of algorithms that are unknown here are read as well, as long as they are well
 * formed; content named by them can be kept track of, but never verified.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function parseDigest(text: string): Digest {
  const fault = faultOf(text);
  if (fault === undefined) return text as Digest;
  throw new ContainerError(`read the digest ${quote(text)}: ${fault}`, {
    code: "InvalidArgument",
    hint: "A digest is sha256: and 64 hexadecimal digits in lower case",
  });
}

/** Whether a text is a digest. */
export function isDigest(text: string): text is Digest {
  return faultOf(text) === undefined;
}

function faultOf(text: string): string | undefined {
  if (text.length > LENGTH_LIMIT) return `it is longer than ${LENGTH_LIMIT} characters`;
  if (!GRAMMAR.test(text)) return "it is not an algorithm, a colon and a hash";
  const algorithm = text.slice(0, text.indexOf(":"));
  const digits = Object.hasOwn(DIGITS, algorithm) ? DIGITS[algorithm] : undefined;
  const hash = text.slice(algorithm.length + 1);
  if (digits === undefined || (hash.length === digits && /^[0-9a-f]+$/.test(hash))) {
    return undefined;
  }
  return `${algorithm} has ${digits} hexadecimal digits in lower case`;
}

/** The part before the colon: `sha256`. */
export function algorithmOf(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":"));
}

/** The part after the colon. */
export function hashOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** Computes a digest of content that comes in pieces. */
export class Verifier {
  readonly #algorithm: string;
  readonly #hash: Hash;

  /**
   * @param expected what the content is supposed to be: only its algorithm matters here
   * @throws {ContainerError} Unsupported when it is of an algorithm that is not known here
   */
  constructor(expected?: Digest) {
    this.#algorithm = expected === undefined ? "sha256" : algorithmOf(expected);
    if (!Object.hasOwn(DIGITS, this.#algorithm)) {
      throw new ContainerError(
        `verify ${quote(expected!)}: the algorithm ${quote(this.#algorithm)} is not known`,
        { code: "Unsupported", hint: `These are: ${Object.keys(DIGITS).join(", ")}` },
      );
    }
    this.#hash = createHash(this.#algorithm);
  }

  /** Takes the next piece. */
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The digest of all the pieces; it ends here. */
  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest("hex")}`;
  }

  /**
   * Makes sure that the content was the one expected; it ends here.
   *
   * @throws {ContainerError} InvalidArchive
   */
  assert(expected: Digest): void {
    const found = this.digest();
    if (found === expected) return;
    throw new ContainerError(`verify ${quote(expected)}: the content is another, ${found}`, {
      code: "InvalidArchive",
    });
  }
}

/** The SHA-256 digest of some bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  const verifier = new Verifier();
  verifier.update(bytes);
  return verifier.digest();
}
