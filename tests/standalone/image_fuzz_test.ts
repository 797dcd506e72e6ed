/**
 * Archives of random members, with few names so that they meet: where GNU tar and lib/image both
 * extract one, the trees are the same; where either refuses, nothing outside was touched.
 */

import { assert, assertEquals } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { ArchiveFault } from "../../lib/image/fault.ts";
import { toByteString } from "../../lib/image/tar/bytes.ts";
import { TarReader } from "../../lib/image/tar/reader.ts";
import { TreeWriter } from "../../lib/image/tree/writer.ts";
import { archive, type Member } from "../unit/image/tar_builder.ts";
import { Random } from "../unit/oci/random.ts";
import { difference, manifest, TrialFolder } from "../integration/image_lab.ts";

/** How many archives, of how many at a time; all come from one seed. */
const ROUNDS = Number(Deno.env.get("GOCONTAINER_FUZZ_ROUNDS") ?? "5000");
const BATCH = 250;
const SEED = Number(Deno.env.get("GOCONTAINER_FUZZ_SEED") ?? "20240906");

const PARTS = ["a", "b", "c", "long-".repeat(30), "ü"];

function randomName(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(3) }, () => random.pick(PARTS));
  if (random.below(150) === 0) parts.splice(random.below(parts.length + 1), 0, "..");
  if (random.below(300) === 0) parts.unshift("");
  return parts.join("/");
}

function randomMember(random: Random): Member {
  const type = random.pick(["0", "0", "0", "5", "5", "2", "1", "6", "3"]);
  const name = randomName(random);
  const target = type === "1" ? randomName(random) : random.pick([
    randomName(random),
    "/",
    "/etc/passwd",
    "../../../../decoy",
    ".",
    "nowhere",
  ]);
  const pax: Record<string, string> = {};
  if (name.length > 100) pax.path = name;
  if (target.length > 100) pax.linkpath = target;
  if (random.below(6) === 0 && (type === "0" || type === "5")) {
    pax[`SCHILY.xattr.user.${random.pick(["one", "two"])}`] = `${random.below(1000)}`;
  }
  if (random.below(4) === 0) pax.mtime = `${random.below(2_000_000_000)}.${random.below(1000)}`;
  const hasPax = Object.keys(pax).length > 0;
  return {
    name: hasPax && pax.path !== undefined ? "long" : name + (type === "5" ? "/" : ""),
    type,
    mode: random.below(0o10000) | (type === "5" ? 0o700 : 0),
    uid: random.below(3) * 1000,
    gid: random.below(70000),
    mtime: random.below(2_000_000_000),
    linkname: type === "1" || type === "2" ? target : "",
    content: type === "0" ? "x".repeat(random.below(2000)) : "",
    major: 1,
    minor: 3 + 2 * random.below(2),
    ...(hasPax ? { pax } : {}),
  };
}

/** Extracts archives with GNU tar, each `N.tar` to a folder `tar-N`; gives those that it complains of. */
async function extractByTar(folder: string, count: number): Promise<Set<number>> {
  const options = "--numeric-owner --delay-directory-restore --xattrs --xattrs-include='*'";
  const script = `for ((i = 0; i < ${count}; i++)); do
       mkdir tar-$i; tar -xpf $i.tar -C tar-$i ${options} 2>/dev/null || echo $i
     done`;
  const tars = new Deno.Command("/bin/bash", { args: ["-euc", script], cwd: folder });
  const { success, stdout } = await tars.output();
  assert(success);
  const said = new TextDecoder().decode(stdout);
  return new Set(said.split("\n").filter((line) => line !== "").map(Number));
}

