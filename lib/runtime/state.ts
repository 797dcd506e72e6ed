import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/constants.ts";
import { DT_DIR, DT_UNKNOWN, listFolder } from "../../ffi/directory.ts";
import {
  fchmod,
  Fd,
  flock,
  LOCK_EX,
  openat,
  readFile,
  renameat2,
  replaceFile,
  statx,
  tryMkdir,
  tryUnlink,
  unlinkat,
} from "../../ffi/file.ts";
import { ContainerError, hintForWriting, reasonOf, SysError } from "../errors.ts";
import { step, warn } from "../trace.ts";
import type { Executing } from "../init/channel.ts";
import { randomUUID } from "../uuid.ts";
import type { ProcessIdentity } from "./process_identity.ts";

/** Where the state of all containers lives, unless `--root` says otherwise. */
export const DEFAULT_STATE_ROOT = "/run/gocontainer";

/**
 * What is known of a container, kept in `<root>/<id>/state.json` from before its first part is made
 * until after its last one is gone. It names what will exist, so that `gc` can take back what a
 * process that was killed at any moment has left.
 */
export interface ContainerRecord {
  readonly ociVersion: string;
  readonly id: string;
  /** The name that the user gave; the id where none was given. */
  readonly name: string;
  /** The folder of its config.json, absolute. */
  readonly bundle: string;
  /** The config it was made from, absolute: later changes in the bundle have no effect. */
  readonly config: string;
  /** RFC 3339. */
  readonly created: string;
  /** The gocontainer process that follows it; when that is gone, so is the container's right to be. */
  readonly owner?: ProcessIdentity;
  /** Its first process, once there is one; where that is started at once, from its start on. */
  init?: ProcessIdentity;
  /** Whether it is built, so that only its start is missing. */
  built?: boolean;
  /** Where its launcher waits for the start: what that has no words for. */
  executing?: Executing;
  /** Whether its program was let go: before that, its folder is of no use to anybody. */
  started?: boolean;
  /** Absolute cgroup folders. */
  cgroups: readonly string[];
  /** Those of them that were there before it, and stay. */
  spared?: readonly string[];
  /** systemd's unit, where that has made the cgroup above it. */
  readonly scope?: string;
  /** Its root in the host's own mount namespace, absolute, where it has none of its own. */
  hostRoot?: string;
  /** Its folder in the file system resctrl, and its monitoring group, where they are its own. */
  resctrl?: readonly string[];
  /** Addresses are in CIDR form; `veth` is the host's end. */
  readonly network?: { readonly bridge: string; readonly address: string; readonly veth: string };
  /** The ids of the host that its user namespace maps, so that no other container gets them. */
  readonly hostIds?: readonly IdRange[];
  /** Whether its processes have the session keyring of whoever started them. */
  readonly keepsKeyring?: boolean;
  /** The config's annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether the bundle's folder goes with the container (-rm); undefined for a bundle of the user's own, which stays. */
  readonly removeBundle?: boolean;
}

/** A range of user or group ids of the host. */
export interface IdRange {
  readonly first: number;
  readonly size: number;
}

/** How the folder of a container begins while it is removed: as no id does. */
const REMOVED = ".removed-";

/** The form of ids, which runc and crun take as well: they become names of folders and cgroups, of which none is hidden. */
const ID = /^[a-zA-Z0-9_+-][a-zA-Z0-9_.+-]{0,127}$/;
/** That of names, as docker's. */
const NAME = /^[a-zA-Z0-9]/;

function isContainer({ name, type }: { readonly name: string; readonly type: number }): boolean {
  return (type === DT_DIR || type === DT_UNKNOWN) && ID.test(name);
}

/**
 * @param what `id` or `name`, for the message.
 * @throws {ContainerError} when a text cannot be a container's id or name.
 */
export function checkId(text: string, what: "id" | "name" = "id"): void {
  if (ID.test(text) && (what === "id" || NAME.test(text))) return;
  const start = what === "id" ? "no dot" : "a letter or digit";
  throw new ContainerError(`use ${JSON.stringify(text)} as container ${what}: not allowed`, {
    code: "InvalidArgument",
    hint: `Begin with ${start} and use only letters, digits and _ . + - (at most 128 in all)`,
  });
}

