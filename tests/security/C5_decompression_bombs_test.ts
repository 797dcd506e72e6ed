/** C5: archives that would fill disk or memory. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from "../../ffi/constants.ts";
import { Fd, openat } from "../../ffi/file.ts";
import { Budget, type Counted } from "../../lib/image/budget.ts";
import { ArchiveFault } from "../../lib/image/fault.ts";
import { TarReader } from "../../lib/image/tar/reader.ts";
import { TreeWriter } from "../../lib/image/tree/writer.ts";
import { sh, TrialFolder } from "../integration/image_lab.ts";
import { BINARY, entriesOf } from "../integration/support/project.ts";
import {
  archive,
  concat,
  header,
  member,
  paxRecord,
  paxRecords,
  sealed,
} from "../unit/image/tar_builder.ts";
import { refused } from "./archive_attack.ts";

const MiB = 1024 * 1024;
const utf8 = new TextEncoder();
const MEMBER: Counted = { name: "x", linkname: "", size: 0, xattrs: new Map() };
const ignore = Deno.uid() !== 0;

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What the binary says of an image that it refuses, of which nothing may be left. */
interface Refusal {
  readonly message: string;
  readonly hint: string;
  /** The most memory that it had, in bytes. */
  readonly peak: number;
}

async function refusalOf(images: string, name: string): Promise<Refusal> {
  const child = new Deno.Command(BINARY, {
    args: ["-net", "none", "-i", images, name, "/bin/true"],
    cwd: `${images}/..`,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let peak = 0;
  const watching = setInterval(() => peak = Math.max(peak, peakOf(child.pid)), 10);
  const { code, stderr } = await child.output();
  clearInterval(watching);
  const [message = "", hint = ""] = new TextDecoder().decode(stderr).split("\n");
  assertEquals(code, 125, message);
  assertEquals(entriesOf(`${images}/.rootfs`), []);
  return { message, hint, peak };
}

/** VmHWM of a process in bytes, proc_pid_status(5); 0 when it is gone. */
function peakOf(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^VmHWM:\s+([0-9]+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

Deno.test(
  { name: "C5: refuses an archive that unpacks to hundreds of times its size", ignore },
  async () => {
    using trial = new TrialFolder();
    // gzip allows of many members: 8 GiB of zeros, a MiB at a time.
    const zeros = await gzip(new Uint8Array(MiB));
    const head = await gzip(concat([header({ name: "zeros", size: 8 * 1024 * MiB - 1 })]));
    const pieces = [
      head,
      ...Array.from({ length: 8 * 1024 }, () => zeros),
      await gzip(archive([])),
    ];
    const images = trial.folder("images");
    Deno.writeFileSync(`${images}/bomb.tar.gz`, concat(pieces));
    const error = await refusalOf(images, "bomb");
    assert(
      /"bomb": ".*" is hostile: 1\.\d MiB of it unpack to more than 1024\.\d MiB$/.test(
        error.message,
      ),
      error.message,
    );
    assert(error.peak > 0 && error.peak < 320 * MiB, `it had ${error.peak} bytes of memory`);
  },
);

Deno.test(
  { name: "C5: refuses what the disk has no room for, before it is written", ignore },
  async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    sh(`mount -t tmpfs -o size=16m,nr_inodes=200,mode=0755 tmpfs ${images}`);
    try {
      Deno.writeFileSync(`${images}/large.tar`, header({ name: "f", size: 64 * MiB }));
      const large = await refusalOf(images, "large");
      assert(/has room for: 15\.\d MiB are free$/.test(large.message), large.message);
      assert(large.hint.startsWith("Make room"), large.hint);

      const many = Array.from({ length: 300 }, (_, i) => ({ name: `${i}` }));
      Deno.writeFileSync(`${images}/many.tar`, archive(many));
      const files = await refusalOf(images, "many");
      assert(/has room for: 1\d\d more files fit on it$/.test(files.message), files.message);

      // A map that says less than what is there would have the disk run full all the same.
      const sum = Array.from(
        { length: 40 },
        (_, i) => ({ name: `${i}`, content: new Uint8Array(MiB) }),
      );
      Deno.writeFileSync(`${trial.path}/sum.tar`, archive(sum));
      sh(`gzip < ${trial.path}/sum.tar > ${images}/sum.tar.gz`);
      const total = await refusalOf(images, "sum");
      assert(/has room for: 15\.\d MiB are free$/.test(total.message), total.message);
    } finally {
      sh(`umount ${images}`);
    }
  },
);

Deno.test({
  name: "C5: a disk that others fill meanwhile ends an extraction with what to do",
  ignore,
}, async () => {
  using trial = new TrialFolder();
  const images = trial.folder("images");
  sh(`mount -t tmpfs -o size=4m,mode=0755 tmpfs ${images}`);
  try {
    // Nothing says that the folders below need space of their own.
    const deep = Array.from({ length: 900 }, (_, i) => ({ name: `${i}/`, type: "5" }));
    const files = Array.from(
      { length: 3 },
      (_, i) => ({ name: `f${i}`, content: new Uint8Array(MiB) }),
    );
    Deno.writeFileSync(`${trial.path}/a.tar`, archive([...deep, ...files]));
    sh(
      `gzip < ${trial.path}/a.tar > ${images}/a.tar.gz; head -c 900000 /dev/urandom > ${images}/other`,
    );
    const error = await refusalOf(images, "a");
    assert(/room|ENOSPC/.test(error.message), error.message);
    assertEquals(error.hint, "Make room, or give an images folder on another disk with -i");
  } finally {
    sh(`umount ${images}`);
  }
});

refused(
  "C5: refuses an extended header of 2 MiB",
  () => [{ name: "x", type: "x", content: paxRecord("comment", "c".repeat(2 * MiB)) }, {
    name: "f",
  }],
  /its extended headers have more than 1 MiB/,
);

refused(
  "C5: refuses an extended header that says it has 8 GiB",
  () => [header({ name: "x", type: "x", size: 0o77777777777 })],
  /its extended headers have more than 1 MiB/,
);

refused(
  "C5: refuses a long name that says it has 8 EiB",
  () => {
    const block = header({ name: "././@LongLink", type: "L", format: "gnu" });
    block.set(Uint8Array.fromHex("800000007fffffffffffffff"), 124);
    return [sealed(block)];
  },
  /a header has a number that is none/,
);

refused(
  "C5: refuses extended headers without end",
  () =>
    Array.from(
      { length: 40 },
      () => ({ name: "x", type: "x", content: paxRecord("a", "b".repeat(40000)) }),
    ),
  /its extended headers have more than 1 MiB/,
);

refused(
  "C5: refuses global headers that add up",
  () =>
    Array.from({ length: 40 }, (_, i) =>
      concat([
        member({ name: "g", type: "g", content: paxRecord(`key${i}`, "b".repeat(40000)) }),
        member({ name: `f${i}` }),
      ])),
  /its extended headers have more than 1 MiB/,
);

refused(
  "C5: refuses global headers of very many records, which each member would have",
  () => {
    const records = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`${i}`, "x"]));
    const files = Array.from({ length: 10_000 }, (_, i) => ({ name: `f${i}` }));
    return [{ name: "g", type: "g", content: paxRecords(records) }, ...files];
  },
  /its global headers have more than 256 records/,
);

