/** What stands on the stage of a rehearsal: files in place of those of the machine. */

import { AT_FDCWD, O_CLOEXEC, O_PATH } from "../../../ffi/constants.ts";
import { cstring } from "../../../ffi/cstring.ts";
import { trySyscall } from "../../../ffi/libc.ts";
import { imageWithTrailer } from "../embed.ts";
import { sha512Of } from "../images.ts";
import { Registry } from "./registry.ts";

/** Which cgroup hierarchies there are in a rehearsal. */
export type Layout = "v2" | "hybrid";

const V1_CONTROLLERS = [
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "devices",
  "freezer",
  "blkio",
  "pids",
];

/** What is mounted, as /proc/self/mountinfo has it. */
const MOUNTINFO: Readonly<Record<Layout, string>> = {
  v2: "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
  hybrid: [
    ...V1_CONTROLLERS.map((name) => `/sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`),
    "/sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
    "/sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
  ].map((mount) => `31 30 0:27 / ${mount}\n`).join(""),
};

/** The files by which the program learns how things stand. */
const FACTS: Readonly<Record<Layout, Readonly<Record<string, string>>>> = {
  v2: { controllers: "cpuset cpu memory pids io", mountinfo: MOUNTINFO.v2 },
  hybrid: { controllers: "", mountinfo: MOUNTINFO.hybrid },
};

/** What is the same in all. The state of a port is "forwarding", see lib/network/veth.ts. */
const SETTINGS = { "port-state": "3\n", "off": "0\n", "on": "1\n" };

/** A folder with all that a rehearsal needs. What the program writes, it writes there. */
export class Props {
  /**
   * The folder of images: `folder` is one as it lies there, `embedded` one from the program; those of the registry
   * can be pulled.
   */
  readonly images: string;
  readonly containers: string;
  /** A bundle without a config.json. */
  readonly bundle: string;

  private constructor(readonly folder: string, readonly registry: Registry) {
    this.images = `${folder}/images`;
    this.containers = `${folder}/containers`;
    this.bundle = `${folder}/bundle`;
  }

  /** @param folder is made. */
  static async make(folder: string, layout: Layout): Promise<Props> {
    const props = new Props(folder, await Registry.open());
    makeRoot(`${props.images}/folder`);
    makeRoot(`${props.images}/.rootfs/embedded-${(await sha512Of(ARCHIVE)).slice(0, 32)}`);
    makeRoot(`${props.bundle}/rootfs`);
    for (const path of [props.containers, `${folder}/state`]) {
      Deno.mkdirSync(path, { mode: 0o700 });
    }
    for (const [name, text] of Object.entries({ ...FACTS[layout], ...SETTINGS })) {
      Deno.writeTextFileSync(`${folder}/${name}`, text);
    }
    await writeProgram(`${folder}/program`, `${folder}/archive.tar`);
    return props;
  }

  /** The path that stands for one of the program's. */
  pathOf(path: string): string {
    if (path === "/proc/self/mountinfo") return `${this.folder}/mountinfo`;
    if (path === "/proc/self/exe") return `${this.folder}/program`;
    if (/\/cgroup\.(controllers|subtree_control)$/.test(path)) return `${this.folder}/controllers`;
    // Those of a container are others than the program's own, save what it has in common with that.
    const namespace = /^\/proc\/\d+\/ns\/(\w+)$/.exec(path)?.[1];
    if (namespace === "user" || namespace === "time") return `/proc/self/ns/${namespace}`;
    if (namespace !== undefined) return `${this.folder}/port-state`;
    // Packets are forwarded, whatever this machine does, and it is no router.
    if (path === "/proc/sys/net/ipv4/ip_forward") return `${this.folder}/off`;
    if (path === "/proc/sys/net/ipv4/conf/default/forwarding") return `${this.folder}/on`;
    if (path.endsWith("/brport/state")) return `${this.folder}/port-state`;
    return path.replace(/^\/run\/gocontainer(?=\/|$)/, `${this.folder}/state`);
  }

  /** Whether a path is one that may be written. */
  isOwn(path: string): boolean {
    return path.startsWith(`${this.folder}/`) && !path.split("/").includes("..");
  }

  /** Whether a file is there on the stage only, and is empty. */
  isStaged(path: string): boolean {
    return path.startsWith("/sys/fs/cgroup/");
  }

  /** A descriptor for a folder that is not there: that of a root, which some of them are. */
  anyFolder(): number {
    return open(`${this.images}/folder`);
  }

  /** A descriptor for a file that is not there. */
  anyFile(): number {
    return open(`${this.folder}/program`);
  }
}

function open(path: string): number {
  return trySyscall("openat", AT_FDCWD, cstring(path), O_PATH | O_CLOEXEC);
}

/** As much of a root file system as the program looks at before it has made the rest. */
function makeRoot(path: string): void {
  for (const name of ["dev", "etc", "proc/acpi", "proc/sys", "sys/firmware"]) {
    Deno.mkdirSync(`${path}/${name}`, { recursive: true });
  }
  const files = {
    "etc/group": "root:x:0:root\nadm:x:4:root\n",
    "etc/hosts": "",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "proc/kcore": "",
  };
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${path}/${name}`, text);
  }
}

const ARCHIVE = new Uint8Array(512);

/** A program as the build makes it, as far as lib/image/embedded.ts reads it. */
async function writeProgram(path: string, archive: string): Promise<void> {
  Deno.writeFileSync(archive, ARCHIVE);
  const section = new Uint8Array(24);
  section.set(new TextEncoder().encode("d3n0l4nd"));
  section[16] = section.length;
  const image = await imageWithTrailer({ name: "embedded", path: archive });
  Deno.writeFileSync(path, new Uint8Array([...image, ...section]));
}
