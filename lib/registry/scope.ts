/** What somebody may do with something, as token servers have it: `repository:library/nginx:pull,push`. */

/**
 * What a registry names that is not part of what was asked for already (distribution's scope.md). Some
 * token servers give nothing for a thing that is named twice.
 *
 * @param named scopes with spaces between them, as a challenge has them
 */
export function scopesBeyond(named: string, asked: readonly string[]): string[] {
  const scopes = named.split(" ").filter((scope) => scope !== "");
  return [...new Set(scopes)].filter((scope) => !asked.some((one) => includes(one, scope)));
}

/** Whether all that one scope allows is allowed by another. */
function includes(scope: string, other: string): boolean {
  const [one, two] = [partsOf(scope), partsOf(other)];
  return one.thing === two.thing && two.actions.every((action) => one.actions.includes(action));
}

/** A name may have a colon, of a host with a port; actions have none. */
function partsOf(scope: string): { thing: string; actions: readonly string[] } {
  const colon = scope.lastIndexOf(":");
  return { thing: scope.slice(0, Math.max(colon, 0)), actions: scope.slice(colon + 1).split(",") };
}
