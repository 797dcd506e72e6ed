/** A registry that takes pushes, and makes trouble as it is told to. */

import { digestOf } from "../../../lib/image/digest.ts";
import { say, ScriptedServer } from "./scripted_server.ts";
import { headOf } from "./test_registry.ts";

/** What it has of its own in the place of an upload: signed, as it were, so that it has to come back as it was. */
const STATE = "?_state=a%2Bb%20c~(d)";

/** A registry that takes uploads, and how it takes each part of one. */
export class Taker implements AsyncDisposable {
  readonly #server: ScriptedServer;
  readonly blobs = new Map<string, Uint8Array>();
  readonly manifests = new Map<string, Uint8Array>();
  readonly log: string[] = [];
  readonly #uploads: number[][] = [];
  /** Decides what becomes of a PATCH. */
  onPatch: (count: number) => "take" | "cut" | "too large" | "busy" = () => "take";
  #patches = 0;
  /** The smallest part that it takes; the last one may be smaller. */
  leastPart = 0;
  /** How it refuses to take a blob over from another repository; by token, it gives none for that. */
  refusesMounts: number | "by token" | "by no token server" | undefined;
  /** Whether it hangs up when it has got everything, and knows nothing of the upload any more. */
  losesAnswers = false;
  /** Whether it loses what it has got, and answers so, at the end of an upload. */
  forgets = false;
  /** The most bytes that it takes as one part; all at once may be more. */
  mostPart = Infinity;
  /** Whether it says after each part how far the first one went. */
  stuck = false;
  /** Each PATCH: the length of a part, or all at once. */
  readonly parts: (number | "all")[] = [];
  readonly #firsts: string[] = [];
  /** The most bytes that it takes in one request. */
  mostBytes = Infinity;
  /** What it answers to the question how far an upload has got, where it does not tell. */
  tellsNothing: number | undefined;
  /** What it says to a manifest or index of a media type that it does not take. */
  refusal: (mediaType: string) => { status: number; body?: string } | undefined = () => undefined;
  /** Whether it keeps lists of what refers to something. */
  notesSubjects = false;
  /** The media types of what it took, by name. */
  readonly types = new Map<string, string>();

  constructor() {
    this.#server = new ScriptedServer((head, conn, body) => this.#answer(head, conn, body));
  }

  get host(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async #answer(
    head: string,
    conn: Deno.TcpConn,
    body: (length: number) => Promise<string>,
  ): Promise<void> {
    const [method = "", path = ""] = head.split(" ");
    const url = new URL(path, "http://x");
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? "0");
    this.log.push(`${method} ${url.pathname}`);
    const told = async (status: number, fields: Record<string, string> = {}) =>
      await say(conn, headOf(status, { "Content-Length": "0", ...fields }));
    const id = method === "POST" ? this.#uploads.length : Number(url.pathname.split("/").at(-1));
    const upload = this.#uploads[id] ??= [];
    const location = { Location: `/v2/image/blobs/uploads/${id}${STATE}` };
    const range = () => ({ Range: `0-${upload.length - 1}` });
    const bytes = async (count: number) =>
      Array.from(await body(count), (character) => character.charCodeAt(0));
    if (url.pathname === "/v2/" && typeof this.refusesMounts === "string") {
      return await told(401, { "WWW-Authenticate": `Bearer realm="http://${this.host}/token"` });
    }
    if (url.pathname === "/v2/") return await told(200);
    if (url.pathname === "/token") {
      if (url.searchParams.getAll("scope").includes("repository:other:pull")) {
        return await told(this.refusesMounts === "by token" ? 403 : 404);
      }
      const answer = '{"token":"t"}';
      return await say(conn, headOf(200, { "Content-Length": String(answer.length) }) + answer);
    }
    if (typeof this.refusesMounts === "number" && url.searchParams.has("mount")) {
      return await told(this.refusesMounts, { "WWW-Authenticate": "Basic" });
    }
    if (method === "HEAD") {
      return await told(this.blobs.has(url.pathname.split("/").at(-1)!) ? 200 : 404);
    }
    if (url.pathname.includes("/manifests/")) {
      const content = Uint8Array.from(await bytes(length));
      const mediaType = /^content-type: (\S+)/im.exec(head)?.[1] ?? "";
      const refusal = this.refusal(mediaType);
      if (refusal !== undefined) {
        const { body: text = "" } = refusal;
        await say(conn, headOf(refusal.status, { "Content-Length": String(text.length) }) + text);
        return;
      }
      const name = url.pathname.split("/").at(-1)!;
      this.manifests.set(name, content);
      this.types.set(name, mediaType);
      const { subject } = JSON.parse(new TextDecoder().decode(content));
      const noted = this.notesSubjects && subject !== undefined;
      return await told(201, noted ? { "OCI-Subject": subject.digest } : {});
    }
    if (method === "POST") {
      return await told(202, { ...location, "OCI-Chunk-Min-Length": String(this.leastPart) });
    }
    if (length > this.mostBytes) {
      await told(413, { Connection: "close" });
      return conn.close();
    }
    if (method === "GET" && this.losesAnswers) return await told(404);
    if (method === "GET" && this.tellsNothing !== undefined) return await told(this.tellsNothing);
    if (!url.search.startsWith(STATE)) return await told(404);
    switch (method) {
      case "PATCH": {
        const what = this.onPatch(this.#patches++);
        if (what === "too large") {
          await told(413, { Connection: "close" });
          return conn.close();
        }
        if (what === "busy") {
          await bytes(length);
          return await told(503);
        }
        if (what === "cut") {
          for (const byte of await bytes(Math.floor(length / 2))) upload.push(byte);
          return conn.close();
        }
        const part = /^content-range: (\d+)-\d+/im.exec(head);
        this.parts.push(part === null ? "all" : length);
        const content = await bytes(length);
        const isTooLarge = part !== null && length > this.mostPart;
        if (Number(part?.[1] ?? 0) !== upload.length || isTooLarge) {
          return await told(416, { ...location, ...range() });
        }
        for (const byte of content) upload.push(byte);
        this.#firsts[id] ??= range().Range;
        return await told(202, {
          ...location,
          Range: this.stuck ? this.#firsts[id]! : range().Range,
        });
      }
      case "GET":
        return await told(204, { ...location, ...range() });
      case "PUT": {
        if (this.forgets && length === 0) {
          upload.length = 0;
          return await told(503);
        }
        for (const byte of await bytes(length)) upload.push(byte);
        const content = Uint8Array.from(upload);
        const digest = digestOf(content);
        if (digest !== url.searchParams.get("digest")) return await told(400);
        this.blobs.set(digest, content);
        if (this.losesAnswers) return conn.close();
        return await told(201);
      }
      default:
        return await told(202);
    }
  }
}
