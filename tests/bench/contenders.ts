import { imageArchive } from "../../tools/build/images.ts";
import { reasonOf, ToolError } from "../../tools/report.ts";
import { type Contender, findProgram, type Peer } from "./contender.ts";
import { bubblewrap } from "./contenders/bubblewrap.ts";
import { type Gocontainer, gocontainer } from "./contenders/gocontainer.ts";
import { helloWorld } from "./contenders/hello_world.ts";
import { ociRuntime } from "./contenders/oci_runtime.ts";
import { podman } from "./contenders/podman.ts";
import type { Stopwatch } from "./spawn.ts";
import { copyProgram, extract, type Workspace } from "./workspace.ts";

const PEERS: readonly Peer[] = [ociRuntime("runc"), ociRuntime("crun"), bubblewrap, podman];

const NAMES = [
  "gocontainer",
  "net-none",
  "on-disk",
  "hello-world",
  ...PEERS.map(({ name }) => name),
];

/** Where and with what contenders are made ready. */
export interface Premises {
  readonly workspace: Workspace;
  readonly stopwatch: Stopwatch;
  /** What is to be undone in the end. */
  readonly undo: DisposableStack;
}

/** Who is in the comparison, and who is not. */
export interface Field {
  readonly subject: Gocontainer;
  readonly contenders: readonly Contender[];
  /** A sentence on each that is not there: why, and what helps. */
  readonly absent: readonly string[];
}

/**
 * Gets everybody ready who is wanted and can run here, and lets each run once. The first run of
 * gocontainer extracts its image.
 *
 * @param binary the path of gocontainer
 * @param only the names of those wanted; empty for all
 * @throws {ToolError} for an unknown name, or when gocontainer or hello-world does not run
 */
export async function gather(
  binary: string,
  only: readonly string[],
  premises: Premises,
): Promise<Field> {
  const unknown = only.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new ToolError(`compare with "${unknown}": there is none of that name`, {
      hint: `There are ${NAMES.join(", ")}`,
    });
  }
  const wanted = ({ name }: { name: string }) => only.length === 0 || only.includes(name);
  const { workspace, stopwatch } = premises;
  const archive = await imageArchive(Deno.build.arch);
  const subject: Gocontainer = {
    binary: `${workspace.path}/gocontainer`,
    image: archive.name,
    imagesFolder: workspace.folder("images"),
    ...containersFolders(workspace),
  };
  copyProgram(binary, subject.binary);
  const contenders = gocontainer(subject).filter(wanted);
  if (wanted({ name: "hello-world" })) contenders.push(await helloWorld(workspace.path));
  for (const contender of contenders) tryOut(contender, stopwatch);

  const absent: string[] = [];
  for (const peer of PEERS.filter(wanted)) {
    const found = invite(peer, archive.path, premises);
    if (typeof found === "string") absent.push(`${peer.title} is not compared: ${found}`);
    else contenders.push(found);
  }
  return { subject, contenders, absent };
}

/**
 * What a disk adds to a container has little to do with gocontainer: an ext4 without a journal goes through all that was
 * deleted in the last minutes for each new file (recently_deleted in fs/ext4/ialloc.c), and who unmounts an overlay
 * waits until all that anybody has written to its disk is there. So it is told apart.
 */
function containersFolders(
  workspace: Workspace,
): Pick<Gocontainer, "containersFolder" | "containersOnDisk"> {
  const onDisk = workspace.folder("containers");
  const inMemory = workspace.folderInMemory("containers");
  return inMemory === undefined
    ? { containersFolder: onDisk }
    : { containersFolder: inMemory, containersOnDisk: onDisk };
}

function tryOut(contender: Contender, stopwatch: Stopwatch): void {
  try {
    stopwatch.prepare(contender.command).run();
  } catch (cause) {
    throw new ToolError(`run "${contender.title}": ${reasonOf(cause)}`, { cause });
  }
}

/** Gets a peer ready, or says why it cannot take part. */
function invite(
  peer: Peer,
  archive: string,
  { workspace, stopwatch, undo }: Premises,
): Contender | string {
  const program = findProgram(peer.program);
  if (program === undefined) return `\`apt-get install ${peer.package}\` brings it`;
  const { name, title } = peer;
  const folder = workspace.folder(name);
  const rootfs = workspace.folder(`${name}/rootfs`);
  extract(archive, rootfs);
  try {
    const id = `gocontainer-bench-${Deno.pid}-${name}`;
    const rest = peer.prepare({ program, folder, rootfs, id, undo });
    stopwatch.prepare(rest.command).run();
    return { name, title, role: "peer", ...rest };
  } catch (error) {
    if (error instanceof ToolError) return `it does not run here, ${error.message}`;
    throw error;
  }
}
