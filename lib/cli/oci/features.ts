import { stringifyJSON } from "../../json.ts";
import { features } from "../../oci/features.ts";
import { VERSION } from "../../version.ts";
import { print } from "../output.ts";

/** `features`: what this runtime recognises, as JSON. */
export function featuresCommand(): number {
  print(stringifyJSON(features(VERSION), 2));
  return 0;
}
