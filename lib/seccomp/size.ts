/** The kernel's limit of a program (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;

/** A program needs more instructions than the kernel takes. */
export class ProgramSizeError extends Error {
  override readonly name = "ProgramSizeError";
}
