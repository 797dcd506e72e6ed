/** What is said of images that cannot be used: the sentence, what to do, and that nothing is left. */

import { assert, assertEquals } from "@std/assert";
import { ContainerError } from "../../lib/errors.ts";
import { extractRootfs } from "../../lib/image/extract.ts";
import { findRootfs } from "../../lib/image/rootfs.ts";
import { archive } from "../unit/image/tar_builder.ts";
import { manifest, sh, TrialFolder } from "./image_lab.ts";

const ignore = Deno.uid() !== 0;

/** The error of using an image, after which the images folder is as it was. */
async function errorOf(images: string, name: string): Promise<ContainerError> {
  const before = await manifest(images);
  before.delete(".");
  let caught: unknown;
  try {
    findRootfs(images, name) ?? await extractRootfs(images, name);
  } catch (error) {
    caught = error;
  }
  assert(caught instanceof ContainerError, `no error for the user but ${caught}`);
  assert(!caught.message.endsWith("."), caught.message);
  assert(!caught.message.includes("\n"), caught.message);
  const after = await manifest(images);
  after.delete(".");
  // The hidden folder for extractions may be new, but is empty.
  if (!before.has("./.rootfs")) after.delete("./.rootfs");
  assertEquals([...after.keys()].sort(), [...before.keys()].sort());
  return caught;
}

interface Case {
  /** Prepares the images folder, in which it runs. */
  readonly script: string;
  readonly image?: string;
  /** The sentence; IMAGES stands for the folder. */
  readonly message: string;
  readonly hint?: string;
  readonly code: string;
}

const TAR = "mkdir ../t; echo x > ../t/f; tar -cf ../t.tar -C ../t .";

