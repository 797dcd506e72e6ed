/** As much of ELF (elf(5)) as it takes to see whether a program needs a loader. */

const PT_INTERP = 3;

/** True for a 64-bit little-endian ELF program without an interpreter: it runs in an empty root. */
export function isStaticElf(program: Uint8Array): boolean {
  if (program.length < 64 || program[0] !== 0x7f || program[1] !== 0x45) return false;
  const [isClass64, isLittle] = [program[4] === 2, program[5] === 1];
  if (!isClass64 || !isLittle) return false;
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const offset = Number(view.getBigUint64(32, true));
  const entrySize = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  for (let index = 0; index < count; index++) {
    if (view.getUint32(offset + index * entrySize, true) === PT_INTERP) return false;
  }
  return true;
}
