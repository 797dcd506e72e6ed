import { alloc } from "../../../ffi/struct.ts";
import { aarch64 } from "./aarch64.ts";
import { codeOf, type Instruction } from "./code.ts";
import type { Data } from "./data.ts";
import { x86_64 } from "./x86_64.ts";

/** A machine that the launcher is written for, as `Deno.build.arch` names it. */
export type Machine = "x86_64" | "aarch64";

/** Where the file lies in memory: low enough for four bytes, above what mmap(2) refuses. */
const BASE = 0x400000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
/** Where the data begins, a multiple of eight. */
const DATA = ELF_HEADER + PROGRAM_HEADER;

/** A program as a static ELF file, elf(5): its data, and the code behind that. */
export function elfImage(
  instructions: readonly Instruction[],
  data: Data,
  machine: Machine = Deno.build.arch,
): Uint8Array<ArrayBuffer> {
  const assembler = machine === "x86_64" ? x86_64 : aarch64;
  const bytes = data.encode(BASE + DATA);
  const code = codeOf(instructions, assembler, BASE + DATA);
  const entry = DATA + bytes.length;
  const size = entry + code.length;
  const image = alloc(size);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, assembler.machine, true); // e_machine
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, BigInt(BASE + entry), true); // e_entry
  view.setBigUint64(32, BigInt(ELF_HEADER), true); // e_phoff
  view.setUint16(52, ELF_HEADER, true); // e_ehsize
  view.setUint16(54, PROGRAM_HEADER, true); // e_phentsize
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(ELF_HEADER, 1, true); // p_type: PT_LOAD
  view.setUint32(ELF_HEADER + 4, 5, true); // p_flags: readable, executable
  view.setBigUint64(ELF_HEADER + 16, BigInt(BASE), true); // p_vaddr
  view.setBigUint64(ELF_HEADER + 24, BigInt(BASE), true); // p_paddr
  view.setBigUint64(ELF_HEADER + 32, BigInt(size), true); // p_filesz
  view.setBigUint64(ELF_HEADER + 40, BigInt(size), true); // p_memsz
  view.setBigUint64(ELF_HEADER + 48, 0x10000n, true); // p_align: the largest page of both
  image.set(bytes, DATA);
  image.set(code, entry);
  return image;
}
