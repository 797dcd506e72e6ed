import { syscall, trySyscall } from "./libc.ts";
import { alloc, struct } from "./struct.ts";
import { O_CLOEXEC, O_NOCTTY, O_RDWR } from "./constants.ts";

/** struct termios as TCGETS2 has it (asm-generic/termbits.h). */
export const termios2 = struct("termios2", 44, {
  c_iflag: [0, "u32"],
  c_oflag: [4, "u32"],
  c_cflag: [8, "u32"],
  c_lflag: [12, "u32"],
});
/** Where struct termios2 has its control characters. */
export const C_CC = 17;
const VTIME = 5;
const VMIN = 6;

/** ioctl(2) requests of terminals (asm-generic/ioctls.h). */
const TCGETS2 = 0x802c542a;
const TCSETS2 = 0x402c542b;
const TCSBRK = 0x5409;
export const TIOCSCTTY = 0x540e;
const TIOCGPGRP = 0x540f;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;

/** A terminal's settings, opaque: what {@link getTerminal} gave, {@link setTerminal} takes. */
export type Termios = Uint8Array<ArrayBuffer>;

/** tcgetattr(3). */
export function getTerminal(fd: number): Termios {
  const settings = alloc(termios2.size);
  syscall("ioctl", "TCGETS2", fd, TCGETS2, settings);
  return settings;
}

/** tcsetattr(3), at once. */
export function setTerminal(fd: number, settings: Termios): void {
  syscall("ioctl", "TCSETS2", fd, TCSETS2, settings);
}

/**
 * tcdrain(3), which in the background of the terminal stops this process (SIGTTOU): it returns in front, and at once
 * where the terminal is not its controlling one.
 */
export function awaitFront(fd: number): void {
  syscall("ioctl", "TCSBRK", fd, TCSBRK, 1);
}

/** isatty(3). */
export function isTerminal(fd: number): boolean {
  return trySyscall("ioctl", fd, TCGETS2, alloc(termios2.size)) !== -1;
}

const OPOST = 0o1;

/** Whether the terminal makes of each newline the beginning of a line (OPOST, termios(3)), as a raw one does not. */
export function isProcessed(fd: number): boolean {
  return (termios2.get(getTerminal(fd), "c_oflag") & OPOST) !== 0;
}

/** cfmakeraw(3): every byte goes through as it is. */
export function makeRaw(settings: Termios): Termios {
  const IGNBRK = 0o1, BRKINT = 0o2, PARMRK = 0o10, ISTRIP = 0o40, INLCR = 0o100;
  const IGNCR = 0o200, ICRNL = 0o400, IXON = 0o2000;
  const ECHO = 0o10, ECHONL = 0o100, ICANON = 0o2, ISIG = 0o1, IEXTEN = 0o100000;
  const CSIZE = 0o60, PARENB = 0o400, CS8 = 0o60;
  const raw = settings.slice();
  const clear = (field: "c_iflag" | "c_oflag" | "c_cflag" | "c_lflag", bits: number, set = 0) =>
    termios2.set(raw, field, ((termios2.get(raw, field) & ~bits) | set) >>> 0);
  clear("c_iflag", IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  clear("c_oflag", OPOST);
  clear("c_lflag", ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  clear("c_cflag", CSIZE | PARENB, CS8);
  raw[C_CC + VMIN] = 1;
  raw[C_CC + VTIME] = 0;
  return raw;
}

/** The settings with Ctrl-C and its like sending signals (ISIG, termios(3)). */
export function sendSignals(settings: Termios): Termios {
  const ISIG = 0o1;
  const sending = settings.slice();
  termios2.set(sending, "c_lflag", (termios2.get(sending, "c_lflag") | ISIG) >>> 0);
  return sending;
}

/** A terminal's size in characters. */
export interface WindowSize {
  rows: number;
  columns: number;
}

/** TIOCGWINSZ, tty_ioctl(4). */
export function getWindowSize(fd: number): WindowSize {
  const winsize = alloc(8);
  syscall("ioctl", "TIOCGWINSZ", fd, TIOCGWINSZ, winsize);
  const view = new DataView(winsize.buffer);
  return { rows: view.getUint16(0, true), columns: view.getUint16(2, true) };
}

/** TIOCSWINSZ, tty_ioctl(4): sends SIGWINCH to the programs in front. */
export function setWindowSize(fd: number, size: WindowSize): void {
  const winsize = alloc(8);
  const view = new DataView(winsize.buffer);
  view.setUint16(0, size.rows, true);
  view.setUint16(2, size.columns, true);
  syscall("ioctl", "TIOCSWINSZ", fd, TIOCSWINSZ, winsize);
}

/** TIOCSCTTY, tty_ioctl(4): makes the terminal the controlling one of this session leader. */
export function setControllingTerminal(fd: number): void {
  syscall("ioctl", "TIOCSCTTY", fd, TIOCSCTTY, 0);
}

/** unlockpt(3) on a pty's master. */
export function unlockPty(master: number): void {
  syscall("ioctl", "TIOCSPTLCK", master, TIOCSPTLCK, alloc(4));
}

/** The pty's number: its slave is `/dev/pts/<n>` of the devpts instance that the master came from. */
export function ptyNumber(master: number): number {
  const number = alloc(4);
  syscall("ioctl", "TIOCGPTN", master, TIOCGPTN, number);
  return new DataView(number.buffer).getUint32(0, true);
}

/** TIOCGPTPEER, ioctl_tty(2): opens the slave without a path that somebody could have swapped. */
export function openPtyPeer(master: number): number {
  return syscall("ioctl", "TIOCGPTPEER", master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/**
 * Whether this process is a job in the background of that terminal, and would be stopped if it read there
 * (SIGTTIN, termios(3)). Of a terminal that is not its controlling one nobody is.
 */
export function isInBackground(fd: number): boolean {
  const front = alloc(4);
  if (trySyscall("ioctl", fd, TIOCGPGRP, front) === -1) return false;
  return new DataView(front.buffer).getInt32(0, true) !== syscall("getpgid", "", 0);
}

/** tcgetpgrp(3): the process group in front, numbered as this process sees it; 0 when it is not seen from here. */
export function getForegroundGroup(fd: number): number {
  const group = alloc(4);
  syscall("ioctl", "TIOCGPGRP", fd, TIOCGPGRP, group);
  return new DataView(group.buffer).getInt32(0, true);
}
