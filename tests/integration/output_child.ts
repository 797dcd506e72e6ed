/** A process that is killed in the midst of writing the file that it is given. */

import { writeOutput } from "../../lib/cli/images/files.ts";

writeOutput(
  Deno.args[0],
  (function* () {
    yield new Uint8Array(1000);
    Deno.kill(Deno.pid, "SIGKILL");
  })(),
);
