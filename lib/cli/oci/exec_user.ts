import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../../ffi/constants.ts";
import { Fd, openat } from "../../../ffi/file.ts";
import { ContainerError } from "../../errors.ts";
import type { Process } from "../../oci/spec.ts";
import { isAlive } from "../../runtime/process_identity.ts";
import type { ContainerState } from "../../runtime/state.ts";
import type { Arguments } from "../arguments.ts";
import { parseWhole } from "../quantity.ts";

/**
 * Who a program runs as: the container's own user with what `--user` and `--additional-gids` change. Names are
 * those of the accounts that the container has now.
 *
 * @throws {UsageError} for what is neither a name nor a number
 * @throws {ContainerError} NotFound for a name that is not there
 */
export async function readUser(
  args: Arguments,
  own: Process,
  state: ContainerState,
): Promise<Process["user"]> {
  const text = args.text("user");
  const more = args.texts("additional-gids").map((gid) =>
    parseWhole(gid, "--additional-gids", 0, 2 ** 31 - 1)
  );
  const user = own.user ?? { uid: 0, gid: 0 };
  if (text === undefined) {
    return { ...user, additionalGids: [...user.additionalGids ?? [], ...more] };
  }
  if (/^([^:]+|[^:]+:[^:]+)$/.test(text) && /[^0-9:]/.test(text)) {
    const { uid, gid, additionalGids } = await lookUp(text, state);
    return { ...user, uid, gid, additionalGids: [gid, ...additionalGids, ...more] };
  }
  const [uid] = text.split(":", 1);
  const id = uid === text ? undefined : text.slice(uid.length + 1);
  const gid = id === undefined ? user.gid : parseWhole(id, "--user", 0, 2 ** 31 - 1);
  // The groups of the container's own user are not this one's (CVE-2022-36109).
  const additionalGids = [gid, ...more];
  return { ...user, uid: parseWhole(uid, "--user", 0, 2 ** 31 - 1), gid, additionalGids };
}

async function lookUp(name: string, state: ContainerState) {
  const { resolveUser } = await import("../../image/user.ts");
  const { init } = state.record;
  using root = init && isAlive(init)
    ? new Fd(openat(AT_FDCWD, `/proc/${init.pid}/root`, O_PATH | O_DIRECTORY))
    : undefined;
  // Only now is it certain whose root it is.
  if (root === undefined || !isAlive(init)) {
    throw new ContainerError(`run in container "${state.record.id}": container not running`, {
      code: "WrongState",
    });
  }
  return resolveUser(root.number, name);
}
