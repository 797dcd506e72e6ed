import { assertEquals } from "@std/assert";
import { SysError } from "../../../ffi/errno.ts";
import { engineMessage } from "../../../lib/cli/oci/engine_message.ts";
import { ContainerError, messageOf } from "../../../lib/errors.ts";

Deno.test("the cause stands behind what does not tell it, once", () => {
  const denied = new Deno.errors.PermissionDenied(
    "Permission denied (os error 13): writefile '/proc/7/oom_score_adj'",
  );
  const told = (message: string, cause: Error) =>
    engineMessage(new ContainerError(message, { cause }));
  assertEquals(told('set "5": Permission denied', denied), 'set "5": Permission denied');
  assertEquals(told('set "5"', denied), 'set "5": Permission denied');
  const missing = new SysError("execve", 2, '"/nope"');
  assertEquals(told('run "/nope"', missing), 'run "/nope": no such file or directory');
  assertEquals(told(`start: ${missing.message}`, missing), `start: ${missing.message}`);
});

Deno.test("an error of Deno's own is told with the action first, and without its number", () => {
  const full = new Error("Too many open files (os error 24): readdir '/run/gocontainer'");
  assertEquals(messageOf(full), "readdir '/run/gocontainer': Too many open files");
  assertEquals(engineMessage(full), "readdir '/run/gocontainer': Too many open files");
  assertEquals(messageOf(new Error("Broken pipe (os error 32)")), "Broken pipe");
  assertEquals(messageOf(new ContainerError("run it: no")), "run it: no");
});