/** Extracts an archive to a new folder; false when it is refused. */
function extract(bytes: Uint8Array<ArrayBuffer>, path: string): boolean {
  Deno.mkdirSync(path);
  using root = new Fd(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  using writer = new TreeWriter(root.number);
  const reader = new TarReader(writer);
  try {
    reader.push(bytes);
    reader.finish();
    writer.finish();
    return true;
  } catch (error) {
    if (error instanceof ArchiveFault) return false;
    throw error;
  }
}

Deno.test({
  name: `image: ${ROUNDS} random archives are as GNU tar extracts them`,
  ignore: Deno.uid() !== 0,
}, async () => {
  using trial = new TrialFolder();
  const decoy = trial.folder("decoy");
  Deno.writeTextFileSync(`${decoy}/secret`, "secret");
  const before = await manifest(decoy);
  const random = new Random(SEED);
  let [both, refused] = [0, 0];
  for (let done = 0; done < ROUNDS; done += BATCH) {
    using batch = new TrialFolder();
    const all = Array.from({ length: Math.min(BATCH, ROUNDS - done) }, (_, i) => {
      const members = withParents(
        Array.from({ length: 1 + random.below(12) }, () => randomMember(random)),
      );
      const bytes = archive(members);
      batch.file(`${i}.tar`, bytes);
      return { members, bytes };
    });
    // Both at the same time.
    const tars = extractByTar(batch.path, all.length);
    const extracted = all.map(({ bytes }, i) => extract(bytes, `${batch.path}/${i}`));
    const complaints = await tars;
    for (const [i, { members }] of all.entries()) {
      const ours = `${batch.path}/${i}`;
      if (!extracted[i]) refused++;
      else if (!complaints.has(i) && isFairToCompare(members)) {
        both++;
        const lines = difference(await manifest(`${batch.path}/tar-${i}`), await manifest(ours));
        const made = () => members.map((one) => JSON.stringify({ ...one, content: "" })).join("\n");
        assert(lines.length === 0, `archive ${done + i}:\n${lines.join("\n")}\n${made()}`);
      }
    }
  }
  assertEquals(difference(before, await manifest(decoy)), []);
  assert(
    both > ROUNDS / 10 && refused > ROUNDS / 10,
    `${both} extracted by both, ${refused} refused`,
  );
});

/** With the root and every folder on the way listed: else each program gives them its own mode and time. */
function withParents(members: readonly Member[]): Member[] {
  const all: Member[] = [{ name: "./", type: "5", mode: 0o755, mtime: 1 }];
  const known = new Set<string>();
  for (const member of members) {
    const parts = (member.pax?.path as string ?? member.name).split("/")
      .filter((part) => part !== "" && part !== ".");
    for (let length = 1; length < parts.length; length++) {
      const path = parts.slice(0, length).join("/");
      if (known.has(path)) continue;
      known.add(path);
      all.push({ name: "long", type: "5", mode: 0o750, mtime: length, pax: { path: `${path}/` } });
    }
    // Of a folder that is listed again GNU tar takes the first attributes, against its own manual.
    if (member.type === "5" && known.has(parts.join("/"))) continue;
    known.add(parts.join("/"));
    all.push(member);
  }
  return all;
}

/**
 * Whether GNU tar is to be trusted with an archive. What takes the place of a folder gets the folder's
 * mode and time in the end; a link that leads out of the tree is made only then, and may replace what
 * took its place; and what would, by way of a link, take the place of that link gets a folder there.
 */
function isFairToCompare(members: readonly Member[]): boolean {
  const delayed = new Set<string>();
  const links = members.filter(({ type }) => type === "2").map(pathOf);
  for (const member of members) {
    const path = pathOf(member);
    if (delayed.has(path) && member.type !== "5") return false;
    if (links.some((link) => path.startsWith(`${link}/`))) return false;
    const leadsOut = member.type === "2" && /^\/|\.\./.test(`${member.linkname}`);
    if (leadsOut || member.type === "5") delayed.add(path);
  }
  return true;
}

/** A member's path as the manifest has it. */
function pathOf(member: Member): string {
  const name = toByteString(new TextEncoder().encode(`${member.pax?.path ?? member.name}`));
  return [".", ...name.split("/").filter((part) => part !== "" && part !== ".")].join("/");
}
