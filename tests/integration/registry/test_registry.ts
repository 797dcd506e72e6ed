/** A registry of the tests' own, on loopback, that can be made to do what real ones never would. */

import { type Digest, digestOf } from "../../../lib/image/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../../lib/image/media_type.ts";
import { say, ScriptedServer } from "./scripted_server.ts";

/** A request as it came. */
export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  /** How often this method and path were asked for before. */
  readonly before: number;
}

/** What is answered; a function does it byte by byte. */
export type Reply =
  | {
    readonly status: number;
    readonly fields?: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array;
  }
  | ((conn: Deno.TcpConn) => Promise<void> | void);

/** Answers instead of the registry, where it gives something. */
export type Hook = (asked: Asked) => Reply | undefined;

/** A descriptor as it stands in a manifest. */
export interface Listed {
  mediaType: string;
  digest: Digest;
  size: number;
  [member: string]: unknown;
}

export class TestRegistry implements AsyncDisposable {
  readonly #server: ScriptedServer;
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #manifests = new Map<string, { mediaType: string; bytes: Uint8Array }>();
  readonly #counts = new Map<string, number>();
  /** All that was asked, in order. */
  readonly log: Asked[] = [];
  /** Bytes of blobs that were sent. */
  sent = 0;
  hook: Hook = () => undefined;

  constructor(options: { hostname?: string } = {}) {
    this.#server = new ScriptedServer((head, conn) => this.#answer(head, conn), options.hostname);
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `${this.#server.hostname}:${this.#server.port}`;
  }

  /** What was asked for below `/v2/NAME/`, as `GET blobs/sha256:…`. */
  get asked(): string[] {
    return this.log.map(({ method, path }) => `${method} ${path.replace(/^\/v2\/[^/]+\//, "")}`);
  }

  /** Keeps a blob. */
  addBlob(mediaType: string, content: Uint8Array | object): Listed {
    const bytes = content instanceof Uint8Array ? content : json(content);
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** Keeps a manifest or index, by its digest and a tag. */
  addManifest(tag: string | undefined, mediaType: string, document: object | Uint8Array): Listed {
    const bytes = document instanceof Uint8Array ? document : json(document);
    const digest = digestOf(bytes);
    for (const name of tag === undefined ? [digest] : [digest, tag]) {
      this.#manifests.set(name, { mediaType, bytes });
    }
    return { mediaType, digest, size: bytes.length };
  }

  /** Keeps an image of layers that are plain archives. */
  addImage(
    tag: string | undefined,
    layers: readonly Uint8Array[],
    options: { config?: object; manifest?: object; layerType?: string } = {},
  ): { manifest: Listed; config: Listed; layers: Listed[] } {
    const described = layers.map((layer) => this.addBlob(options.layerType ?? OCI_LAYER, layer));
    const config = this.addBlob(OCI_CONFIG, {
      os: "linux",
      architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
      config: { Cmd: ["/bin/true"] },
      rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
      ...options.config,
    });
    const manifest = this.addManifest(tag, OCI_MANIFEST, {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config,
      layers: described,
      ...options.manifest,
    });
    return { manifest, config, layers: described };
  }

  /** Keeps an index. */
  addIndex(tag: string, manifests: readonly object[]): Listed {
    return this.addManifest(tag, OCI_INDEX, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests,
    });
  }

  /** The bytes of a blob or manifest. */
  bytesOf(name: string): Uint8Array {
    return this.#blobs.get(name) ?? this.#manifests.get(name)!.bytes;
  }

  /** Ends all connections that there are. */
  cut(): void {
    this.#server.cut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async #answer(head: string, conn: Deno.TcpConn): Promise<void> {
    const [line = "", ...lines] = head.trimEnd().split("\r\n");
    const [method = "", path = ""] = line.split(" ");
    const fields = new Map(lines.map((text) => {
      const colon = text.indexOf(":");
      return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
    }));
    const key = `${method} ${path}`;
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    const asked = { method, path, fields, before };
    this.log.push(asked);
    const reply = this.hook(asked) ?? this.#reply(asked);
    if (typeof reply === "function") return await reply(conn);
    const body = typeof reply.body === "string" ? new TextEncoder().encode(reply.body) : reply.body;
    const all = { "Content-Length": String(body?.length ?? 0), ...reply.fields };
    await say(conn, headOf(reply.status, all));
    if (body !== undefined && method !== "HEAD") {
      if (path.includes("/blobs/")) this.sent += body.length;
      await write(conn, body);
    }
  }

  #reply({ method, path, fields }: Asked): Reply {
    if (path === "/v2/") return { status: 200, body: "{}" };
    const [, kind, name] = /^\/v2\/.+\/(manifests|blobs)\/([^/?]+)$/.exec(path) ?? [];
    if (kind === "manifests") {
      const found = this.#manifests.get(name!);
      if (found === undefined) return failure(404, "MANIFEST_UNKNOWN");
      return {
        status: 200,
        fields: {
          "Content-Type": found.mediaType,
          "Docker-Content-Digest": digestOf(found.bytes),
        },
        body: found.bytes,
      };
    }
    const blob = kind === "blobs" ? this.#blobs.get(name!) : undefined;
    if (blob === undefined) return failure(404, "BLOB_UNKNOWN");
    // As go-containerregistry's own registry, it knows no range without an end.
    const range = fields.get("range");
    const from = /^bytes=([0-9]+)-[0-9]+$/.exec(range ?? "")?.[1];
    if (range === undefined || method === "HEAD") return { status: 200, body: blob };
    if (from === undefined) return { status: 416 };
    return {
      status: 206,
      fields: { "Content-Range": `bytes ${from}-${blob.length - 1}/${blob.length}` },
      body: blob.subarray(Number(from)),
    };
  }
}

/** An answer as registries say what is wrong. */
export function failure(status: number, code: string, message = "no"): Reply {
  return { status, body: JSON.stringify({ errors: [{ code, message }] }) };
}

/** Says the head of an answer, some of its body, and hangs up. */
export function cutAfter(
  count: number,
  body: Uint8Array,
  options: { status?: number; fields?: Readonly<Record<string, string>> } = {},
): Reply {
  return async (conn) => {
    const { status = 200, fields } = options;
    await say(conn, headOf(status, { "Content-Length": String(body.length), ...fields }));
    await write(conn, body.subarray(0, count));
    conn.close();
  };
}

/** The head of an answer. */
export function headOf(status: number, fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join("")}\r\n`;
}

/** Writes all of it. */
export async function write(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Bytes that look like nothing, the same each time. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
