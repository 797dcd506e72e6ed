/**
 * What is wrong with an archive, in words that follow its name: `is truncated`. The extraction makes
 * an error for the user of it, who then knows which archive is meant.
 */
export class ArchiveFault extends Error {
  override readonly name = "ArchiveFault";
  /** What to do about it, where that is known. */
  readonly hint?: string;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.hint = options.hint;
  }
}

/** That an archive, which may be as it should be, is too much for the disk. */
export class NoRoom extends ArchiveFault {}
