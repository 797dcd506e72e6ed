/**
 * What the launcher's messages are: 32 bits, and 32 bits of value after them. Above the lowest eight, `refused` has
 * the number of the failure among those that its maker knows of, from 1 on.
 */
export const MESSAGES = { born: 1, refused: 2, ready: 3, opened: 4, begun: 5 } as const;

/** Length of a message, and of the word that lets it go on, in bytes. */
export const MESSAGE = 8;
export const WORD = 4;
/** Length of what is told of the end of a child: its status as wait4(2) has it. */
export const STATUS = 4;
