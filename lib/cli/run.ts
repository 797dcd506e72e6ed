import { AT_FDCWD } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import { expectChildren } from "../children.ts";
import { run } from "../container/run.ts";
import type { ChildObserver } from "../runtime/spawn.ts";
import { tell } from "../trace.ts";
import type { Arguments } from "./arguments.ts";
import { readRunOptions } from "./run_options.ts";
import type { Watcher } from "./watchers.ts";

/** Loaded together with `run`, of which it is a part. */
export { gc } from "./gc.ts";

/** `gocontainer [run] [OPTIONS] IMAGE COMMAND [ARG...]`: returns the exit code. */
export async function runContainer(args: Arguments): Promise<number> {
  expectChildren();
  const options = readRunOptions(args);
  const folder = args.text("i");
  if (folder !== undefined && tryStatx(AT_FDCWD, folder) === undefined) {
    const { refuseImageAsFolder } = await import("./meant.ts");
    await refuseImageAsFolder(folder);
  }
  const watchers = await makeWatchers(args);
  try {
    const result = await run(options, childObserver(watchers));
    if (result.outOfMemory !== undefined) tell(`gocontainer: ${result.outOfMemory}`);
    return result.exitCode;
  } finally {
    for (const watcher of watchers) watcher.close?.();
  }
}

/** The modules behind -explain, -trace and -test-fault are loaded only for those who ask. */
async function makeWatchers(args: Arguments): Promise<readonly Watcher[]> {
  const asked = ["explain", "trace", "test-fault"].some((name) => args.text(name) !== undefined);
  return asked ? (await import("./watchers.ts")).makeWatchers(args) : [];
}

function childObserver(watchers: readonly Watcher[]): ChildObserver | undefined {
  if (watchers.length === 0) return undefined;
  return {
    done(step, start, end) {
      for (const watcher of watchers) watcher.done(step, start, end);
    },
    fault(step) {
      for (const watcher of watchers) watcher.fault?.(step);
    },
  };
}