refused(
  "C5: refuses a map of a sparse file without end",
  () => {
    const first = header({ name: "s", type: "S", format: "gnu", size: 0 });
    first[482] = 1;
    const more = new Uint8Array(512);
    for (let at = 0; at < 21 * 24; at += 24) {
      more.set(new TextEncoder().encode("00000000000\x0000000000000\0"), at);
    }
    more[504] = 1;
    return [sealed(first), ...Array.from({ length: 3000 }, () => more)];
  },
  /the map of a sparse file has more than 1 MiB/,
);

refused(
  "C5: refuses a map of a sparse file in blocks without end",
  () => {
    const map = `99999999\n${"0\n".repeat(MiB)}`;
    return [{
      name: "s",
      pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1" },
      content: map,
    }];
  },
  /the map of a sparse file has more than 1 MiB/,
);

refused(
  "C5: refuses a sparse file whose parts overlap",
  () => [{
    name: "s",
    pax: { "GNU.sparse.map": "0,512,0,512", "GNU.sparse.size": "1024" },
    content: new Uint8Array(1024),
  }],
  /the map of (a|the) sparse file.* is malformed/,
);

Deno.test("C5: refuses more than a million members", () => {
  using folder = new Fd(openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY));
  const budget = new Budget(folder.number);
  for (let i = 0; i < 1_000_000; i++) budget.count(MEMBER);
  assertThrows(() => budget.count(MEMBER), ArchiveFault, "more than 1000000 members");
});

