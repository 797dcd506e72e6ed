import { RLIM_INFINITY, SIGNALS } from "../ffi/constants.ts";
import { getrlimit } from "../ffi/process.ts";
import { ignoreSignal } from "../ffi/signal.ts";

const RLIMIT_FSIZE = 1;

/** The most bytes that a file written by this process may have (getrlimit(2), `ulimit -f`); undefined without a limit. */
export function fileSizeLimit(): bigint | undefined {
  const { soft } = getrlimit(0, RLIMIT_FSIZE);
  return soft === RLIM_INFINITY ? undefined : soft;
}

/**
 * Has writes beyond the {@link fileSizeLimit} fail by EFBIG, which can be told and undone: by default SIGXFSZ ends the
 * process without a word. Disposing of it puts that back, so that no container comes to ignore the signal.
 */
export function surviveFileSizeLimit(): Disposable {
  return ignoreSignal(SIGNALS.SIGXFSZ);
}
