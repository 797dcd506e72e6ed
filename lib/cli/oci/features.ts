import { stringifyJSON } from "../../json.ts";
import { features } from "../../oci/features.ts";
import { VERSION } from "../../version.ts";

/** `features`: what this runtime recognises, as JSON. */
export function featuresCommand(): number {
  console.log(stringifyJSON(features(VERSION), 2));
  return 0;
}
