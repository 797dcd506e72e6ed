import { assert, assertEquals } from "@std/assert";
import { AT_FDCWD, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { diskUsage } from "../../lib/disk_usage.ts";

/** What du(1) says, in bytes. */
function du(path: string): number {
  const { stdout } = new Deno.Command("du", { args: ["-s", "--block-size=1", path] }).outputSync();
  return Number(new TextDecoder().decode(stdout).split("\t")[0]);
}

function shell(script: string, cwd: string): void {
  const { success, stderr } = new Deno.Command("bash", { args: ["-euc", script], cwd })
    .outputSync();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test("a tree is measured as du measures it: links, holes, odd names and depth", () => {
  const folder = Deno.makeTempDirSync();
  try {
    shell(
      `mkdir t; cd t
      head -c 100000 /dev/zero > a; ln a b; mkdir c; ln a c/d
      ln -s /etc e; truncate -s 1G hole; mkfifo f
      printf x > $'n\\xff\\n'; mkdir $'d\\xfe'; head -c 9000 /dev/zero > $'d\\xfe/x'
      path=.; for n in {1..300}; do path=$path/deep; done; mkdir -p $path; head -c 5000 /dev/zero > $path/x`,
      folder,
    );
    using parent = new Fd(openat(AT_FDCWD, folder, O_RDONLY));
    const { bytes, files } = diskUsage(parent.number, "t");
    assertEquals(bytes, du(`${folder}/t`));
    // t, a, c, e, hole, f, the two odd ones, what is in one of them, and the deep ones.
    assertEquals(files, 9 + 301);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
