/** What the child carries from step to step. */
export interface InitContext {
  /** Its end of the channel to the parent. */
  channel: number;
  /** A procfs that has this process, where it is outside of the container's pid namespace. */
  readonly proc?: number;
  /** The container's root, open (O_PATH); -1 before it is there. */
  root: number;
  /** The program's path, once it is found. */
  program?: string;
  /** Becomes the program; see steps/exec.ts. */
  become?: () => never;
  /** The value of HOME, where the config has none. */
  home?: string;
  /** Its number on the host, once the parent has told it. */
  pid?: number;
}

/** A failure of the child's that is not a system call's, in a sentence. */
export class InitError extends Error {
  override readonly name = "InitError";
}
