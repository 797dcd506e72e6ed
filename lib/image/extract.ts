import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../ffi/constants.ts";
import { Fd, mkdirat, openat, syncfs, tryStatx } from "../../ffi/file.ts";
import { removeDefaultAcl } from "../../ffi/xattr.ts";
import { ContainerError, hintOf, reasonOf, SysError } from "../errors.ts";
import { findSafeFolder, safeFolder } from "../folder.ts";
import { beginStep, step } from "../trace.ts";
import { Archive } from "./archive.ts";
import { Budget } from "./budget.ts";
import { extractionError, hintFor } from "./extraction_error.ts";
import { ArchiveFault } from "./fault.ts";
import { noSuchImage } from "./missing.ts";
import { checkImageName } from "./name.ts";
import { PartialFolder, removePartials } from "./partial.ts";
import { ProgressLine } from "./progress.ts";
import { assertLowerLayer, extractedRootfs, folderRootfs, type Rootfs } from "./rootfs.ts";
import { type ArchiveSource, EXTRACTED, extractedPath, findSource } from "./source.ts";
import { TarReader } from "./tar/reader.ts";
import { settleUnlisted } from "./tree/attributes.ts";
import { TreeWriter, writingCalls } from "./tree/writer.ts";

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
  using partial = await prepare(name, () => {
    removePartials(`${folder}/${EXTRACTED}`, store.number);
    const waiting = () => progress.say("another gocontainer is at it");
    return PartialFolder.lock(store.number, final, { waiting });
  });
  if (partial !== undefined) await extractInto(partial, { folder, name, source, progress });
  return { name, path, source: source.kind };
}

/** Tells the user of an error before the archive is opened. */
async function prepare<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
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
      hint: hintFor(error) ?? hintOf(error) ?? "Give an images folder that can be written with -i",
      cause: error,
    });
  }
}

/** What is extracted where, for messages. */
interface Task {
  readonly folder: string;
  readonly name: string;
  readonly source: ArchiveSource;
  readonly progress: ProgressLine;
}

async function extractInto(partial: PartialFolder, task: Task): Promise<void> {
  try {
    const extracted = beginStep({
      label: `extract the image "${task.name}", once for all containers`,
      call: writingCalls(`${task.folder}/${EXTRACTED}/${partial.name}`),
      check: `ls -la "${task.folder}/${EXTRACTED}"`,
    });
    partial.clear();
    settleUnlisted(partial.number);
    await unpack(partial.number, task);
    extracted();
    step(
      () => ({
        label: "give the image its name, now that it is whole and on the disk",
        call: `syncfs; renameat2("${partial.name}")`,
      }),
      () => {
        syncfs(partial.number);
        partial.complete();
      },
    );
  } catch (error) {
    partial.remove();
    throw error;
  }
}

async function unpack(root: number, task: Task): Promise<void> {
  const { name, source, progress } = task;
  using archive = Archive.open(source);
  const budget = new Budget(root);
  using writer = new TreeWriter(root, { onExtra: (made) => budget.count(made) });
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
    throw extractionError(error, `extract image ${JSON.stringify(name)}`, {
      archive: JSON.stringify(archive.name),
      member: writer.current,
      isFile: source.kind === "archive",
    });
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
    hint: "Load it: gocontainer load FILE",
  });
}
