import { ArchiveFault } from "../fault.ts";
import { BLOCK, padded } from "./block.ts";
import { type ByteString, quoteName, toByteString } from "./bytes.ts";
import type { DataRegion, EntryType, TarEntry, Timestamp } from "./entry.ts";
import { type Header, parseHeader } from "./header.ts";
import { parsePax, PaxAttributes } from "./pax.ts";
import {
  measureRegions,
  parseOldSparse,
  parseOldSparseBlock,
  parseSparseList,
  SparseBlocks,
} from "./sparse.ts";

/** Who takes the members of an archive, each as {@link entry}, {@link data}…, {@link end}. */
export interface TarSink {
  /** A member begins. */
  entry(entry: TarEntry): void;
  /** Content of a file, from `offset` bytes on. The bytes are the sink's only until it returns. */
  data(bytes: Uint8Array<ArrayBuffer>, offset: number): void;
  /** The member is complete. */
  end(): void;
}

/** The most bytes that the extensions before one member may have: far more than names and attributes take. */
const EXTENSION_LIMIT = 1024 * 1024;

/**
 * The most records that the global headers of an archive may come to. All that follow have them, so that each one takes
 * its time again for every member; what writes such headers writes one or a few.
 */
const GLOBAL_LIMIT = 256;

/** What the parser waits for: a number of bytes in one piece, or so many in pieces as they come. */
type Want =
  | {
    readonly bytes: number;
    /** Whether the archive may end here. */
    readonly mayEnd?: boolean;
  }
  | {
    readonly bytes: number;
    readonly mayEnd?: boolean;
    readonly take: (piece: Uint8Array<ArrayBuffer>) => void;
  };

type Parser = Generator<Want, void, Uint8Array<ArrayBuffer>>;

/**
 * Reads a tar archive as it comes, in pieces of any size: ustar, the extended headers of POSIX
 * (pax(1p)), those of GNU tar for long names, and sparse files in GNU tar's four formats. At most
 * {@link EXTENSION_LIMIT} bytes are kept at a time, whatever the archive says.
 *
 * What a header block says is tar-stream's to tell. What stands around the blocks is not, for that library (as tar 7.5
 * and modern-tar 0.8) takes the values of pax headers for UTF-8, so that attributes such as security.capability and
 * names of other bytes come out as others, and knows no sparse files.
 */
export class TarReader {
  readonly #parser: Parser;
  #want: Want | undefined;
  /** The part of what is wanted in one piece that earlier pieces brought. */
  #partial: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #streamed = 0;

  /** @param options.endMark whether the archive has to end with its mark; without, with a member */
  constructor(sink: TarSink, options: { endMark: boolean } = { endMark: true }) {
    this.#parser = parse(sink, options.endMark);
    this.#resume();
  }

  /**
   * Takes the next piece.
   *
   * @throws {ArchiveFault} when the archive is broken; what the sink throws goes through
   */
  push(piece: Uint8Array<ArrayBuffer>): void {
    let rest = piece;
    while (rest.length > 0 && this.#want !== undefined) {
      rest = "take" in this.#want ? this.#stream(rest, this.#want) : this.#gather(rest, this.#want);
    }
  }

