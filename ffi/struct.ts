type Kind = "u8" | "u16" | "u32" | "u64" | "i32" | "i64";
type Layout = Readonly<Record<string, readonly [offset: number, kind: Kind]>>;
type ValueOf<K extends Kind> = K extends "u64" | "i64" ? bigint : number;
type Values<L extends Layout> = { [F in keyof L]: ValueOf<L[F][1]> };

/** Memory for the kernel: zeroed, outside the collected heap, so that it stays where it is. */
export function alloc(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}

/** A C struct: its size and the offset and kind of each field. Little-endian, as x86_64 and aarch64 are. */
class Struct<L extends Layout> {
  constructor(readonly name: string, readonly size: number, readonly fields: L) {}

  /** A new struct with the given fields set and all else zero. 64-bit fields also take numbers. */
  encode(values: { [F in keyof L]?: ValueOf<L[F][1]> | number }): Uint8Array<ArrayBuffer> {
    const bytes = alloc(this.size);
    for (const name of Object.keys(values)) this.set(bytes, name, values[name]!);
    return bytes;
  }

  /** Sets one field of a struct that starts at `base` in `bytes`. */
  set(bytes: Uint8Array, name: keyof L, value: number | bigint, base = 0): void {
    const field = this.fields[name];
    const view = viewOf(bytes);
    const at = base + field[0];
    switch (field[1]) {
      case "u8":
        return view.setUint8(at, Number(value));
      case "u16":
        return view.setUint16(at, Number(value), true);
      case "u32":
        return view.setUint32(at, Number(value), true);
      case "i32":
        return view.setInt32(at, Number(value), true);
      case "u64":
        return view.setBigUint64(at, BigInt(value), true);
      case "i64":
        return view.setBigInt64(at, BigInt(value), true);
    }
  }

  /** Reads one field of a struct that starts at `base` in `bytes`. */
  get<F extends keyof L>(bytes: Uint8Array, name: F, base = 0): Values<L>[F] {
    return this.#read(bytes, name, base) as Values<L>[F];
  }

  #read(bytes: Uint8Array, name: keyof L, base: number): number | bigint {
    const field = this.fields[name];
    const view = viewOf(bytes);
    const at = base + field[0];
    switch (field[1]) {
      case "u8":
        return view.getUint8(at);
      case "u16":
        return view.getUint16(at, true);
      case "u32":
        return view.getUint32(at, true);
      case "i32":
        return view.getInt32(at, true);
      case "u64":
        return view.getBigUint64(at, true);
      case "i64":
        return view.getBigInt64(at, true);
    }
  }
}

let viewed: Uint8Array | undefined;
let view: DataView;

/** The fields of a struct come one after the other: the same view serves them all. */
function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    viewed = bytes;
  }
  return view;
}

/** Describes a C struct by explicit offsets; `tests/unit/ffi/struct_test.ts` holds them against a C compiler. */
export function struct<const L extends Layout>(name: string, size: number, fields: L): Struct<L> {
  return new Struct(name, size, fields);
}
