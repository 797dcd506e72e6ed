import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../ffi/constants.ts";
import {
  Fd,
  flock,
  fsync,
  LOCK_EX,
  mkdirat,
  openat,
  renameat2,
  statx,
  syncfs,
  tryFlock,
  tryStatx,
} from "../../ffi/file.ts";
import { removeDefaultAcl } from "../../ffi/xattr.ts";
import { ContainerError, reasonOf, SysError } from "../errors.ts";
import { removeContents, removeTree } from "../file_tree.ts";
import { findSafeFolder, safeFolder } from "../folder.ts";
import { step, warn } from "../trace.ts";
import { Archive } from "./archive.ts";
import { Budget } from "./budget.ts";
import { ArchiveFault } from "./fault.ts";
import { noSuchImage } from "./missing.ts";
import { checkImageName } from "./name.ts";
import { ProgressLine } from "./progress.ts";
import { assertLowerLayer, extractedRootfs, folderRootfs, type Rootfs } from "./rootfs.ts";
import { RootfsWriter, settleUnlisted } from "./rootfs_writer.ts";
import { type ArchiveSource, EXTRACTED, extractedPath, findSource } from "./source.ts";
import { quoteName } from "./tar/bytes.ts";
import { TarReader } from "./tar/reader.ts";

/** Ending of a folder that is being extracted into. */
const PARTIAL = ".partial";

/**
 * Makes an image's root file system ready: extracts its archive, once for each version of it, into
 * a hidden folder of the images folder. What other containers still use of an older version stays.
 *
 * An extraction happens under a temporary name; the folder gets its own when it is whole and on the
 * disk. Whoever extracts holds a lock (flock(2)) on the folder, which the kernel takes back should
 * the process die. Others wait for it, and find the image ready, or take over what was left.
 *
 * @param imagesFolder as the user gave it; made when there is none and the image is in the binary
 * @throws {ContainerError} NotFound, Unsupported, InvalidArchive, NotAllowed; nothing is left then
 */
export async function extractRootfs(imagesFolder: string, name: string): Promise<Rootfs> {
  checkImageName(name);
  const source = findSource(findSafeFolder(imagesFolder), name);
  if (source === undefined) throw noSuchImage(imagesFolder, name);
  const folder = safeFolder(imagesFolder, { create: 0o755 });
  if (source.kind === "folder") return folderRootfs(name, source);
  const ready = extractedRootfs(folder, name, source);
  if (ready !== undefined) return ready;

  assertLowerLayer(folder);
  using store = openStore(folder);
  using progress = new ProgressLine(`extract image ${JSON.stringify(name)}`);
  const path = extractedPath(folder, name, source.version);
  const final = path.slice(path.lastIndexOf("/") + 1);
  using partial = prepare(name, () => {
    removePartials(folder, store.number);
    return lockPartial(store.number, final, progress);
  });
  if (partial !== undefined) {
    await extractInto(partial.number, store.number, final, { folder, name, source, progress });
  }
  return { name, path, source: source.kind };
}

/**
 * Removes what extractions that did not come to their end left in an images folder.
 *
 * @param imagesFolder as the user gave it; need not exist
 */
export function removeLeftovers(imagesFolder: string): void {
  const folder = findSafeFolder(imagesFolder);
  if (folder === undefined) return;
  if (tryStatx(AT_FDCWD, `${folder}/${EXTRACTED}`, AT_SYMLINK_NOFOLLOW) === undefined) return;
  using store = openStore(folder);
  removePartials(folder, store.number);
}

/** Tells the user of an error before the archive is opened. */
function prepare<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new ContainerError(`extract image ${JSON.stringify(name)}: ${reasonOf(error)}`, {
      hint: hintFor(error),
      cause: error,
    });
  }
}

/** The folder of what was extracted: root's alone, as images hold set-user-id programs of any age. */
function openStore(folder: string): Fd {
  const path = `${folder}/${EXTRACTED}`;
  try {
    try {
      mkdirat(AT_FDCWD, path, 0o700);
      // An access control list that everything made below would take over.
      removeDefaultAcl(path);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
    }
    return new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    throw new ContainerError(`make folder ${JSON.stringify(path)}: ${reasonOf(error)}`, {
      hint: hintFor(error),
      cause: error,
    });
  }
}

function removePartials(folder: string, store: number): void {
  for (const { name } of Deno.readDirSync(`${folder}/${EXTRACTED}`)) {
    if (!name.startsWith(".") || !name.endsWith(PARTIAL)) continue;
    using partial = tryOpenFolder(store, name);
    if (partial === undefined || !tryFlock(partial.number, LOCK_EX)) continue;
    if (isStill(partial.number, store, name)) removeTree(store, name);
  }
}

/** Whether an open folder still has its name: it may have been renamed, or removed, before it was locked. */
function isStill(folder: number, store: number, name: string): boolean {
  return tryStatx(store, name, AT_SYMLINK_NOFOLLOW)?.ino === statx(folder).ino;
}

