/**
 * `deno run -A lib/seccomp/precompile.ts` writes precompiled.ts anew: needed whenever the default profile
 * or what the compiler makes of it has changed, which a unit test tells. The program itself has no use for it.
 */

import { compileSeccomp } from "./compile.ts";
import { defaultProfile } from "./default_profile.ts";

/** Capabilities that the profile looks at, in the sets that containers usually have. */
const USUAL = [["CAP_SYS_CHROOT"], []];
const WIDTH = 90;

const entries = (["x86_64", "aarch64"] as const).flatMap((machine) =>
  USUAL.map((capabilities) => {
    const { program, flags } = compileSeccomp(defaultProfile(capabilities, machine), machine);
    const lines = program.toBase64().match(new RegExp(`.{1,${WIDTH}}`, "g"))!;
    return `  {
    machine: ${JSON.stringify(machine)},
    capabilities: ${JSON.stringify(capabilities)},
    flags: ${flags},
    program: \`\n${lines.join("\n")}\`,
  },`;
  })
);

const file = new URL("precompiled.ts", import.meta.url);
Deno.writeTextFileSync(
  file,
  `import type { Machine } from "./compile.ts";

/** A filter of the default profile. */
export interface Precompiled {
  readonly machine: Machine;
  /** Those which the profile looks at. */
  readonly capabilities: readonly string[];
  /** SECCOMP_FILTER_FLAG_*. */
  readonly flags: number;
  /** The array of struct sock_filter in base64. */
  readonly program: string;
}

/** Made by precompile.ts; a unit test holds it against the compiler. */
export const PRECOMPILED: readonly Precompiled[] = [
${entries.join("\n")}
];
`,
);