Deno.test("C5: what is kept of an archive does not grow with it", () => {
  let bytes = 0;
  const reader = new TarReader({
    entry() {},
    data: (piece) => void (bytes += piece.length),
    end() {},
  });
  reader.push(header({ name: "f", size: 512 * MiB }) as Uint8Array<ArrayBuffer>);
  const piece = new Uint8Array(new ArrayBuffer(MiB));
  const before = Deno.memoryUsage().rss;
  for (let i = 0; i < 512; i++) reader.push(piece);
  reader.push(archive([]));
  reader.finish();
  assertEquals(bytes, 512 * MiB);
  assert(Deno.memoryUsage().rss - before < 64 * MiB);
});

Deno.test("C5: a global header gives no file a map of its data, which each would take anew", () => {
  const maps: unknown[] = [];
  const reader = new TarReader({
    entry: ({ sparse }) => void maps.push(sparse),
    data() {},
    end() {},
  });
  const records = [
    paxRecord("GNU.sparse.map", Array.from({ length: 200_000 }, () => "0").join(",")),
    paxRecord("GNU.sparse.size", "0"),
    ...Array.from({ length: 10_000 }, () => paxRecord("GNU.sparse.offset", "0")),
  ];
  const global = member({ name: "g", type: "g", content: concat(records) });
  reader.push(concat([global, archive([{ name: "a" }, { name: "b" }])]));
  reader.finish();
  assertEquals(maps, [undefined, undefined]);
});

refused(
  "C5: refuses links of very many parts, which every member behind them would follow anew",
  () => [
    ...Array.from({ length: 10 }, (_, i) => ({
      name: `l${i}`,
      type: "2",
      pax: { linkpath: `${"x/../".repeat(50)}l${i + 1}` },
    })),
    { name: "l10/", type: "5" },
    { name: "l0/f" },
  ],
  /passes through symbolic links that go round in circles/,
);

Deno.test(
  { name: "C5: what replaces a folder costs no more where there are very many others", ignore },
  () => {
    using trial = new TrialFolder();
    const folder = trial.folder("tree");
    sh(`mount -t tmpfs -o size=512m,mode=0755 tmpfs ${folder}`);
    try {
      using root = new Fd(openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY));
      using writer = new TreeWriter(root.number);
      const write = (members: Parameters<typeof archive>[0]) => {
        const bytes = archive(members);
        const start = performance.now();
        new TarReader(writer).push(bytes);
        return performance.now() - start;
      };
      const replaced = [{ name: "x/", type: "5" }, { name: "x/y/", type: "5" }, { name: "x" }];
      const again = Array.from({ length: 3000 }, () => replaced).flat();
      const alone = write(again);
      write(Array.from({ length: 60_000 }, (_, i) => ({ name: `d/${i}/`, type: "5" })));
      const among = write(again);
      assert(among < 2 * alone + 500, `it took ${among} ms, and alone ${alone} ms`);
      write([{ name: "x/", type: "5", mode: 0o750 }, { name: "x/y/z" }]);
      writer.finish();
      assertEquals(sh(`stat -c %a x x/y d/59999`, folder).trim().split("\n"), [
        "750",
        "755",
        "644",
      ]);
    } finally {
      sh(`umount ${folder}`);
    }
  },
);

Deno.test("C5: refuses names of more bytes than may be kept in memory", () => {
  using folder = new Fd(openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY));
  const name = "n".repeat(2048);
  for (
    const long of [{ name }, { linkname: name }, { xattrs: new Map([["", utf8.encode(name)]]) }]
  ) {
    const budget = new Budget(folder.number);
    const member = { ...MEMBER, name: "", ...long };
    for (let i = 0; i < 64 * 1024; i++) budget.count(member);
    assertThrows(
      () => budget.count(member),
      ArchiveFault,
      "the names of its members have more than 128.0 MiB",
    );
  }
});

Deno.test({ name: "C5: folders on the way to a member count as members", ignore }, () => {
  using trial = new TrialFolder();
  using root = new Fd(openat(AT_FDCWD, trial.folder("tree"), O_RDONLY | O_DIRECTORY));
  const budget = new Budget(root.number);
  let extra = 0;
  const onExtra = (made: Counted) => {
    extra++;
    budget.count(made);
  };
  using writer = new TreeWriter(root.number, { onExtra });
  new TarReader(writer).push(archive([{ name: "a/b/c/f" }, { name: "a/d/" }, { name: "a/b/g" }]));
  assertEquals(extra, 3);
  // Each is a block of the disk, and a short name makes very many of them.
  for (let i = extra; i < 999_999; i++) budget.count(MEMBER);
  assertThrows(
    () => new TarReader(writer).push(archive([{ name: "x/y/f" }])),
    ArchiveFault,
    "more than 1000000 members",
  );
});
