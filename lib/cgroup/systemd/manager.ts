import { Fd, read, writeAll } from "../../../ffi/file.ts";
import { awaitInput } from "../../../ffi/poll.ts";
import { connect, SOCK_STREAM, socket } from "../../../ffi/socket.ts";
import { alloc } from "../../../ffi/struct.ts";
import { ContainerError, SysError } from "../../errors.ts";
import { FIXED_HEADER, messageLength, MessageWriter, methodCall, readReply } from "./message.ts";
import type { ScopePath } from "./path.ts";
import { INFINITY, type PropertyValue, type UnitProperty } from "./properties.ts";

/** A systemd: that of the machine, or a user's own. */
export interface Systemd {
  /** Its own socket, for its user alone; no message bus has to run for it. */
  readonly socket: string;
  /** Whose it is. */
  readonly uid: number;
}

/** A systemd that makes units. */
export interface SystemdManager extends Systemd {
  /** The cgroup that its units are below, from the hierarchy's root; empty for the root. */
  readonly cgroup: string;
}

/** That of the machine. */
export const SYSTEM_MANAGER: SystemdManager = {
  socket: "/run/systemd/private",
  uid: 0,
  cgroup: "",
};

/** Milliseconds within which systemd has to answer. */
const PATIENCE = 10_000;

/**
 * Has systemd make a scope with a process in it (org.freedesktop.systemd1(5), StartTransientUnit). It leaves
 * what is below the scope's cgroup alone (Delegate=), and does not count processes: that the container's own limit
 * does, which may be above what units have by default.
 *
 * @param more further properties, which win.
 * @throws {ContainerError} with what systemd has against it.
 */
export function startScope(
  { manager, slice, scope }: ScopePath,
  pid: number,
  description: string,
  more: readonly UnitProperty[],
): void {
  const properties: readonly UnitProperty[] = [
    { name: "Description", type: "s", value: description },
    { name: "Slice", type: "s", value: slice },
    { name: "PIDs", type: "au", value: [pid] },
    { name: "Delegate", type: "b", value: true },
    { name: "DefaultDependencies", type: "b", value: false },
    { name: "CollectMode", type: "s", value: "inactive-or-failed" },
    { name: "TasksMax", type: "t", value: INFINITY },
    ...more,
  ];
  const body = new MessageWriter().string(scope).string("fail")
    .array(8, (writer) => writeProperties(writer, properties)).array(8, () => {}).bytes;
  callManager(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", body, {
    action: `have systemd make the scope "${scope}"`,
    hint: "See journalctl -b, or leave out --systemd-cgroup: gocontainer makes cgroups itself",
  });
}

/**
 * Changes limits of a scope until it ends (org.freedesktop.systemd1(5), SetUnitProperties).
 *
 * @throws {ContainerError} with what systemd has against it.
 */
export function setScopeLimits(
  manager: Systemd,
  scope: string,
  limits: readonly UnitProperty[],
): void {
  const body = new MessageWriter().string(scope).boolean(true)
    .array(8, (writer) => writeProperties(writer, limits)).bytes;
  callManager(manager, "SetUnitProperties", "sba(sv)", body, {
    action: `have systemd change the limits of the scope "${scope}"`,
  });
}

function writeProperties(writer: MessageWriter, properties: readonly UnitProperty[]): void {
  for (const { name, ...variant } of properties) {
    writer.align(8).string(name).signature(variant.type);
    writeValue(writer, variant);
  }
}

function writeValue(writer: MessageWriter, { type, value }: PropertyValue): void {
  switch (type) {
    case "b":
      return void writer.boolean(value);
    case "i":
      return void writer.uint32(value);
    case "t":
      return void writer.uint64(value);
    case "s":
      return void writer.string(value);
    case "as":
      return void writer.array(4, () => value.forEach((text) => writer.string(text)));
    case "au":
      return void writer.array(4, () => value.forEach((number) => writer.uint32(number)));
  }
}

function callManager(
  { socket: path, uid }: Systemd,
  member: string,
  signature: string,
  body: Uint8Array,
  { action, hint }: { readonly action: string; readonly hint?: string },
): void {
  const refused = (why: string, cause?: SysError) =>
    new ContainerError(`${action}: ${why}`, { ...(hint ? { hint } : {}), cause });
  const call = {
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member,
    destination: "org.freedesktop.systemd1",
  };
  try {
    using connection = new Fd(socket(SOCK_STREAM));
    connect(connection.number, path);
    authenticate(connection.number, uid);
    writeAll(connection.number, methodCall(call, signature, body));
    const error = awaitReply(connection.number);
    if (error !== undefined) throw refused(error);
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    throw refused(cause.message, cause);
  }
}

/** Who this is the kernel tells the other side; said is the user's number, in hexadecimal (D-Bus Specification, "EXTERNAL"). */
function authenticate(fd: number, uid: number): void {
  const digits = [...`${uid}`].map((digit) => digit.charCodeAt(0).toString(16)).join("");
  writeAll(fd, ascii(`\0AUTH EXTERNAL ${digits}\r\n`));
  let said = "";
  while (!said.endsWith("\r\n")) said += String.fromCharCode(...receive(fd, 1));
  if (!said.startsWith("OK ")) throw new ContainerError(`ask systemd: it said ${said.trim()}`);
  writeAll(fd, ascii("BEGIN\r\n"));
}

/** The error, if the answer is one; signals are passed over. */
function awaitReply(fd: number): string | undefined {
  for (;;) {
    const header = receive(fd, FIXED_HEADER);
    const message = alloc(messageLength(header));
    message.set(header);
    message.set(receive(fd, message.length - FIXED_HEADER), FIXED_HEADER);
    const reply = readReply(message);
    if (reply !== undefined) return reply.error;
  }
}

function receive(fd: number, count: number): Uint8Array<ArrayBuffer> {
  const bytes = alloc(count);
  for (let done = 0; done < count;) {
    const piece = awaitInput(fd, PATIENCE) ? read(fd, bytes.subarray(done)).length : 0;
    if (piece === 0) throw new ContainerError("ask systemd: it does not answer");
    done += piece;
  }
  return bytes;
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  const bytes = alloc(text.length);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}
