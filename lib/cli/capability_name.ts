import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { CAPABILITIES, isCapability } from "../oci/capabilities.ts";

/**
 * A capability as the user writes it, `net_admin` or `CAP_NET_ADMIN`, by its full name.
 *
 * @throws {UsageError} when there is none of that name.
 */
export function parseCapability(text: string): string {
  const upper = text.toUpperCase();
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (isCapability(name)) return name;
  const near = nearest(name, Object.keys(CAPABILITIES));
  throw new UsageError(`read the capability "${text}": there is none of that name`, {
    hint: text.includes(",")
      ? "Give each of them with an option of its own"
      : near === undefined || text === ""
      ? "They are listed in capabilities(7), such as NET_ADMIN"
      : `Did you mean ${near}?`,
  });
}
