import { ContainerError } from "../errors.ts";
import { meantImage, noSuchImage } from "../image/missing.ts";
import { parsePlatform } from "../image/platform.ts";
import { pullImage } from "../image/pull.ts";
import { parseReference } from "../image/reference.ts";
import type { StoreOnDemand } from "../image/store/on_demand.ts";
import { showTransfer } from "../image/transfer/display/mod.ts";
import type { RunOptions } from "./options.ts";

/**
 * Pulls the image that is to run, which is told on standard error.
 *
 * @param isMissing whether it is pulled because it is not here: an error then says both
 * @throws {ContainerError}
 */
export async function pullForRun(
  stores: StoreOnDemand,
  { image: name, imagesFolder, platform, session, progress }: RunOptions,
  isMissing: boolean,
): Promise<void> {
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  const missing = noSuchImage(imagesFolder, name, wanted);
  // A file of that name which cannot be read is what was meant.
  if (isMissing && missing.code !== "NotFound") throw missing;
  const reference = parseReference(name);
  using show = showTransfer(progress, reference);
  try {
    await pullImage(stores, reference, {
      ...session,
      ...wanted !== undefined && { platform: wanted },
      observe: show.observe,
    });
  } catch (error) {
    if (!(error instanceof ContainerError) || !isMissing) throw error;
    throw new ContainerError(`${missing.message}, and to ${error.message}`, {
      code: error.code,
      hint: meantImage(imagesFolder, name) === undefined
        ? error.hint ?? missing.hint
        : missing.hint,
      cause: error,
    });
  }
}
