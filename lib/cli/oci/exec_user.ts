import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../../ffi/constants.ts";
import { Fd, openat } from "../../../ffi/file.ts";
import { ContainerError } from "../../errors.ts";
import type { ResolvedUser } from "../../image/user.ts";
import type { Process, Spec } from "../../oci/spec.ts";
import { isAlive } from "../../runtime/process_identity.ts";
import type { ContainerState } from "../../runtime/state.ts";
import type { Arguments } from "../arguments.ts";
import { parseWhole } from "../quantity.ts";

/**
 * Who a program runs as: the container's own user with what `--user` and `--additional-gids` change, and what it has of
 * the container's own variables. Names are those of the accounts that the container has now. In a container that was
 * made from an image numbers are looked up as well, and HOME and USER are the account's, as `run` has it.
 *
 * @throws {UsageError} for what is neither a name nor a number
 * @throws {ContainerError} NotFound for a name that is not there
 */
export async function readUser(
  args: Arguments,
  spec: Spec,
  state: ContainerState,
): Promise<Pick<Process, "user" | "env">> {
  const text = args.text("user");
  const more = args.texts("additional-gids").map((gid) =>
    parseWhole(gid, "--additional-gids", 0, 2 ** 31 - 1)
  );
  const { user = { uid: 0, gid: 0 }, env = [] } = spec.process ?? {};
  // An empty one is none, as runc and docker have it.
  if (!text) {
    return { user: { ...user, additionalGids: [...user.additionalGids ?? [], ...more] }, env };
  }
  const { nameIn } = await import("../../container/config.ts");
  const isFromImage = nameIn(spec) !== undefined;
  if (isFromImage || (/^([^:]+|[^:]+:[^:]+)$/.test(text) && /[^0-9:]/.test(text))) {
    const account = await lookUp(text, state);
    const own = isFromImage ? await lookUp(`${user.uid}:${user.gid}`, state) : account;
    const { uid, gid, additionalGids } = account;
    return {
      user: { ...user, uid, gid, additionalGids: [gid, ...additionalGids, ...more] },
      env: env.map((entry) => inNameOf(account, own, entry)),
    };
  }
  const [uid] = text.split(":", 1);
  const id = uid === text ? undefined : text.slice(uid.length + 1);
  const gid = id === undefined ? user.gid : parseWhole(id, "--user", 0, 2 ** 31 - 1);
  // The groups of the container's own user are not this one's (CVE-2022-36109).
  const additionalGids = [gid, ...more];
  return {
    user: { ...user, uid: parseWhole(uid, "--user", 0, 2 ** 31 - 1), gid, additionalGids },
    env,
  };
}

/** A variable that says who the container's own user is says it of another account; what else was given stays. */
function inNameOf(account: ResolvedUser, own: ResolvedUser, entry: string): string {
  if (entry === `HOME=${own.home}`) return `HOME=${account.home}`;
  return entry === `USER=${own.name}` ? `USER=${account.name}` : entry;
}

async function lookUp(name: string, state: ContainerState): Promise<ResolvedUser> {
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
