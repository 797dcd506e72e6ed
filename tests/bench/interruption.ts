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
