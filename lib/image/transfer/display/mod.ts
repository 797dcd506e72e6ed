import { tell } from "../../../trace.ts";
import { formatReference, type Reference } from "../../reference.ts";
import type { TransferObserver } from "../events.ts";
import { Bars } from "./bars.ts";
import type { Display } from "./kinds.ts";
import { JsonLines } from "./json.ts";
import { Lines } from "./lines.ts";

/** Shows a transfer; disposing of it ends the show. */
export interface Show extends Disposable {
  readonly observe: TransferObserver;
}

/**
 * Shows a transfer, in bars and lines with what it is of first: the name in full, which says where a
 * short one leads.
 *
 * @param display bars on a terminal, lines anywhere else, unless told
 * @param doing what is done
 */
export function showTransfer(
  display: Display | undefined,
  reference: Reference,
  doing: "pulling" | "pushing" = "pulling",
): Show {
  const isTerminal = Deno.stderr.isTerminal();
  const chosen = display ?? (isTerminal ? "bars" : "lines");
  if (chosen === "bars" || chosen === "lines") {
    tell(`gocontainer: ${doing} ${formatReference(reference)}`);
  }
  switch (chosen) {
    case "bars":
      return isTerminal ? new Bars(doing) : new Lines();
    case "lines":
      return new Lines();
    case "json":
      return new JsonLines();
    case "none":
      return { observe() {}, [Symbol.dispose]() {} };
  }
}