  /**
   * Tells that there is no more.
   *
   * @throws {ArchiveFault} when it ends in a member, or without the end mark that it is to have
   */
  finish(): void {
    const want = this.#want;
    if (want === undefined || (want.mayEnd && this.#filled === 0)) return;
    throw new ArchiveFault("is truncated");
  }

  #stream(rest: Uint8Array<ArrayBuffer>, want: Extract<Want, { take: unknown }>) {
    const piece = rest.subarray(0, want.bytes - this.#streamed);
    this.#streamed += piece.length;
    want.take(piece);
    if (this.#streamed === want.bytes) this.#resume();
    return rest.subarray(piece.length);
  }

  #gather(rest: Uint8Array<ArrayBuffer>, want: Want) {
    if (this.#partial === undefined && rest.length >= want.bytes) {
      this.#resume(rest.subarray(0, want.bytes));
      return rest.subarray(want.bytes);
    }
    this.#partial ??= new Uint8Array(new ArrayBuffer(want.bytes));
    const piece = rest.subarray(0, want.bytes - this.#filled);
    this.#partial.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === want.bytes) this.#resume(this.#partial);
    return rest.subarray(piece.length);
  }

  #resume(bytes: Uint8Array<ArrayBuffer> = EMPTY): void {
    this.#partial = undefined;
    this.#filled = 0;
    this.#streamed = 0;
    this.#want = undefined;
    let next = this.#parser.next(bytes);
    // Nothing comes for an empty wish.
    while (!next.done && next.value.bytes === 0) next = this.#parser.next(EMPTY);
    this.#want = next.done ? undefined : next.value;
  }
}

const EMPTY = new Uint8Array(new ArrayBuffer(0));

/** The members of an archive, one after another, up to the end mark. */
function* parse(sink: TarSink, endMark: boolean): Parser {
  const global = new PaxAttributes();
  for (let first = true;; first = false) {
    const extensions: Extensions = { pax: new PaxAttributes(global), global };
    const member = yield* readExtensions(extensions, first, !endMark);
    if (member === undefined) return;
    yield* readMember(member, extensions, sink, !endMark);
  }
}

/** A member's own header. */
interface MemberHeader {
  readonly header: Header;
  /** Its block, where that holds the map of a sparse file. */
  readonly block?: Uint8Array;
}

/** What comes before a member's own header. */
interface Extensions {
  readonly pax: PaxAttributes;
  readonly global: PaxAttributes;
  /** GNU tar's long names. */
  longName?: ByteString;
  longLink?: ByteString;
}

const NO_ARCHIVE = "holds no tar archive";
const UNSEALED = "is broken: the checksum of a header is wrong";

/** Reads extensions up to a member's own header; undefined at the end mark. */
function* readExtensions(
  into: Extensions,
  first: boolean,
  mayEnd: boolean,
): Generator<Want, MemberHeader | undefined, Uint8Array<ArrayBuffer>> {
  let total = 0;
  for (;;) {
    const block = yield { bytes: BLOCK, mayEnd: mayEnd && total === 0 };
    const header = parseHeader(block, first && total === 0 ? NO_ARCHIVE : UNSEALED);
    if (header === undefined) {
      // One empty block is not enough by the standard, yet some programs leave it at that.
      if ((yield { bytes: BLOCK, mayEnd: true }).some((byte) => byte !== 0)) {
        throw new ArchiveFault("is broken: there is an empty block in its midst");
      }
      return undefined;
    }
    const { typeflag, size } = header;
    // Kept, since the piece that the block is part of goes away.
    if (typeflag === "S") return { header, block: block.slice() };
    if (!"xXgLKV".includes(typeflag)) return { header };
    total += BLOCK + size;
    if (size < 0 || total > EXTENSION_LIMIT) throw tooLong();
    const bytes = (yield { bytes: padded(size) }).slice(0, size);
    switch (typeflag) {
      case "x":
      case "X":
        into.pax.add(parsePax(bytes));
        break;
      case "g":
        into.global.addGlobal(parsePax(bytes));
        into.pax.addGlobal(parsePax(bytes));
        if (into.global.count > GLOBAL_LIMIT) {
          throw new ArchiveFault(
            `is broken or hostile: its global headers have more than ${GLOBAL_LIMIT} records`,
          );
        }
        if (into.global.bytes > EXTENSION_LIMIT) throw tooLong();
        break;
      // A volume's label, "V", is no file.
      case "L":
        into.longName = upToNul(bytes);
        break;
      case "K":
        into.longLink = upToNul(bytes);
        break;
    }
  }
}

function tooLong(): ArchiveFault {
  return new ArchiveFault("is broken or hostile: its extended headers have more than 1 MiB");
}

function upToNul(bytes: Uint8Array): ByteString {
  const end = bytes.indexOf(0);
  return toByteString(end < 0 ? bytes : bytes.subarray(0, end));
}

function* readMember(
  { header, block }: MemberHeader,
  extensions: Extensions,
  sink: TarSink,
  mayEnd: boolean,
): Parser {
  const { pax } = extensions;
  let name = pax.text("path") ?? extensions.longName ?? header.name;
  const linkname = pax.text("linkpath") ?? extensions.longLink ?? header.linkname;
  const type = typeOf(header, name);
  const stored = type === "file" ? pax.integer("size") ?? header.size : 0;
  if (stored < 0) throw new ArchiveFault("is broken: a member has a negative size");

  let left = padded(stored);
  let size = stored;
  let data = stored;
  let sparse: readonly DataRegion[] | undefined;
  if (block !== undefined) {
    const map = yield* readOldSparseMap(block);
    sparse = map.regions;
    size = map.size;
  } else if (type === "file" && pax.integer("GNU.sparse.major") === 1) {
    const map = yield* readSparseBlocks(left);
    sparse = map.regions;
    left -= map.length;
    data -= map.length;
    size = pax.integer("GNU.sparse.realsize") ?? -1;
    name = pax.text("GNU.sparse.name") ?? name;
  } else if (type === "file" && pax.sparseMap() !== undefined) {
    sparse = parseSparseList(pax.sparseMap()!);
    size = pax.integer("GNU.sparse.size") ?? -1;
    name = pax.text("GNU.sparse.name") ?? name;
  }
  if (sparse !== undefined && measureRegions(sparse, size) !== data) {
    throw new ArchiveFault(`is broken: the map of the sparse file ${quoteName(name)} is malformed`);
  }

  sink.entry({
    type,
    name,
    linkname: type === "hard link" || type === "symbolic link" ? linkname : "",
    mode: header.mode,
    uid: pax.integer("uid") ?? header.uid,
    gid: pax.integer("gid") ?? header.gid,
    mtime: timestamp(pax.text("mtime")) ?? { seconds: header.mtime, nanoseconds: 0 },
    size,
    major: header.major,
    minor: header.minor,
    xattrs: pax.xattrs(),
    sparse,
  });
  for (const { offset, length } of sparse ?? [{ offset: 0, length: data }]) {
    let at = offset;
    yield {
      bytes: length,
      take(piece) {
        sink.data(piece, at);
        at += piece.length;
      },
    };
  }
  sink.end();
  // Some programs leave out what fills the last block up.
  yield { bytes: left - data, mayEnd, take() {} };
}

/** The types that are extracted; anything else is refused rather than guessed at. */
const TYPES: Readonly<Record<string, EntryType>> = {
  "0": "file",
  "1": "hard link",
  "2": "symbolic link",
  "3": "character device",
  "4": "block device",
  "5": "folder",
  "6": "fifo",
  "7": "file",
  "S": "file",
};

function typeOf(header: Header, name: ByteString): EntryType {
  const type = TYPES[header.typeflag];
  if (type === undefined) {
    throw new ArchiveFault(
      `has ${quoteName(name)} of the type ${quoteName(header.typeflag)}, which is not known`,
    );
  }
  // The format before ustar had no type for folders.
  return header.typeflag === "0" && name.endsWith("/") ? "folder" : type;
}

function* readOldSparseMap(
  header: Uint8Array,
): Generator<Want, { regions: DataRegion[]; size: number }, Uint8Array<ArrayBuffer>> {
  const { regions, size, extended } = parseOldSparse(header);
  for (let more = extended; more;) {
    if (regions.length * 24 > EXTENSION_LIMIT) throw tooManyRegions();
    const next = parseOldSparseBlock(yield { bytes: BLOCK });
    regions.push(...next.regions);
    more = next.extended;
  }
  return { regions, size };
}

function* readSparseBlocks(
  limit: number,
): Generator<Want, { regions: DataRegion[]; length: number }, Uint8Array<ArrayBuffer>> {
  const map = new SparseBlocks();
  for (let length = BLOCK; length <= limit; length += BLOCK) {
    if (length > EXTENSION_LIMIT) throw tooManyRegions();
    const regions = map.add(yield { bytes: BLOCK });
    if (regions !== undefined) return { regions, length };
  }
  throw new ArchiveFault("is broken: the map of a sparse file is malformed");
}

function tooManyRegions(): ArchiveFault {
  return new ArchiveFault("is broken or hostile: the map of a sparse file has more than 1 MiB");
}

/** A time of an extended header: decimal seconds since 1970 with a fraction of any length. */
function timestamp(text: string | undefined): Timestamp | undefined {
  if (text === undefined) return undefined;
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) throw new ArchiveFault("is broken: a time of change is none");
  const whole = Number(match[2]);
  const fraction = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds: whole, nanoseconds: fraction };
  return fraction === 0
    ? { seconds: -whole, nanoseconds: 0 }
    : { seconds: -whole - 1, nanoseconds: 1_000_000_000 - fraction };
}
