/** A process that works with a store: to be killed, or run many at once. */

import { OCI_LAYER } from "../../lib/image/media_type.ts";
import { parseReference } from "../../lib/image/reference.ts";
import { ImageStore } from "../../lib/image/store/store.ts";
import { bytesOf, descriptorOf } from "./store_lab.ts";

const [task = "", images = "", ...rest] = Deno.args;
console.log("begun");
using store = ImageStore.open(images);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

switch (task) {
  // Receives blobs of some seeds and this size, in pieces with pauses; says how many bytes it wrote.
  case "receive": {
    const [size = 0, pause = 0, ...seeds] = rest.map(Number);
    let written = 0;
    for (const seed of seeds) {
      using receiver = await store.receiveBlob(descriptorOf(seed, size));
      if (receiver === undefined) continue;
      const content = bytesOf(seed, size);
      while (receiver.offset < size) {
        const piece = content.subarray(receiver.offset, receiver.offset + 10_000);
        receiver.write(piece);
        written += piece.length;
        await sleep(pause);
      }
      receiver.commit();
    }
    console.log(written);
    break;
  }
  // Sets references of some names to a blob that is there.
  case "refer": {
    const [seed, size] = rest.slice(0, 2).map(Number);
    for (const name of rest.slice(2)) {
      store.setReference(parseReference(name), descriptorOf(seed!, size!, OCI_LAYER));
    }
    break;
  }
  // Holds a blob until it is ended.
  case "hold": {
    const [seed, size] = rest.map(Number);
    console.log(store.hasBlob(descriptorOf(seed!, size!)));
    await sleep(100_000);
  }
}
