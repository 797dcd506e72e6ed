/**
 * A test that runs only where all it needs is there; elsewhere a line says what is missing.
 *
 * @param needs what is needed, in words, and whether it is there.
 * @param options `daemon`: whether a process that it starts lives on for later tests.
 */
export function testWith(
  needs: Readonly<Record<string, boolean>>,
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  options: { readonly daemon?: boolean } = {},
): void {
  const missing = Object.entries(needs).filter(([, there]) => !there).map(([what]) => what);
  if (missing.length > 0) console.log(`SKIPPED ${name}: ${missing.join(", ")} is missing`);
  const sanitize = options.daemon !== true;
  Deno.test({
    name,
    ignore: missing.length > 0,
    sanitizeOps: sanitize,
    sanitizeResources: sanitize,
    fn,
  });
}
