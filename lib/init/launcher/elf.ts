import { alloc } from "../../../ffi/struct.ts";
import { Data } from "./data.ts";
import { type Interpreter, interpreterOf, type Machine } from "./interpreter.ts";

/** Where the file lies in memory: low enough for four bytes, above what mmap(2) refuses. */
const BASE = 0x400000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const CODE = ELF_HEADER + PROGRAM_HEADER;

/**
 * The launcher as a static ELF file, elf(5): the code, the address of the table, the data, the table.
 */
export class ElfFile {
  readonly data: Data;
  readonly #interpreter: Interpreter;
  readonly #dataStart: number;

  constructor(machine: Machine) {
    this.#interpreter = interpreterOf(machine);
    this.#dataStart = CODE + this.#interpreter.code.length + 8;
    this.data = new Data(BASE + this.#dataStart);
  }

  /** @param words the table. */
  encode(words: readonly number[]): Uint8Array<ArrayBuffer> {
    const { machine, code } = this.#interpreter;
    const table = this.#dataStart + this.data.length;
    const size = table + 4 * words.length;
    const image = alloc(size);
    const view = new DataView(image.buffer);
    image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
    view.setUint16(16, 2, true); // e_type: ET_EXEC
    view.setUint16(18, machine, true); // e_machine
    view.setUint32(20, 1, true); // e_version
    view.setUint32(24, BASE + CODE, true); // e_entry
    view.setUint32(32, ELF_HEADER, true); // e_phoff
    view.setUint16(52, ELF_HEADER, true); // e_ehsize
    view.setUint16(54, PROGRAM_HEADER, true); // e_phentsize
    view.setUint16(56, 1, true); // e_phnum
    view.setUint32(ELF_HEADER, 1, true); // p_type: PT_LOAD
    view.setUint32(ELF_HEADER + 4, 5, true); // p_flags: readable, executable
    view.setUint32(ELF_HEADER + 16, BASE, true); // p_vaddr
    view.setUint32(ELF_HEADER + 24, BASE, true); // p_paddr
    view.setUint32(ELF_HEADER + 32, size, true); // p_filesz
    view.setUint32(ELF_HEADER + 40, size, true); // p_memsz
    view.setUint32(ELF_HEADER + 48, 0x10000, true); // p_align: the largest page of both
    image.set(code, CODE);
    view.setUint32(CODE + code.length, BASE + table, true);
    this.data.copyTo(image, this.#dataStart);
    new Uint32Array(image.buffer, table).set(words);
    return image;
  }
}
