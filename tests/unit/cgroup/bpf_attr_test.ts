import { assert } from "@std/assert";
import {
  bpf_attach_attr,
  bpf_get_fd_attr,
  bpf_prog_load_attr,
  bpf_query_attr,
} from "../../../ffi/bpf.ts";

const SIZES = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, i64: 8 } as const;

interface Layout {
  fields: Readonly<Record<string, readonly [offset: number, kind: keyof typeof SIZES]>>;
}

/** Each layout with where its fields stand in the C union. */
const LAYOUTS: readonly { layout: Layout; prefix: string }[] = [
  { layout: bpf_prog_load_attr, prefix: "" },
  { layout: bpf_attach_attr, prefix: "" },
  { layout: bpf_get_fd_attr, prefix: "" },
  { layout: bpf_query_attr, prefix: "query." },
];

const missing = !(await new Deno.Command("sh", {
  args: ["-c", "command -v gcc"],
  stdout: "null",
}).output()).success;

Deno.test({
  name: "bpf_attr is laid out as gcc has it" + (missing ? " (skipped: gcc is not installed)" : ""),
  ignore: missing,
}, async () => {
  const lines = ["#include <stddef.h>", "#include <linux/bpf.h>"];
  for (const { layout, prefix } of LAYOUTS) {
    for (const [field, [offset, kind]] of Object.entries(layout.fields)) {
      const member = prefix + field;
      lines.push(
        `_Static_assert(offsetof(union bpf_attr, ${member}) == ${offset}, "offset of ${member}");`,
        `_Static_assert(sizeof(((union bpf_attr *)0)->${member}) == ${
          SIZES[kind]
        }, "size of ${member}");`,
      );
    }
  }
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/attr.c`, lines.join("\n") + "\n");
    const { success, stderr } = await new Deno.Command("gcc", {
      args: ["-fsyntax-only", `${folder}/attr.c`],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
