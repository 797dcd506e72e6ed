import {
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  type MemoryPolicyMode,
} from "../memory_policy.ts";
import type { MemoryPolicy } from "../spec.ts";
import { keyOf, listOf, object, required, unlessEmpty } from "./schema.ts";
import { numberList } from "./texts.ts";

/** Whether set_mempolicy(2) wants memory nodes with a mode: at least one, none, or either. */
const NODES: Readonly<Record<MemoryPolicyMode, "some" | "none" | "any">> = {
  MPOL_DEFAULT: "none",
  MPOL_BIND: "some",
  MPOL_INTERLEAVE: "some",
  MPOL_WEIGHTED_INTERLEAVE: "some",
  MPOL_PREFERRED: "any",
  MPOL_PREFERRED_MANY: "some",
  MPOL_LOCAL: "none",
};

/** config-linux.md, "Memory policy". */
export const memoryPolicy = object<MemoryPolicy>(() => ({
  mode: required(keyOf(MEMORY_POLICY_MODES)),
  nodes: unlessEmpty(numberList),
  flags: listOf(keyOf(MEMORY_POLICY_FLAGS)),
}), ({ mode, nodes, flags = [] }, place) => {
  if (NODES[mode] === "some" && nodes === undefined) {
    place.refuse(`required for "${mode}" but missing`, "nodes");
  }
  if (NODES[mode] === "none" && nodes !== undefined) {
    place.expected(`no nodes for "${mode}"`, nodes, "nodes");
  }
  if (flags.includes("MPOL_F_RELATIVE_NODES") && flags.includes("MPOL_F_STATIC_NODES")) {
    place.refuse("the nodes are either relative or static, not both", "flags");
  }
});
