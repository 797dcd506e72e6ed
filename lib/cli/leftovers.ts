import { AT_FDCWD } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";
import { DEFAULT_STATE_ROOT, StateRoot } from "../runtime/state.ts";
import { warn } from "../trace.ts";

/**
 * Takes back what killed processes have left of containers, before a command does what it is for; it warns of what
 * cannot be taken back. Where there is no container, that is one look into the state folder.
 */
export async function collectLeftovers(): Promise<void> {
  if (tryStatx(AT_FDCWD, DEFAULT_STATE_ROOT) === undefined) return;
  try {
    const root = StateRoot.open();
    if (root.ids().length === 0) return;
    const { collectGarbage, tellFailures } = await import("../container/gc.ts");
    using _lock = root.lock();
    tellFailures(collectGarbage(root).failures);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    warn(error.message);
  }
}
