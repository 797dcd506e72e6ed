import { collectGarbage } from "../container/gc.ts";
import { StateRoot } from "../runtime/state.ts";
import type { Arguments } from "./arguments.ts";

/** `gocontainer gc`: takes back what killed processes have left, and says of whom. */
export function gcCommand(_args: Arguments): number {
  const root = StateRoot.open();
  using _lock = root.lock();
  for (const id of collectGarbage(root)) console.log(id);
  return 0;
}
