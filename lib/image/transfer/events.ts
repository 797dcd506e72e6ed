import type { Descriptor } from "../descriptor.ts";

/** What happens while an image goes from or to a registry. */
export type TransferEvent =
  /** What it consists of, besides small things, the lowest layer first. */
  | { readonly kind: "parts"; readonly parts: readonly Descriptor[] }
  /** A part is there already, from before. */
  | { readonly kind: "there"; readonly part: Descriptor }
  /** A part was taken over from another repository of the registry. */
  | { readonly kind: "mounted"; readonly part: Descriptor }
  /** Another process is getting a part; it is waited for. */
  | { readonly kind: "waiting"; readonly part: Descriptor }
  /** So many bytes of a part are over. */
  | { readonly kind: "moved"; readonly part: Descriptor; readonly bytes: number }
  /** A part is over, whole and right. */
  | { readonly kind: "done"; readonly part: Descriptor }
  /** So many bytes of a layer have been extracted; when that is all of them, the layer is ready. */
  | { readonly kind: "extracted"; readonly part: Descriptor; readonly bytes: number };

/** Follows a transfer. */
export type TransferObserver = (event: TransferEvent) => void;
