/** A registry for rehearsals, which nobody but the program that rehearses reaches: it answers from memory. */

import { OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "../../../lib/image/media_type.ts";
import type { TarEntry } from "../../../lib/image/tar/entry.ts";
import { END_MARK, padding, tarHeader } from "../../../lib/image/tar/writer.ts";

/** Content, and as what it is served. */
interface Content {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One image, under every name and tag. */
export class Registry {
  /** By the last part of their paths: digests, and the tag `1`. */
  readonly #contents: ReadonlyMap<string, Content>;

  private constructor(contents: ReadonlyMap<string, Content>) {
    this.#contents = contents;
  }

  static async open(): Promise<Registry> {
    const contents = new Map<string, Content>();
    const put = async (type: string, bytes: Uint8Array<ArrayBuffer>) => {
      const digest = await digestOf(bytes);
      contents.set(digest, { type, bytes });
      return { mediaType: type, digest, size: bytes.length };
    };
    const layers = [];
    const diffIds = [];
    for (const archive of [archiveOf(LOWER), archiveOf(UPPER)]) {
      diffIds.push(await digestOf(archive));
      layers.push(await put(OCI_LAYER_GZIP, await gzip(archive)));
    }
    const config = await put(
      OCI_CONFIG,
      json({
        os: "linux",
        architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
        config: { Env: ["A=b"], Cmd: ["/bin/sh"] },
        rootfs: { type: "layers", diff_ids: diffIds },
        history: [{ created_by: "rehearsal" }, { created_by: "rehearsal" }],
      }),
    );
    const manifest = await put(
      OCI_MANIFEST,
      json({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }),
    );
    contents.set("1", contents.get(manifest.digest)!);
    return new Registry(contents);
  }

  /** In place of Deno.connect and Deno.startTls: a connection to it. */
  connect(): Pick<Deno.TlsConn, "read" | "write" | "close" | "handshake"> {
    const decoder = new TextDecoder();
    let asked = "";
    let answer = new Uint8Array();
    let arrived = Promise.withResolvers<void>();
    return {
      write: (bytes) => {
        asked += decoder.decode(bytes, { stream: true });
        for (let end = asked.indexOf("\r\n\r\n"); end !== -1; end = asked.indexOf("\r\n\r\n")) {
          answer = joined([answer, this.#answer(asked.slice(0, end))]);
          asked = asked.slice(end + 4);
          arrived.resolve();
        }
        return Promise.resolve(bytes.length);
      },
      read: async (buffer) => {
        await arrived.promise;
        const part = answer.subarray(0, buffer.length);
        buffer.set(part);
        answer = answer.subarray(part.length);
        if (answer.length === 0) arrived = Promise.withResolvers();
        return part.length;
      },
      close: () => arrived.resolve(),
      handshake: () => Promise.resolve({ alpnProtocol: "http/1.1" }),
    };
  }

  #answer(head: string): Uint8Array<ArrayBuffer> {
    const [method = "", path = ""] = head.split(" ");
    const name = path.slice(path.lastIndexOf("/") + 1);
    const content = this.#contents.get(decodeURIComponent(name));
    const encoder = new TextEncoder();
    if (content === undefined) {
      return encoder.encode("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    const { type, bytes } = content;
    const fields =
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    return joined([encoder.encode(fields), method === "HEAD" ? new Uint8Array() : bytes]);
  }
}

const PLAIN: TarEntry = {
  type: "file",
  name: "",
  linkname: "",
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1, nanoseconds: 0 },
  size: 0,
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

/** What most images are made of. */
const LOWER: readonly TarEntry[] = [
  { ...PLAIN, type: "folder", name: "bin/" },
  { ...PLAIN, name: "bin/busybox", size: 1000 },
  { ...PLAIN, type: "symbolic link", name: "bin/sh", linkname: "/bin/busybox" },
  { ...PLAIN, type: "hard link", name: "bin/ls", linkname: "bin/busybox" },
  { ...PLAIN, type: "folder", name: "etc/" },
  // Longer than its field: with an extended header.
  { ...PLAIN, name: `etc/${"long".repeat(30)}`, size: 1, uid: 1, gid: 1 },
];

const UPPER: readonly TarEntry[] = [
  { ...PLAIN, type: "folder", name: "etc/" },
  { ...PLAIN, name: "etc/passwd", size: 10 },
  { ...PLAIN, name: "bin/.wh.ls" },
];

function archiveOf(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const members = entries.map((entry) =>
    joined([tarHeader(entry), new Uint8Array(entry.size), padding(entry.size)])
  );
  return joined([...members, END_MARK]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex()}`;
}