/** The folder that holds the state of all containers of a user, most often root: his alone. */
export class StateRoot {
  private constructor(readonly path: string) {}

  /**
   * Opens the folder, making it 0700 when it is missing. The default one is made so when others may read
   * it; one that somebody else has chosen keeps its mode.
   *
   * @throws {ContainerError} when it is another user's, or others could write there.
   */
  static open(path = DEFAULT_STATE_ROOT): StateRoot {
    const own = Deno.uid() ?? 0;
    // What is sticky in $XDG_RUNTIME_DIR is not cleaned up for its age.
    makeFolder(path, own === 0 ? 0o700 : 0o1700);
    const { mode, uid } = statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
    if ((mode & S_IFMT) !== S_IFDIR || (mode & 0o022) !== 0 || (own === 0 && uid !== 0)) {
      throw new ContainerError(`use the state folder "${path}": others can write there`, {
        code: "NotAllowed",
        hint: own === 0
          ? `Make it root's alone: chown root "${path}" && chmod 700 "${path}"`
          : `Make it your own alone: chmod 700 "${path}"`,
      });
    }
    if (uid !== own) {
      throw new ContainerError(
        `use the state folder "${path}": it is user ${uid}'s, not your own`,
        {
          code: "NotAllowed",
          hint: "The containers of another user are his: name another folder with --root",
        },
      );
    }
    if (path === DEFAULT_STATE_ROOT && (mode & 0o077) !== 0) makePrivate(path);
    return new StateRoot(path);
  }

  /** Takes the lock under which containers are registered and remains are collected; waits for it. */
  lock(): Disposable {
    const fd = openLock(this.path);
    flock(fd.number, LOCK_EX);
    return fd;
  }

  /** The ids of all containers. */
  ids(): string[] {
    return listFolder(this.path).filter(isContainer).map(({ name }) => name);
  }

  /**
   * Removes what those who were killed while they forgot a container have left of its folder, and returns the ids
   * of the others.
   */
  tidy(): string[] {
    const entries = listFolder(this.path);
    for (const { name } of entries) {
      if (name.startsWith(REMOVED)) removeFolder(`${this.path}/${name}`);
    }
    return entries.filter(isContainer).map(({ name }) => name);
  }

  /** The state of all containers; of one whose record is damaged a warning tells. */
  containers(): ContainerState[] {
    return this.ids().map((id) => this.#findOrWarn(id)).filter((state) => state !== undefined);
  }

  /**
   * The state of one container; undefined when there is none of that id. A folder whose record was never written
   * counts as one that never was.
   *
   * @throws {ContainerError} Damaged when the record is none.
   */
  find(id: string): ContainerState | undefined {
    checkId(id);
    let text: string;
    try {
      text = readFile(`${this.path}/${id}/state.json`);
    } catch (error) {
      if (error instanceof SysError && error.code === "ENOENT") return undefined;
      throw error;
    }
    return new ContainerState(`${this.path}/${id}`, readRecord(text, id, this.path));
  }

  /** As {@link find}; one damaged record must not be in the way of all other containers. */
  #findOrWarn(id: string): ContainerState | undefined {
    try {
      return this.find(id);
    } catch (error) {
      if (!(error instanceof ContainerError && error.code === "Damaged")) throw error;
      warn(error.message);
      return undefined;
    }
  }

  /** Forgets a container whose record is damaged, and so all that it had. The caller knows that nothing of it is left. */
  forget(id: string): void {
    checkId(id);
    removeFolder(`${this.path}/${id}`);
  }

  /**
   * Registers a container, before anything of it is made. The caller holds the lock: a folder without a
   * record is then one of which the maker was killed between the two.
   *
   * @throws {ContainerError} when the id is taken.
   */
  register(record: ContainerRecord): ContainerState {
    checkId(record.id);
    const folder = `${this.path}/${record.id}`;
    const state = new ContainerState(folder, record);
    step(
      () => ({
        label: "write down what there will be of the container, for who is to take it back",
        call: `mkdir("${folder}"); write("${folder}/state.json")`,
        check: `cat "${folder}/state.json"`,
      }),
      () => {
        if (!tryMkdir(folder, 0o700) && this.find(record.id) !== undefined) {
          throw new ContainerError(`make container "${record.id}": the id is in use`, {
            code: "Exists",
          });
        }
        try {
          state.save();
        } catch (error) {
          removeFolder(folder);
          throw error;
        }
      },
    );
    return state;
  }
}

