/** Writing a small archive the same way every time: ustar format (pax(1)), all times zero. */

const BLOCK = 512;

/** What an entry is: a folder, a file with its bytes, or a symbolic link with its target. */
export type TarEntry =
  & {
    /** Relative to the root, without a slash at either end; at most 100 bytes. */
    readonly path: string;
    /** Permission bits, for example 0o755. */
    readonly mode: number;
  }
  & (
    | { readonly kind: "folder" }
    | { readonly kind: "file"; readonly content: Uint8Array }
    | { readonly kind: "link"; readonly target: string }
  );

const TYPE_FLAGS = { file: "0", link: "2", folder: "5" } as const;

/**
 * The archive of the entries, in their order, owned by root, compressed with gzip.
 *
 * @throws RangeError when a path or link target is longer than ustar's 100 bytes
 */
export async function tarGz(entries: readonly TarEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  const blocks: BlobPart[] = [];
  for (const entry of entries) {
    const content = entry.kind === "file" ? entry.content : new Uint8Array();
    blocks.push(header(entry, content.length));
    blocks.push(new Uint8Array(content));
    blocks.push(new Uint8Array((BLOCK - content.length % BLOCK) % BLOCK));
  }
  blocks.push(new Uint8Array(2 * BLOCK));
  const stream = new Blob(blocks).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
}

/** One entry's header block; `size` is its content's length in bytes. */
function header(entry: TarEntry, size: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (offset: number, text: string, limit: number) => {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > limit) throw new RangeError(`"${text}" has more than ${limit} bytes`);
    block.set(bytes, offset);
  };
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, entry.kind === "folder" ? `${entry.path}/` : entry.path, 100);
  put(100, octal(entry.mode, 7), 7);
  put(108, octal(0, 7), 7);
  put(116, octal(0, 7), 7);
  put(124, octal(size, 11), 11);
  put(136, octal(0, 11), 11);
  put(148, " ".repeat(8), 8);
  put(156, TYPE_FLAGS[entry.kind], 1);
  if (entry.kind === "link") put(157, entry.target, 100);
  put(257, "ustar\x0000", 8);
  // The sum is taken with its own field full of spaces.
  put(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `, 8);
  return block;
}
