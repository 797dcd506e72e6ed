import { ToolError } from "../../tools/report.ts";

/**
 * A signal that is raised by the first SIGINT, SIGTERM or SIGHUP to this process, which then ends by
 * itself after cleaning up.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => controller.abort());
  }
  return controller.signal;
}

/**
 * Waits some milliseconds, and lets a signal be heard, which arrives between turns of the event loop only.
 *
 * @throws {ToolError} when one was
 */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  if (signal.aborted) throw new ToolError("run the benchmark: interrupted");
}
