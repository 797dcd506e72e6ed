import type { Descriptor } from "../../image/descriptor.ts";
import type { Reference } from "../../image/reference.ts";
import { readImage } from "../../image/store/image.ts";
import type { ImageStore } from "../../image/store/store.ts";
import type { OptionSpec } from "../arguments.ts";
import { print } from "../output.ts";

/** The option that changes how an image wants to be run. */
export const CHANGE_OPTION: OptionSpec = {
  name: "change",
  value: "INSTRUCTION",
  many: true,
  help: 'how the image wants to be run, as a Dockerfile says it: CMD ["nginx"], ENV PATH=$PATH:/x',
};

/** Gives an image that was made its name, and prints its id. */
export function nameImage(
  store: ImageStore,
  reference: Reference | undefined,
  descriptor: Descriptor,
): void {
  if (reference === undefined) store.keepUnnamed(descriptor);
  else store.setReference(reference, descriptor);
  print(readImage(store, descriptor, "the image").id);
}
