import { keepAddress } from "./cstring.ts";
import { alloc } from "./struct.ts";

/**
 * 32 KiB for the answer of a call, to be taken out of it before the next one. Memory of its own would cost each call a
 * page fault for every 4 KiB.
 */
export const SCRATCH: Uint8Array<ArrayBuffer> = keepAddress(alloc(32768));
