/** The kinds of hooks in the order in which they run (config.md, "POSIX-platform Hooks"). */
export const HOOKS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

export type HookName = typeof HOOKS[number];
