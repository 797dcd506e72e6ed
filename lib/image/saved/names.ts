import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import { warn } from "../../trace.ts";
import { parseReference, type Reference } from "../reference.ts";

/** What docker writes where an image has no name. */
const NONE = "<none>:<none>";

const COMPONENT = "[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*";
/** What an image may be called in a layout, a reference or not (image-spec, annotations.md, "ref.name"). */
const ALLOWED = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);

/**
 * The names of a saved image that are references. One that is called otherwise, as layouts allow it, is still
 * an image.
 *
 * @throws {ContainerError} for what nobody calls an image who means well
 */
export function referencesOf(names: readonly string[]): Reference[] {
  return names.filter((name) => name !== NONE).flatMap((name) => {
    try {
      return [parseReference(name)];
    } catch (error) {
      if (!(error instanceof ContainerError && ALLOWED.test(name))) throw error;
      warn(
        `an image is loaded without the name ${
          quote(name)
        }, which is no reference: give it one by tag`,
      );
      return [];
    }
  });
}
