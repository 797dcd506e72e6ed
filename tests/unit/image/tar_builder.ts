/** Archives made byte by byte, also such as no program would make. */

const encoder = new TextEncoder();

/** What goes into a header; all but the name has a default. Text is written as UTF-8. */
export interface Member {
  readonly name: string | Uint8Array;
  /** One character; a regular file by default. */
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly linkname?: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** Overrides the content's length. */
  readonly size?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly prefix?: string;
  /** `ustar` (default), `gnu`, or none for the old format. */
  readonly format?: "ustar" | "gnu" | "v7";
  /** Records of an extended header before it. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
}

/** A member's blocks: its extended header, its header, its content. */
export function member(given: Member): Uint8Array {
  const pax = given.pax === undefined
    ? []
    : [member({ name: "PaxHeaders/x", type: "x", content: paxRecords(given.pax) })];
  const content = bytesOf(given.content ?? "");
  const padding = new Uint8Array((512 - content.length % 512) % 512);
  return concat([...pax, header({ size: content.length, ...given }), content, padding]);
}

/** The records of an extended header. */
export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  return concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)));
}

/** One record: its length, counting itself, the key and the value. */
export function paxRecord(key: string, value: string | Uint8Array): Uint8Array {
  const rest = concat([encoder.encode(` ${key}=`), bytesOf(value), encoder.encode("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return concat([encoder.encode(String(length)), rest]);
}

/** A header block with its checksum. */
export function header(given: Member): Uint8Array {
  const block = new Uint8Array(512);
  const put = (offset: number, value: string | Uint8Array) => block.set(bytesOf(value), offset);
  const number = (offset: number, length: number, value: number) =>
    put(offset, value.toString(8).padStart(length - 1, "0"));
  put(0, bytesOf(given.name).subarray(0, 100));
  number(100, 8, given.mode ?? 0o644);
  number(108, 8, given.uid ?? 0);
  number(116, 8, given.gid ?? 0);
  number(124, 12, given.size ?? 0);
  number(136, 12, given.mtime ?? 0);
  put(156, given.type ?? "0");
  put(157, bytesOf(given.linkname ?? "").subarray(0, 100));
  if (given.format === "gnu") put(257, "ustar  \0");
  else if (given.format !== "v7") put(257, "ustar\x0000");
  if (given.format !== "v7") {
    number(329, 8, given.major ?? 0);
    number(337, 8, given.minor ?? 0);
    put(345, given.prefix ?? "");
  }
  return sealed(block);
}

/** A header block with its checksum set anew. */
export function sealed(block: Uint8Array): Uint8Array {
  block.fill(32, 148, 156);
  const sum = block.reduce((sum, byte) => sum + byte, 0);
  block.set(encoder.encode(sum.toString(8).padStart(6, "0") + "\0 "), 148);
  return block;
}

/** A whole archive with its end mark. */
export function archive(members: readonly (Member | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const parts = members.map((one) => one instanceof Uint8Array ? one : member(one));
  return concat([...parts, new Uint8Array(1024)]);
}

/** Bytes one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(new ArrayBuffer(parts.reduce((sum, part) => sum + part.length, 0)));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}
