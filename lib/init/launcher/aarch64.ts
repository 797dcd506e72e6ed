import type { Interpreter } from "./interpreter.ts";

/** Of aarch64. The table is in x21, the present row in x19, the last result in w20, the room at sp. */
export const aarch64: Interpreter = {
  machine: 183,
  code: [
    0xd10043ff, //        sub   sp, sp, #16
    0x180003f5, //        ldr   w21, table
    0x910102b3, //        add   x19, x21, #2 * 32
    0x29402269, //  row:  ldp   w9, w8, [x19]
    0x29410660, //        ldp   w0, w1, [x19, #8]
    0x29420e62, //        ldp   w2, w3, [x19, #16]
    0x29432a64, //        ldp   w4, w10, [x19, #24]
    0x37180249, //        tbnz  w9, #3, jump         JUMP
    0x7200013f, //        tst   w9, #1               RESULT
    0x1a801280, //        csel  w0, w20, w0, ne
    0x36080049, //        tbz   w9, #1, .+8          ROOM
    0x910003e1, //        mov   x1, sp
    0x36100049, //        tbz   w9, #2, call         TELL
    0x290053e3, //        stp   w3, w20, [sp]
    0xd4000001, //  call: svc   #0
    0x2a0003f4, //        mov   w20, w0
    0x36f801c0, //        tbz   w0, #31, next
    0x340001aa, //        cbz   w10, next
    0x36200069, //        tbz   w9, #4, fail         TOLERANT
    0x6b04001f, //        cmp   w0, w4
    0x54000140, //        b.eq  next
    0x4b0003e0, //  fail: neg   w0, w0
    0x290003ea, //        stp   w10, w0, [sp]
    0xaa1503f3, //        mov   x19, x21
    0x17ffffeb, //        b     row
    0x0a140108, //  jump: and   w8, w8, w20
    0x6b00011f, //        cmp   w8, w0
    0x54000061, //        b.ne  next
    0x8b0102b3, //        add   x19, x21, x1
    0x17ffffe6, //        b     row
    0x91008273, //  next: add   x19, x19, #32
    0x17ffffe4, //        b     row
    //             table:
  ].flatMap((word) => [word & 0xff, word >>> 8 & 0xff, word >>> 16 & 0xff, word >>> 24]),
};
