/** Reaching into memory by address, as the kernel does with what it is given. */

/** The bytes at an address: what is written to them is written there. */
export function bytesAt(address: number, length: number): Uint8Array {
  if (length === 0) return new Uint8Array();
  const pointer = Deno.UnsafePointer.create(BigInt(address))!;
  return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, length));
}

/** The bytes at an address, to read and write numbers in them. */
export function viewAt(address: number, length: number): DataView {
  return new DataView(bytesAt(address, length).buffer);
}

/** A string that ends in NUL. */
export function textAt(address: number): string {
  return Deno.UnsafePointerView.getCString(Deno.UnsafePointer.create(BigInt(address))!);
}
