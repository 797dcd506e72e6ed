import type { SeccompOperator } from "../../../lib/oci/seccomp_names.ts";
import type { Abi } from "../../../lib/seccomp/tables.ts";
import { AUDIT_ARCH, returnValue } from "../../../lib/seccomp/values.ts";
import { Filter } from "./interpreter.ts";
import { abisOf, fallback, listsOf, type Task } from "./policies.ts";

/** What libseccomp makes of a policy: a filter, a refusal of a rule, or nothing, as it comes to no end. */
export type Reference = Filter | { refused: number; errno: number } | "lost";

/** SCMP_ARCH_* of seccomp.h: AUDIT_ARCH_*, and for x32 one of its own. */
function token(abi: Abi): number {
  return abi === "x32" ? 0x4000_003e : AUDIT_ARCH[abi];
}

/** enum scmp_compare of seccomp.h. */
const COMPARE: Record<SeccompOperator, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};

/** libseccomp, asked through a small C program. */
export class Libseccomp {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Compiles the program; undefined where there is no C compiler or no libseccomp-dev. */
  static build(): Libseccomp | undefined {
    const folder = Deno.makeTempDirSync({ prefix: "libseccomp-" });
    const source = new URL("libseccomp.c", import.meta.url).pathname;
    try {
      const { success } = new Deno.Command("gcc", {
        args: ["-O1", "-o", `${folder}/ask`, source, "-lseccomp"],
        stderr: "null",
      }).outputSync();
      if (success) return new Libseccomp(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    Deno.removeSync(folder, { recursive: true });
    return undefined;
  }

  /** Takes the program away. */
  remove(): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }

  /** What it makes of policies. Rules that say what holds anyway are left out, as runtimes do. */
  async compile(tasks: readonly Task[]): Promise<Reference[]> {
    const lines = (await this.#ask(tasks.map(describe).join(""))).split("\n");
    return tasks.map((_, i) => {
      const [word, rule, errno] = lines[i].split(" ");
      if (word === "lost") return word;
      if (word === "error") return { refused: Number(rule), errno: Number(errno) };
      return new Filter(Uint8Array.fromHex(word));
    });
  }

  /** The numbers that it has for names; undefined for calls that it does not know on an ABI. */
  async numbers(abi: Abi, names: readonly string[]): Promise<(number | undefined)[]> {
    const answer = await this.#ask(`names ${token(abi)} ${names.join(" ")}\n`);
    return answer.trim().split(" ").map((word) => word === "-" ? undefined : Number(word));
  }

  async #ask(questions: string): Promise<string> {
    const program = new Deno.Command(`${this.#folder}/ask`, { stdin: "piped", stdout: "piped" });
    const child = program.spawn();
    const answer = child.output();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(questions));
    await writer.close();
    const { success, stdout } = await answer;
    if (!success) throw new Error("libseccomp gives no answer");
    return new TextDecoder().decode(stdout);
  }
}

function describe(task: Task): string {
  const lines = [`policy ${fallback(task)}`, ...abisOf(task).map((abi) => `arch ${token(abi)}`)];
  for (const rule of task.config.syscalls ?? []) {
    const action = returnValue(rule.action, rule.errnoRet);
    if (action === fallback(task)) continue;
    for (const name of rule.names) {
      for (const args of listsOf(rule)) {
        const words = args.map(({ index, op, value, valueTwo = 0 }) =>
          [index, COMPARE[op], value, valueTwo].join(" ")
        );
        lines.push(["rule", action, name, args.length, ...words].join(" "));
      }
    }
  }
  return `${lines.join("\n")}\nend\n`;
}
