import type { Descriptor } from "../../descriptor.ts";
import { hashOf } from "../../digest.ts";
import type { TransferEvent } from "../events.ts";

/** Where a part of a transfer is. */
export type PartState = "queued" | "waiting" | "moving" | "over" | "extracting" | "ready";

/** A part of a transfer as it is at the moment. */
export interface PartStatus {
  readonly part: Descriptor;
  state: PartState;
  /** So many bytes are over. */
  moved: number;
  /** So many of them have been extracted. */
  extracted: number;
  /** How it came to be over without being moved: `there`, `mounted`. */
  note?: string;
}

/** Keeps what events have told, part by part. */
export class Parts {
  readonly #parts = new Map<string, PartStatus>();

  /** All parts, in their order. */
  get all(): readonly PartStatus[] {
    return [...this.#parts.values()];
  }

  /** Takes an event; the part that it tells of, where there is one. */
  take(event: TransferEvent): PartStatus | undefined {
    if (event.kind === "parts") {
      for (const part of event.parts) {
        this.#parts.set(part.digest, { part, state: "queued", moved: 0, extracted: 0 });
      }
      return undefined;
    }
    const status = this.#parts.get(event.part.digest);
    if (status === undefined) return undefined;
    switch (event.kind) {
      case "waiting":
        status.state = "waiting";
        break;
      case "moved":
        status.state = "moving";
        status.moved = event.bytes;
        break;
      case "there":
      case "mounted":
      case "done":
        if (event.kind !== "done") status.note = event.kind;
        status.state = "over";
        status.moved = status.part.size;
        break;
      case "extracted":
        status.extracted = event.bytes;
        status.state = event.bytes >= status.part.size ? "ready" : "extracting";
    }
    return status;
  }
}

/** A part's name: twelve digits of its digest. */
export function shortName({ digest }: Descriptor): string {
  return hashOf(digest).slice(0, 12);
}