const CASES: Readonly<Record<string, Case>> = {
  "no such image, and none at all": {
    script: ":",
    message: 'use image "i": there is no such image in "IMAGES"',
    hint: "Put a root file system there: a folder i, or an archive such as i.tar.gz",
    code: "NotFound",
  },
  "no such image, with what is there, nearest first": {
    script: "mkdir busybox debian .hidden; touch alpine.tar.gz zebra.tar notes.txt .tar",
    image: "alpin",
    message: 'use image "alpin": there is no such image in "IMAGES"',
    hint: 'Did you mean "alpine"? There are: "alpine", "busybox", "debian", "zebra"',
    code: "NotFound",
  },
  "no such image, with nothing near": {
    script: "mkdir busybox debian",
    image: "fedora",
    message: 'use image "fedora": there is no such image in "IMAGES"',
    hint: 'There are: "busybox", "debian"',
    code: "NotFound",
  },
  "no such image, with many others": {
    script: "mkdir image{10..25}",
    image: "other",
    message: 'use image "other": there is no such image in "IMAGES"',
    hint: "There are: " +
      [10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((n) => `"image${n}"`).join(", ") +
      " and 6 more",
    code: "NotFound",
  },
  "the name with its ending": {
    script: "touch alpine.tar.gz",
    image: "alpine.tar.gz",
    message: 'use image "alpine.tar.gz": there is no such image in "IMAGES"',
    hint: 'Did you mean "alpine"? There are: "alpine"',
    code: "NotFound",
  },
  "two archives": {
    script: "touch i.tar i.tgz",
    message: 'use image "i": "i.tar" and "i.tgz" match in "IMAGES"',
    hint: "Keep one of them there",
    code: "InvalidArgument",
  },
  "a folder and an archive": {
    script: "mkdir i; touch i.tar.zst i.tar.xz",
    message: 'use image "i": "i", "i.tar.xz" and "i.tar.zst" match in "IMAGES"',
    hint: "Keep one of them there",
    code: "InvalidArgument",
  },
  "a zip archive": {
    script: "touch i.zip",
    message: 'use image "i": "i.zip" in "IMAGES" is of a kind that cannot be read',
    hint: "These can: an extracted folder, .tar, .tar.gz, .tgz, .tar.xz and .tar.zst",
    code: "Unsupported",
  },
  "a bzip2 archive": {
    script: "touch i.tar.bz2",
    message: 'use image "i": "i.tar.bz2" in "IMAGES" is of a kind that cannot be read',
    code: "Unsupported",
  },
  "a file without an ending": {
    script: "touch i",
    message: 'use image "i": "i" in "IMAGES" is of a kind that cannot be read',
    code: "Unsupported",
  },
  "a zip archive by another name": {
    script: "printf 'PK\\3\\4 and so on' > i.tar.gz",
    message: 'extract image "i": "IMAGES/i.tar.gz" is a zip archive, which cannot be read',
    hint: "Give a tar archive, plain or compressed by gzip, xz or zstd",
    code: "InvalidArchive",
  },
  "an empty archive": {
    script: ": > i.tar",
    message: 'extract image "i": "IMAGES/i.tar" is empty',
    hint: "Copy or download it again",
    code: "InvalidArchive",
  },
  "an archive of nothing": {
    script: "tar -cf i.tar -T /dev/null",
    message: 'extract image "i": "IMAGES/i.tar" has no file in it',
    hint: "Make it of a folder with files: tar -C FOLDER -czf FILE.tar.gz .",
    code: "InvalidArchive",
  },
  "an archive of folders only": {
    script: "mkdir -p ../t/a/b; tar -cf i.tar -C ../t .",
    message: 'extract image "i": "IMAGES/i.tar" has no file in it',
    code: "InvalidArchive",
  },
  "a truncated archive": {
    script: `${TAR}; head -c 1500 ../t.tar > i.tar`,
    message: 'extract image "i": "IMAGES/i.tar" is truncated',
    hint: "Copy or download it again",
    code: "InvalidArchive",
  },
  "a truncated gzip archive": {
    script: `head -c 100000 /dev/urandom > ../r; tar -cf - -C .. r | gzip | head -c 50000 > i.tgz`,
    message: 'extract image "i": "IMAGES/i.tgz" is truncated',
    hint: "Copy or download it again",
    code: "InvalidArchive",
  },
  "a gzip archive with a changed byte": {
    script: `head -c 100000 /dev/urandom > ../r; tar -cf - -C .. r | gzip > i.tgz
      printf '\\377\\377\\377' | dd of=i.tgz bs=1 seek=50000 conv=notrunc status=none`,
    message: 'extract image "i": "IMAGES/i.tgz" is broken: incorrect data check',
    hint: "Copy or download it again, or make it again with plain tar",
    code: "InvalidArchive",
  },
  "something else than an archive": {
    script: "head -c 5000 /dev/zero | tr '\\0' 'x' > i.tar",
    message: 'extract image "i": "IMAGES/i.tar" holds no tar archive',
    hint: "Give a tar archive, plain or compressed by gzip, xz or zstd",
    code: "InvalidArchive",
  },
  "something else than an archive, compressed": {
    script: "seq 1 1000 | gzip > i.tgz",
    message: 'extract image "i": "IMAGES/i.tgz" holds no tar archive',
    code: "InvalidArchive",
  },
  "a hostile archive": {
    script: `${TAR}; tar -cPf i.tar --transform 's,^,../../,' -C ../t f`,
    message: 'extract image "i": "IMAGES/i.tar" is hostile: "../../f" has ".." in it',
    hint: "Who made it is not to be trusted; if that was you, make it again with plain tar",
    code: "InvalidArchive",
  },
  "an image as docker saves it": {
    script:
      "mkdir ../t; cd ../t; echo '[]' > manifest.json; mkdir -p blobs/sha256; tar -cf ../images/i.tar .",
    message: 'extract image "i": "IMAGES/i.tar" holds an image in layers, not a root file system',
    hint: "Load it: gocontainer load FILE",
    code: "InvalidArchive",
  },
  "a folder that others can write": {
    script: `${TAR}; cp ../t.tar i.tar; chmod 777 .`,
    message: 'use folder "IMAGES": others can write "IMAGES" (mode 0777)',
    hint: "Run chmod go-w IMAGES, or give another folder",
    code: "NotAllowed",
  },
  "an image's own folder that others can write": {
    script: "mkdir i; chmod 775 i; chgrp 4242 i",
    message: 'use folder "IMAGES/i": others can write "IMAGES/i" (mode 0775)',
    code: "NotAllowed",
  },
  "a link into a folder that others can write": {
    script: "mkdir -p ../open/i; chmod 777 ../open; ln -s ../open/i i",
    message: 'use folder "IMAGES/i": others can write "PARENT/open" (mode 0777)',
    code: "NotAllowed",
  },
  "an archive that others can write": {
    script: `${TAR}; cp ../t.tar i.tar; chmod 666 i.tar`,
    message: 'use image "i": others can write "IMAGES/i.tar" (mode 0666)',
    hint: "Run chmod go-w IMAGES/i.tar",
    code: "NotAllowed",
  },
  "an archive of another user": {
    script: `${TAR}; cp ../t.tar i.tar; chown 4242 i.tar`,
    message:
      'use image "i": "IMAGES/i.tar" belongs to user 4242, who could put something else in its place',
    hint: "Run chown root IMAGES/i.tar",
    code: "NotAllowed",
  },
  "a link to an archive that others can write": {
    script: `${TAR}; cp ../t.tar ../far.tar; chmod 622 ../far.tar; ln -s ../far.tar i.tar`,
    message: 'use image "i": others can write "PARENT/far.tar" (mode 0622)',
    hint: "Run chmod go-w PARENT/far.tar",
    code: "NotAllowed",
  },
  "a link to an archive in a folder that others can write": {
    script: `${TAR}; mkdir -m 777 ../open; cp ../t.tar ../open/; ln -s ../open/t.tar i.tar`,
    message: 'use image "i": others can write "PARENT/open" (mode 0777)',
    hint: "Run chmod go-w PARENT/open",
    code: "NotAllowed",
  },
  "a name that is a path": {
    script: "mkdir -p a/b",
    image: "a/b",
    message: 'use image "a/b": the name has "/" in it',
    code: "InvalidArgument",
  },
  "a disk that cannot be written": {
    script: `${TAR}; cp ../t.tar i.tar; mount --bind . .; mount -o remount,ro,bind .`,
    message:
      'make folder "IMAGES/.rootfs": mkdirat "IMAGES/.rootfs": EROFS (Read-only file system)',
    hint: "Give an images folder on a disk that can be written with -i",
    code: "Failed",
  },
};

for (const [name, { script, image = "i", message, hint, code }] of Object.entries(CASES)) {
  Deno.test({ name: `image error: ${name}`, ignore }, async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    try {
      sh(script, images);
      const error = await errorOf(images, image);
      const told = (text: string) =>
        text.replaceAll("IMAGES", images).replaceAll("PARENT", trial.path);
      assertEquals(error.message, told(message));
      assertEquals(error.code, code);
      if (hint !== undefined) assertEquals(error.hint, told(hint));
    } finally {
      if (script.includes("mount")) sh("umount images", trial.path);
    }
  });
}

