import { AT_FDCWD, S_IFDIR, S_IFMT } from "../../ffi/constants.ts";
import { tryStatx } from "../../ffi/file.ts";
import { ContainerError } from "../errors.ts";

/**
 * Where the state of an ordinary user's containers lives, unless `--root` says otherwise: in the folder that
 * the system keeps for what he runs (XDG Base Directory Specification).
 *
 * @throws {ContainerError} when there is none, or it is not his alone.
 */
export function userStateRoot(
  folder: string | undefined = Deno.env.get("XDG_RUNTIME_DIR"),
  uid: number | null = Deno.uid(),
): string {
  if (!folder) {
    throw new ContainerError("find the state folder: XDG_RUNTIME_DIR is not set", {
      code: "NotFound",
      hint:
        `Log in as the user rather than by su or sudo, set it (/run/user/${uid}), or give --root`,
    });
  }
  const bad = (why: string) =>
    new ContainerError(`use XDG_RUNTIME_DIR ${JSON.stringify(folder)}: ${why}`, {
      code: "NotAllowed",
      hint: `Set it to a folder of your own with mode 0700 (/run/user/${uid}), or give --root`,
    });
  if (!folder.startsWith("/")) throw bad("it is not absolute");
  const there = tryStatx(AT_FDCWD, folder, 0);
  if (there === undefined || (there.mode & S_IFMT) !== S_IFDIR) throw bad("it is no folder");
  if (there.uid !== uid) throw bad(`it is user ${there.uid}'s, not your own`);
  if (there.mode & 0o022) throw bad("others can write there");
  return `${folder.replace(/\/+$/, "")}/gocontainer`;
}