/** What gocontainer has written; a power cut may have left a part of it, and anybody's hand something else. */
function readRecord(text: string, id: string, root: string): ContainerRecord {
  let record: Partial<ContainerRecord> | null;
  try {
    record = JSON.parse(text);
  } catch {
    record = null;
  }
  const isRecord = record?.id === id && typeof record.name === "string" &&
    typeof record.bundle === "string" && typeof record.config === "string" &&
    Array.isArray(record.cgroups);
  if (isRecord) return record as ContainerRecord;
  throw new ContainerError(`read the record "${root}/${id}/state.json": it is damaged`, {
    code: "Damaged",
    hint:
      `If nothing of it runs any more, forget it: gocontainer --root ${root} delete --force ${id}`,
  });
}

/** Removes a container's folder, in which there is most often nothing but its record and the config of an engine's. */
function removeRecord(folder: string): void {
  try {
    for (const name of ["state.json", "config.json"]) tryUnlink(AT_FDCWD, `${folder}/${name}`);
    unlinkat(AT_FDCWD, folder, AT_REMOVEDIR);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    removeFolder(folder);
  }
}

/** Removes a folder with all that is in it; one that is gone already is fine. */
function removeFolder(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Makes a folder, its user's alone, and what is missing above it. */
function makeFolder(path: string, mode: number): void {
  try {
    tryMkdir(path, mode);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code !== "ENOENT") throw notUsable(`make the state folder "${path}"`, error);
    try {
      Deno.mkdirSync(path, { mode, recursive: true });
    } catch (error) {
      throw notUsable(`make the state folder "${path}"`, error);
    }
  }
}

function openLock(root: string): Fd {
  try {
    return new Fd(openat(AT_FDCWD, `${root}/.lock`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
  } catch (error) {
    throw notUsable(`write in the state folder "${root}"`, error);
  }
}

const OTHER_ROOT = "name another folder to the runtime's commands with --root";

function notUsable(action: string, cause: unknown): ContainerError {
  return new ContainerError(`${action}: ${reasonOf(cause)}`, {
    code: "NotAllowed",
    hint: hintForWriting(
      cause,
      `Make room there, or ${OTHER_ROOT}`,
      `Mount a tmpfs on /run, or ${OTHER_ROOT}`,
    ),
    cause,
  });
}

/** Nobody but root could have put another folder there meanwhile: the one that was looked at is changed. */
function makePrivate(path: string): void {
  using folder = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  fchmod(folder.number, 0o700);
}

/** The state of one container, on disk and in memory. */
export class ContainerState {
  constructor(readonly folder: string, readonly record: ContainerRecord) {}

  /** Takes the lock of this container alone, which is free again when its holder ends; waits for it. */
  lock(): Disposable {
    const fd = new Fd(openat(AT_FDCWD, this.folder, O_RDONLY | O_DIRECTORY));
    flock(fd.number, LOCK_EX);
    return fd;
  }

  /**
   * Writes the record, whole or not at all.
   *
   * @throws {ContainerError}
   */
  save(): void {
    this.write("state.json", JSON.stringify(this.record));
  }

  /**
   * Writes a file of its folder, whole or not at all.
   *
   * @throws {ContainerError}
   */
  write(name: string, text: string): void {
    try {
      replaceFile(`${this.folder}/${name}`, text, 0o600);
    } catch (cause) {
      const action = `write down the state of container "${this.record.id}"`;
      if (!(cause instanceof SysError && cause.code === "ENOENT")) throw notUsable(action, cause);
      throw new ContainerError(`${action}: it has been deleted`, { code: "NotFound", cause });
    }
  }

  /** Forgets the container: the last thing to be done to it. Its id is free at once, whatever happens meanwhile. */
  remove(): void {
    const slash = this.folder.lastIndexOf("/") + 1;
    const removed = `${this.folder.slice(0, slash)}${REMOVED}${randomUUID()}`;
    try {
      renameat2(AT_FDCWD, this.folder, AT_FDCWD, removed);
    } catch (error) {
      if (error instanceof SysError && error.code === "ENOENT") return;
      throw error;
    }
    removeRecord(removed);
  }
}