function tryOpenFolder(store: number, name: string): Fd | undefined {
  try {
    return new Fd(openat(store, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Makes the folder to extract into, or takes over one that was left, and locks it. Undefined when
 * another process completed the image meanwhile.
 */
function lockPartial(store: number, final: string, progress: ProgressLine): Fd | undefined {
  const name = partialName(final);
  for (;;) {
    try {
      mkdirat(store, name, 0o700);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "EEXIST")) throw error;
    }
    const folder = tryOpenFolder(store, name);
    if (folder === undefined) continue;
    if (!tryFlock(folder.number, LOCK_EX)) {
      progress.say("another gocontainer is at it");
      flock(folder.number, LOCK_EX);
    }
    if (tryStatx(store, final, AT_SYMLINK_NOFOLLOW) !== undefined) {
      folder[Symbol.dispose]();
      return undefined;
    }
    if (isStill(folder.number, store, name)) return folder;
    folder[Symbol.dispose]();
  }
}

function partialName(final: string): string {
  return `.${final}${PARTIAL}`;
}

/** What is extracted where, for messages. */
interface Task {
  readonly folder: string;
  readonly name: string;
  readonly source: ArchiveSource;
  readonly progress: ProgressLine;
}

async function extractInto(
  partial: number,
  store: number,
  final: string,
  task: Task,
): Promise<void> {
  const name = partialName(final);
  try {
    step(
      () => ({
        label: `extract the image "${task.name}", once for all containers`,
        call: `tar -x into "${task.folder}/${EXTRACTED}/${name}", inside its folder only`,
        check: `ls -la "${task.folder}/${EXTRACTED}"`,
      }),
      () => {
        removeContents(store, name);
        settleUnlisted(partial);
      },
    );
    await unpack(partial, task);
    step(
      () => ({
        label: "give the image its name, now that it is whole and on the disk",
        call: `syncfs, rename("${name}", "${final}")`,
      }),
      () => {
        syncfs(partial);
        renameat2(store, name, store, final);
        fsync(store);
      },
    );
  } catch (error) {
    removeFailed(store, name);
    throw error;
  }
}

/** What cannot be removed now is removed by the next extraction; the error that led here counts. */
function removeFailed(store: number, name: string): void {
  try {
    removeTree(store, name);
  } catch (error) {
    warn(`what was extracted could not be removed: ${reasonOf(error)}`);
  }
}

async function unpack(root: number, task: Task): Promise<void> {
  const { name, source, progress } = task;
  using archive = Archive.open(source);
  using writer = new RootfsWriter(root);
  const budget = new Budget(root);
  let files = 0;
  const reader = new TarReader({
    entry(entry) {
      budget.count(entry);
      if (entry.type !== "folder") files++;
      writer.entry(entry);
    },
    data: (bytes, offset) => writer.data(bytes, offset),
    end: () => writer.end(),
  });
  try {
    archive.assertSame();
    let unpacked = 0;
    for await (const piece of await archive.unpacked()) {
      unpacked += piece.length;
      budget.compare(unpacked, archive.done);
      reader.push(piece);
      progress.update(archive.done / archive.size);
    }
    reader.finish();
    if (files === 0) throw new ArchiveFault("has no file in it");
    assertRootfs(root);
    writer.finish();
    archive.assertSame();
  } catch (error) {
    throw failure(error, archive, name, writer);
  }
}

/**
 * Tells an image as other programs save it, whose layers are archives themselves, from a root.
 *
 * @throws {ArchiveFault}
 */
function assertRootfs(root: number): void {
  const has = (path: string) => tryStatx(root, path, AT_SYMLINK_NOFOLLOW) !== undefined;
  if (has("usr") || has("bin") || !(has("oci-layout") || has("manifest.json"))) return;
  throw new ArchiveFault("holds an image in layers, not a root file system", {
    hint: "Make one of a container of it: docker export CONTAINER, or podman export CONTAINER",
  });
}

function failure(
  error: unknown,
  archive: Archive,
  name: string,
  writer: RootfsWriter,
): ContainerError {
  const what = `extract image ${JSON.stringify(name)}`;
  if (error instanceof ArchiveFault) {
    return new ContainerError(`${what}: ${JSON.stringify(archive.name)} ${error.message}`, {
      code: "InvalidArchive",
      hint: error.hint,
      cause: error,
    });
  }
  const member = writer.current === undefined ? "" : `${quoteName(writer.current)}: `;
  return new ContainerError(`${what}: ${member}${reasonOf(error)}`, {
    hint: hintFor(error),
    cause: error,
  });
}

function hintFor(error: unknown): string | undefined {
  switch (error instanceof SysError ? error.code : "") {
    case "ENOSPC":
    case "EDQUOT":
      return "Make room, or give an images folder on another disk with -i";
    case "EROFS":
      return "Give an images folder on a disk that can be written with -i";
    case "EPERM":
    case "EOPNOTSUPP":
      return "Give an images folder on a Linux file system such as ext4 with -i";
    default:
      return undefined;
  }
}
