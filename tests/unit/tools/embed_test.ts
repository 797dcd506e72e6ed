import { assertEquals, assertRejects } from "@std/assert";
import {
  type EmbeddedImage,
  imageAtEndOf,
  imageBeforeSection,
} from "../../../lib/image/embedded.ts";
import { parseTrailer, TRAILER_SIZE } from "../../../lib/image/image_trailer.ts";
import { imageWithTrailer, sectionLength, splice } from "../../../tools/build/embed.ts";
import { sha512Of } from "../../../tools/build/images.ts";
import { ToolError } from "../../../tools/report.ts";

const BASE = new TextEncoder().encode("the base of the program");
const ARCHIVE = crypto.getRandomValues(new Uint8Array(5_000));

/** A section of `deno compile`: some bytes, then magic, two words, and its whole length. */
function section(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(100 + 24);
  bytes.set(new TextEncoder().encode("d3n0l4nd"), 100);
  new DataView(bytes.buffer).setBigUint64(100 + 16, 124n, true);
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function contentOf(image: EmbeddedImage): Uint8Array {
  using archive = image.open();
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(999);
  for (let count; (count = archive.readSync(buffer)) !== null;) {
    pieces.push(buffer.slice(0, count));
  }
  return joined(...pieces);
}

class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync();

  write(name: string, bytes: Uint8Array): string {
    Deno.writeFileSync(`${this.path}/${name}`, bytes);
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

Deno.test("splice() puts the image where imageBeforeSection() finds it", async () => {
  using folder = new Folder();
  const path = folder.write("tiny.tar.gz", ARCHIVE);
  const image = await imageWithTrailer({ name: "tiny", path });
  const program = `${folder.path}/program`;
  assertEquals(splice(joined(BASE, section()), [image], program), true);

  const found = imageBeforeSection(program);
  assertEquals(found?.name, "tiny");
  assertEquals(found?.fileName, "tiny.tar.gz");
  assertEquals(found?.size, ARCHIVE.length);
  assertEquals(found?.sha512, await sha512Of(ARCHIVE));
  assertEquals(found && contentOf(found), ARCHIVE);
});

Deno.test("splice() leaves base and section as they were, and makes a program", async () => {
  using folder = new Folder();
  const image = await imageWithTrailer({ name: "a", path: folder.write("a.tar", ARCHIVE) });
  const path = `${folder.path}/program`;
  splice(joined(BASE, section()), [image], path);
  const program = Deno.readFileSync(path);
  assertEquals(program.subarray(0, BASE.length), BASE);
  assertEquals(program.subarray(-section().length), section());
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o100, 0o100);
});

Deno.test("splice() writes nothing for a program without an appended section", () => {
  using folder = new Folder();
  assertEquals(splice(BASE, [ARCHIVE], `${folder.path}/program`), false);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("imageAtEndOf() reads an included file, and knows when there is none", async () => {
  using folder = new Folder();
  const image = await imageWithTrailer({ name: "tiny", path: folder.write("t.tar", ARCHIVE) });
  const found = imageAtEndOf(folder.write("included", image));
  assertEquals(found && contentOf(found), ARCHIVE);
  assertEquals(imageAtEndOf(`${folder.path}/missing`), undefined);
  assertEquals(imageAtEndOf(folder.write("other", ARCHIVE)), undefined);
});

Deno.test("imageBeforeSection() finds nothing in a program without an image", () => {
  using folder = new Folder();
  assertEquals(imageBeforeSection(folder.write("bare", joined(BASE, section()))), undefined);
  assertEquals(imageBeforeSection(folder.write("base", BASE)), undefined);
  assertEquals(imageBeforeSection(folder.write("empty", new Uint8Array())), undefined);
});

Deno.test("parseTrailer() refuses another version and a size beyond the file", async () => {
  using folder = new Folder();
  const image = await imageWithTrailer({ name: "tiny", path: folder.write("t.tar", ARCHIVE) });
  const trailer = image.slice(-TRAILER_SIZE);
  assertEquals(parseTrailer(trailer)?.name, "tiny");
  assertEquals(imageAtEndOf(folder.write("cut", image.subarray(1))), undefined);
  trailer[16] = 9;
  assertEquals(parseTrailer(trailer), undefined);
});

Deno.test("imageWithTrailer() refuses a name that does not fit", async () => {
  using folder = new Folder();
  const path = folder.write("t.tar", ARCHIVE);
  await assertRejects(
    () => imageWithTrailer({ name: "x".repeat(65), path }),
    ToolError,
    "the name has 65 bytes, 64 are the most",
  );
});

Deno.test("sectionLength() distrusts a length that the program does not have", () => {
  const bytes = section();
  new DataView(bytes.buffer).setBigUint64(100 + 16, 125n, true);
  assertEquals(sectionLength(bytes), undefined);
  assertEquals(sectionLength(joined(BASE, bytes)), 125);
});
