import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import { warn } from "../../trace.ts";
import { parseReference, type Reference } from "../reference.ts";

/** What docker writes where an image has no name. */
const NONE = "<none>:<none>";

/**
 * The names of a saved image that are references. Programs write there what they like: an image whose
 * names are none is still an image.
 */
export function referencesOf(names: readonly string[]): Reference[] {
  return names.filter((name) => name !== NONE).flatMap((name) => {
    try {
      return [parseReference(name)];
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      warn(
        `an image is loaded without the name ${
          quote(name)
        }, which is no reference: give it one by tag`,
      );
      return [];
    }
  });
}
