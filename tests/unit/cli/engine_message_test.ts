import { assertEquals } from "@std/assert";
import { SysError } from "../../../ffi/errno.ts";
import { engineMessage } from "../../../lib/cli/oci/engine_message.ts";
import { ContainerError } from "../../../lib/errors.ts";

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
