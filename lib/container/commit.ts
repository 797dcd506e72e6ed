import type { FileStatus } from "../../ffi/file.ts";
import { S_IFDIR, S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { applyChanges } from "../image/change.ts";
import { commitImage } from "../image/commit.ts";
import type { ProcessConfig } from "../image/config.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { ImageStore } from "../image/store/store.ts";
import { type ByteString, toByteString } from "../image/tar/bytes.ts";
import type { Spec } from "../oci/spec.ts";
import { cgroupOf } from "../runtime/container.ts";
import { keepFrozen } from "./freeze.ts";
import type { ContainerRoot } from "./saved_root.ts";

/** What the user says of an image that is made of a container. */
export interface CommitWishes {
  readonly author?: string;
  readonly comment?: string;
  /** Instructions of a Dockerfile. */
  readonly changes: readonly string[];
  /** Whether the container stands still meanwhile. */
  readonly pause: boolean;
}

/**
 * Makes an image of a container's changes and the image below them. How the image wants to be run is
 * as the image below has it; where that is not known, as the container was run.
 *
 * @throws {ContainerError}
 */
export async function commitContainer(
  store: ImageStore,
  root: ContainerRoot,
  wishes: CommitWishes,
): Promise<Descriptor> {
  using _frozen = wishes.pause && root.running !== undefined
    ? keepFrozen(cgroupOf(root.running.record))
    : undefined;
  return await commitImage(store, {
    below: root.below,
    ...root.image && { image: root.image },
    upper: root.upper,
    leaveOut: isMountPoint(root.spec),
  }, {
    ...wishes.author === undefined ? {} : { author: wishes.author },
    ...wishes.comment === undefined ? {} : { comment: wishes.comment },
    createdBy: `gocontainer commit ${root.id}`,
    config: (base) => applyChanges(base ?? asItRan(root.spec), wishes.changes),
  });
}

/**
 * What gocontainer itself has put into the upper layer: empty files and folders that something is mounted
 * on.
 */
function isMountPoint(spec: Spec): (path: ByteString, status: FileStatus) => boolean {
  const points = new Set(
    (spec.mounts ?? []).map(({ destination }) =>
      toByteString(new TextEncoder().encode(destination.replace(/^\/+|\/+$/g, "")))
    ),
  );
  return (path, { mode, size, nlink }) => {
    if (!points.has(path)) return false;
    const type = mode & S_IFMT;
    return type === S_IFREG ? size === 0 : type === S_IFDIR && nlink <= 2;
  };
}

/** How a container's program was run, as an image says it. */
function asItRan({ process }: Spec): ProcessConfig {
  if (process === undefined) return {};
  const { uid, gid } = process.user ?? { uid: 0, gid: 0 };
  const own = ["HOSTNAME", "TERM", "PS1", "HOME", "USER"];
  return {
    ...uid === 0 && gid === 0 ? {} : { User: `${uid}:${gid}` },
    Cmd: process.args ?? [],
    Env: (process.env ?? []).filter((entry) => !own.includes(entry.split("=", 1)[0]!)),
    ...process.cwd === "/" ? {} : { WorkingDir: process.cwd },
  };
}
