import { ContainerError } from "../errors.ts";

/**
 * Does something with each of several that were named: one that is wrong does not keep it from the others.
 *
 * @returns what was wrong, for {@link assertNone}
 */
export async function forEach<T>(
  named: Iterable<T>,
  action: (one: T) => void | Promise<void>,
): Promise<ContainerError[]> {
  const errors: ContainerError[] = [];
  for (const one of named) {
    try {
      await action(one);
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      errors.push(error);
    }
  }
  return errors;
}

/**
 * Tells in the end what was wrong.
 *
 * @throws {AggregateError} of all of it
 */
export function assertNone(errors: readonly ContainerError[]): void {
  if (errors.length > 0) throw new AggregateError(errors);
}
