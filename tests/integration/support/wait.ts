/** How long anything that should happen soon may take, in milliseconds: much, for machines differ. */
export const PATIENCE = 20_000;

/**
 * Asks again and again until a condition holds, and returns what it gave.
 *
 * @param what the condition in words, for the error.
 * @throws {Error} when it does not hold after `patience` milliseconds.
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  patience: number = PATIENCE,
): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`after ${patience} ms still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
