import { UsageError } from "../../errors.ts";
import { parseReference, type Reference, tryReference } from "../../image/reference.ts";
import { quote } from "../../quote.ts";

/**
 * Reads the name of a repository, all tags of which are meant.
 *
 * @throws {ContainerError} InvalidArgument for what is no reference
 * @throws {UsageError} for one with a tag or digest
 */
export function repositoryOf(text: string): Reference {
  const reference = parseReference(text);
  // What may be given a tag has none.
  if (tryReference(`${text}:tag`) !== undefined) return reference;
  throw new UsageError(`read ${quote(text)}: of all tags of a repository it names one`, {
    hint: "Leave the tag out, or -a",
  });
}
