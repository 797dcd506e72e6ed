import { OCI_VERSION_MAX } from "../oci/version.ts";
import { VERSION } from "../version.ts";

/** What `-version` prints, with the line `spec: X` that engines read. */
export function versionText(): string {
  return `gocontainer version ${VERSION}\nspec: ${OCI_VERSION_MAX}`;
}
