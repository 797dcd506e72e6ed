/** On what the numbers were taken. */
export interface Machine {
  /** The kernel's release. */
  readonly kernel: string;
  /** As `uname -m` calls it. */
  readonly arch: string;
  readonly processors: number;
  /** Deno that runs the benchmark. */
  readonly deno: string;
}

/** This machine. */
export function thisMachine(): Machine {
  return {
    kernel: Deno.osRelease(),
    arch: Deno.build.arch,
    processors: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
  };
}

/** How many processes wanted to run on average over the last minute, beside the benchmark too. */
export function load(): number {
  return Deno.loadavg()[0];
}
