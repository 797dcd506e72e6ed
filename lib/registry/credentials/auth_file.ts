import { ContainerError, reasonOf } from "../../errors.ts";
import { parseJSON, stringifyJSON } from "../../json.ts";
import { quote } from "../../quote.ts";
import { readSafeFile } from "../../safe_file.ts";
import { randomUUID } from "../../uuid.ts";
import { type Credentials, credentialsFrom } from "./credentials.ts";
import { CredentialHelper, keyOf } from "./helper.ts";

type Members = Record<string, unknown>;

/**
 * A file of credentials, as docker and podman write it (docker-login(1), containers-auth.json(5)).
 * What else is in it stays as it is.
 */
export class AuthFile {
  readonly path: string;
  readonly #members: Members;
  readonly #isPrivate: boolean;

  private constructor(path: string, members: Members, isPrivate: boolean) {
    this.path = path;
    this.#members = members;
    this.#isPrivate = isPrivate;
  }

  /**
   * Reads one; where there is none it is empty.
   *
   * @throws {ContainerError} NotAllowed when others could have written it; InvalidArgument when it is
   *   not JSON
   */
  static read(path: string): AuthFile {
    const file = readSafeFile(path);
    // An empty file is what `touch` makes, and podman takes.
    if (file === undefined || file.bytes.length === 0) return new AuthFile(path, {}, true);
    const what = `read the credentials in ${quote(path)}`;
    const value = parseJSON(file.bytes, { what, code: "InvalidArgument" });
    if (!isObject(value)) {
      throw new ContainerError(`${what}: expected an object`, { code: "InvalidArgument" });
    }
    return new AuthFile(path, value, file.isPrivate);
  }

  /**
   * The credentials for a registry, or, where the file distinguishes, for a repository of it.
   *
   * @throws {ContainerError} NotAllowed when others can read them
   */
  async find(registry: string, repository?: string): Promise<Credentials | undefined> {
    const helper = this.#helperFor(registry);
    if (helper !== undefined) {
      const found = await helper.get(registry);
      if (found !== undefined) return found;
    }
    const entry = this.#entryFor(registry, repository);
    const found = entry === undefined ? undefined : credentialsOf(entry, this.path);
    if (found === undefined || this.#isPrivate) return found;
    throw new ContainerError(`use the credentials in ${quote(this.path)}: others can read it`, {
      code: "NotAllowed",
      hint: `Run chmod 600 ${this.path}`,
    });
  }

  /** Whether there is an entry for a registry as a whole. */
  knows(registry: string): boolean {
    const auths = this.#auths();
    return keysOf(registry).some((key) => Object.hasOwn(auths, key));
  }

  /** Keeps credentials, in the file or by the helper that it names. */
  async store(registry: string, credentials: Credentials): Promise<"file" | "helper"> {
    const helper = this.#helperFor(registry);
    const auths = this.#auths();
    for (const key of keysOf(registry)) delete auths[key];
    if (helper !== undefined) {
      await helper.store(registry, credentials);
      auths[keyOf(registry)] = {};
    } else auths[keyOf(registry)] = entryOf(credentials);
    this.#members.auths = auths;
    this.#write();
    return helper === undefined ? "file" : "helper";
  }

  /** Forgets the credentials for a registry. Whether there were any. */
  async erase(registry: string): Promise<boolean> {
    const helper = this.#helperFor(registry);
    const auths = this.#auths();
    const keys = keysOf(registry).filter((key) => Object.hasOwn(auths, key));
    const had = keys.length > 0 || await helper?.get(registry) !== undefined;
    await helper?.erase(registry);
    if (keys.length === 0) return had;
    for (const key of keys) delete auths[key];
    this.#members.auths = auths;
    this.#write();
    return had;
  }

  #auths(): Members {
    return isObject(this.#members.auths) ? { ...this.#members.auths } : {};
  }

  #helperFor(registry: string): CredentialHelper | undefined {
    const { credHelpers, credsStore } = this.#members;
    const own = isObject(credHelpers)
      ? keysOf(registry).filter((key) => Object.hasOwn(credHelpers, key))
        .map((key) => credHelpers[key])[0]
      : undefined;
    const name = own ?? credsStore;
    return typeof name === "string" && name !== "" ? new CredentialHelper(name) : undefined;
  }

  /** That of the longest beginning of the repository's name, or else of the registry. */
  #entryFor(registry: string, repository: string | undefined): unknown {
    const auths = this.#auths();
    const parts = repository?.split("/") ?? [];
    for (let length = parts.length; length > 0; length--) {
      const key = `${registry}/${parts.slice(0, length).join("/")}`;
      if (Object.hasOwn(auths, key)) return auths[key];
    }
    return keysOf(registry).filter((key) => Object.hasOwn(auths, key)).map((key) => auths[key])[0];
  }

  #write(): void {
    try {
      this.#replace();
    } catch (error) {
      throw new ContainerError(`write ${quote(this.path)}: ${reasonOf(error)}`, {
        hint: "Name another file for credentials in the variable REGISTRY_AUTH_FILE",
        cause: error,
      });
    }
  }

  /** Under another name first, so that nobody finds half of it; root's alone from the first byte. */
  #replace(): void {
    const folder = this.path.slice(0, this.path.lastIndexOf("/")) || "/";
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const real = realPath(this.path);
    const fresh = `${real}.${randomUUID()}`;
    try {
      using file = Deno.openSync(fresh, { write: true, createNew: true, mode: 0o600 });
      const bytes = new TextEncoder().encode(`${stringifyJSON(this.#members, 2)}\n`);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
      Deno.renameSync(fresh, real);
    } catch (error) {
      try {
        Deno.removeSync(fresh);
      } catch {
        // It was never made.
      }
      throw error;
    }
  }
}

/** The keys by which a registry may stand in a file. */
function keysOf(registry: string): string[] {
  const hosts = registry === "docker.io"
    ? ["docker.io", "index.docker.io", "registry-1.docker.io"]
    : [registry];
  const key = keyOf(registry);
  const forms = hosts.flatMap((host) => [
    host,
    ...["https", "http"].flatMap((scheme) =>
      ["", "/", "/v1", "/v1/", "/v2", "/v2/"].map((path) => `${scheme}://${host}${path}`)
    ),
  ]);
  return [key, ...forms.filter((form) => form !== key)];
}

function credentialsOf(entry: unknown, path: string): Credentials | undefined {
  if (!isObject(entry)) return undefined;
  const { auth, identitytoken, username, password } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "") {
    return { identityToken: identitytoken };
  }
  if (typeof username === "string" && typeof password === "string" && username !== "") {
    return credentialsFrom(username, password);
  }
  if (typeof auth !== "string" || auth === "") return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(auth));
  } catch (cause) {
    throw new ContainerError(
      `read the credentials in ${quote(path)}: a member "auth" is not base64`,
      {
        code: "InvalidArgument",
        cause,
      },
    );
  }
  const colon = text.indexOf(":");
  // Docker once padded the text with NULs.
  return colon < 1
    ? undefined
    : credentialsFrom(text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, ""));
}

function entryOf(credentials: Credentials): Members {
  if ("identityToken" in credentials) return { identitytoken: credentials.identityToken };
  const text = `${credentials.username}:${credentials.password}`;
  return { auth: new TextEncoder().encode(text).toBase64() };
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The file that a path leads to, which may be by a symbolic link; the path where there is none. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}
