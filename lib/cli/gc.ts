import { collectGarbage, tellFailures } from "../container/gc.ts";
import { StateRoot } from "../runtime/state.ts";
import type { Command } from "./command.ts";
import { print } from "./output.ts";

export const gc: Command = {
  synopsis: ["gc"],
  summary: "Takes back what killed processes have left of containers, and prints their ids.",
  options: [],
  words: { least: 0, most: 0 },
  run() {
    const root = StateRoot.open();
    using _lock = root.lock();
    const { collected, failures } = collectGarbage(root);
    for (const id of collected) print(id);
    const [first, ...others] = failures;
    tellFailures(others);
    if (first !== undefined) throw first;
    return 0;
  },
};
