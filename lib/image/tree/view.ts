import type { Fd } from "../../../ffi/file.ts";
import type { ByteString } from "../tar/bytes.ts";
import type { Attributes } from "./attributes.ts";

/** How a tree shows that is a layer: laid over others, some of which it hides. */
export interface View {
  /** The attributes of the root as it shows without the layer; undefined for the lowest layer. */
  rootBelow(): Attributes | undefined;
  /** The attributes of the folder that shows at a path; undefined where none does. */
  folder(path: ByteString): Attributes | undefined;
  /** Whether anything shows at a path. */
  shows(path: ByteString): boolean;
  /** The file that shows at a path, as O_PATH; undefined where none does, or a folder. */
  file(path: ByteString): Fd | undefined;
}
