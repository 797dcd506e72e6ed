import type { Interpreter } from "./interpreter.ts";

/** Of x86_64. The table is in r14, the present row in r12, the last result in ebp, the room at rsp. */
export const x86_64: Interpreter = {
  machine: 62,
  code: [
    ...[0x48, 0x83, 0xec, 0x10], //                          sub    rsp, 16
    ...[0x44, 0x8b, 0x35, 0x85, 0x00, 0x00, 0x00], //        mov    r14d, [table]
    ...[0x4d, 0x8d, 0x66, 0x40], //                          lea    r12, [r14 + 2 * 32]
    ...[0x45, 0x8b, 0x2c, 0x24], //                    row:  mov    r13d, [r12]
    ...[0x41, 0x8b, 0x44, 0x24, 0x04], //                    mov    eax, [r12 + 4]
    ...[0x41, 0x8b, 0x7c, 0x24, 0x08], //                    mov    edi, [r12 + 8]
    ...[0x41, 0x8b, 0x74, 0x24, 0x0c], //                    mov    esi, [r12 + 12]
    ...[0x41, 0x8b, 0x54, 0x24, 0x10], //                    mov    edx, [r12 + 16]
    ...[0x45, 0x8b, 0x54, 0x24, 0x14], //                    mov    r10d, [r12 + 20]
    ...[0x45, 0x8b, 0x44, 0x24, 0x18], //                    mov    r8d, [r12 + 24]
    ...[0x41, 0xf6, 0xc5, 0x08], //                          test   r13b, JUMP
    ...[0x75, 0x46], //                                      jnz    jump
    ...[0x41, 0xf6, 0xc5, 0x01], //                          test   r13b, RESULT
    ...[0x0f, 0x45, 0xfd], //                                cmovnz edi, ebp
    ...[0x41, 0xf6, 0xc5, 0x02], //                          test   r13b, ROOM
    ...[0x48, 0x0f, 0x45, 0xf4], //                          cmovnz rsi, rsp
    ...[0x41, 0xf6, 0xc5, 0x04], //                          test   r13b, TELL
    ...[0x74, 0x08], //                                      jz     call
    ...[0x44, 0x89, 0x14, 0x24], //                          mov    [rsp], r10d
    ...[0x89, 0x6c, 0x24, 0x04], //                          mov    [rsp + 4], ebp
    ...[0x0f, 0x05], //                               call:  syscall
    ...[0x89, 0xc5], //                                      mov    ebp, eax
    ...[0x41, 0x8b, 0x4c, 0x24, 0x1c], //                    mov    ecx, [r12 + 28]
    ...[0x85, 0xc0], //                                      test   eax, eax
    ...[0x79, 0x28], //                                      jns    next
    ...[0x67, 0xe3, 0x25], //                                jecxz  next
    ...[0x41, 0xf6, 0xc5, 0x10], //                          test   r13b, TOLERANT
    ...[0x74, 0x05], //                                      jz     fail
    ...[0x44, 0x39, 0xc0], //                                cmp    eax, r8d
    ...[0x74, 0x1a], //                                      je     next
    ...[0x89, 0x0c, 0x24], //                         fail:  mov    [rsp], ecx
    ...[0xf7, 0xd8], //                                      neg    eax
    ...[0x89, 0x44, 0x24, 0x04], //                          mov    [rsp + 4], eax
    ...[0x4d, 0x89, 0xf4], //                                mov    r12, r14
    ...[0xeb, 0x92], //                                      jmp    row
    ...[0x21, 0xe8], //                               jump:  and    eax, ebp
    ...[0x39, 0xf8], //                                      cmp    eax, edi
    ...[0x75, 0x06], //                                      jne    next
    ...[0x4d, 0x8d, 0x24, 0x36], //                          lea    r12, [r14 + rsi]
    ...[0xeb, 0x86], //                                      jmp    row
    ...[0x49, 0x83, 0xc4, 0x20], //                   next:  add    r12, 32
    ...[0xeb, 0x80], //                                      jmp    row
    ...[0x90], //                                            nop
    //                                               table:
  ],
};
