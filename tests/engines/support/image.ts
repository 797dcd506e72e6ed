import { alpineArchive, exists, host } from "../../integration/support/project.ts";
import type { Workspace } from "../../integration/support/workspace.ts";

/** An archive of the Alpine root file system: the build's, or one made of what the binary holds. */
export async function alpineArchiveOf(workspace: Workspace): Promise<string> {
  const archive = alpineArchive();
  if (archive !== undefined) return archive;
  const packed = workspace.path("alpine.tar");
  if (!exists(packed)) await host("tar", "-C", await workspace.alpine(), "-cf", packed, ".");
  return packed;
}