Deno.test(
  { name: "image error: an archive others can write now, extracted before", ignore },
  async () => {
    using trial = new TrialFolder();
    const images = trial.folder("images");
    sh(`${TAR}; cp ../t.tar i.tar`, images);
    assertEquals((await extractRootfs(images, "i")).source, "archive");
    sh("chmod o+w i.tar", images);
    const error = await errorOf(images, "i");
    assertEquals(error.message, `use image "i": others can write "${images}/i.tar" (mode 0646)`);
  },
);

Deno.test({ name: "image error: no images folder", ignore }, async () => {
  using trial = new TrialFolder();
  const error = await extractRootfs(`${trial.path}/none`, "i").catch((error) => error);
  assertEquals(error.message, `use image "i": the folder "${trial.path}/none" does not exist`);
  assertEquals([...Deno.readDirSync(trial.path)], []);
});

Deno.test({ name: "image error: an archive that changes while it is read", ignore }, async () => {
  using trial = new TrialFolder();
  const images = trial.folder("images");
  const large = { name: "f", content: new Uint8Array(8 * 1024 * 1024) };
  Deno.writeFileSync(`${images}/i.tar`, archive([large]));
  sh("gzip -1 images/i.tar", trial.path);
  const extraction = extractRootfs(images, "i").catch((error) => error);
  sh("touch images/i.tar.gz", trial.path);
  assertEquals(
    (await extraction).message,
    `extract image "i": "${images}/i.tar.gz" changed while it was read`,
  );
  assertEquals([...Deno.readDirSync(`${images}/.rootfs`)], []);
});

Deno.test({ name: "image error: a disk with vfat", ignore: ignore || !hasVfat() }, async () => {
  using trial = new TrialFolder();
  const images = trial.folder("images");
  sh("truncate -s 64M disk; mkfs.vfat disk >&2; mount -o loop disk images", trial.path);
  try {
    sh("mkdir folder; echo x > f; tar -cf i.tar f", images);
    for (const name of ["folder", "i"]) {
      const error = await extractRootfs(images, name).catch((error) => error);
      assert(error.message.includes("its file system vfat cannot hold the root"), error.message);
      assertEquals(error.code, "Unsupported");
    }
  } finally {
    sh(`umount ${images}`);
  }
});

/** Whether the kernel knows the file system, and the program that makes it is installed. */
function hasVfat(): boolean {
  const { success } = new Deno.Command("sh", {
    args: ["-c", "command -v mkfs.vfat && { grep -qw vfat /proc/filesystems || modprobe vfat; }"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success;
}
