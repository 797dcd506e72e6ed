import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { ContainerError } from "../errors.ts";
import { findSafeFolder } from "../folder.ts";
import { quote } from "../quote.ts";
import { readSafeFile } from "../safe_file.ts";
import type { Identity, Trust } from "./http/trust.ts";

/** Where docker and podman look, in this order (docker's "Verify repository client with certificates"). */
const FOLDERS = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/**
 * What the machine's owner has laid down for a server with TLS in `/etc/docker/certs.d/HOST[:PORT]/` or
 * podman's folder of that kind: `*.crt` are authorities, `NAME.cert` and `NAME.key` what this side
 * shows.
 *
 * @throws {ContainerError} NotAllowed when others could have put it there; InvalidArgument for what is no
 *   certificate, or has not its own key
 */
export function certificatesFor({ host, port }: URL): Omit<Trust, "verify"> {
  if (!/^[a-z0-9.:[\]-]+$/i.test(host)) return { authorities: [] };
  // A reference may name the port of TLS, which URLs leave out.
  const names = port === "" ? [host, `${host}:443`] : [host];
  const folder = names.flatMap((name) => FOLDERS.map((folder) => `${folder}/${name}`))
    .map((path) => findSafeFolder(path)).find((found) => found !== undefined);
  if (folder === undefined) return { authorities: [] };
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const certs = files.filter((name) => name.endsWith(".cert"));
  const authorities = files.filter((name) => name.endsWith(".crt"))
    .map((name) => certificatesIn(`${folder}/${name}`));
  const [cert] = certs;
  if (cert === undefined) return { authorities };
  const key = `${cert.slice(0, -".cert".length)}.key`;
  if (!files.includes(key)) {
    throw unusable(`${folder}/${cert}`, "its key is missing", `Put it there as ${key}`);
  }
  return { authorities, identity: readIdentity(folder, cert, key) };
}

/**
 * Reads what this side shows. The TLS library ends the program over what does not go together, and over what it
 * cannot read says only that.
 */
function readIdentity(folder: string, name: string, keyName: string): Identity {
  const path = `${folder}/${name}`;
  const cert = certificatesIn(path);
  const key = textOf(`${folder}/${keyName}`);
  if (!/^-----BEGIN (?!ENCRYPTED)[A-Z ]*PRIVATE KEY-----/m.test(key) || /^Proc-Type:/m.test(key)) {
    throw unusable(`${folder}/${keyName}`, "it is no private key, or one with a password", PEM);
  }
  const der = derOf(cert);
  if (der === undefined) throw unusable(path, "it cannot be read", PEM);
  if (!isVersion3(der)) {
    throw unusable(path, "it is of version 1", "Have it signed anew as one of version 3");
  }
  if (!isKeyOf(der, key)) throw unusable(path, `${keyName} is the key of another one`);
  return { cert, key };
}

/** The first certificate of a text, in DER. */
function derOf(pem: string): Uint8Array | undefined {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(pem)?.[1];
  try {
    return base64 === undefined ? undefined : Uint8Array.fromBase64(base64);
  } catch {
    return undefined;
  }
}

/** Whether a certificate is for the public key that a private one has. */
function isKeyOf(der: Uint8Array, key: string): boolean {
  let publicKey: Uint8Array;
  try {
    publicKey = createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
  } catch {
    // The TLS library knows more kinds of keys.
    return true;
  }
  return Buffer.from(der).includes(Buffer.from(publicKey));
}

/** Whether a certificate names its version, as those of the first do not (RFC 5280, 4.1): DER, a SEQUENCE in one. */
function isVersion3(der: Uint8Array): boolean {
  const headAt = (at: number) => 2 + (der[at + 1]! & 0x80 ? der[at + 1]! & 0x7f : 0);
  const inner = headAt(0);
  return der[inner + headAt(inner)] === 0xa0;
}

/** The text of a file of certificates. */
function certificatesIn(path: string): string {
  const text = textOf(path);
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw unusable(path, "there is none in it", PEM);
}

const PEM = "It has to be in the form PEM, which begins with -----BEGIN";

function unusable(path: string, reason: string, hint?: string): ContainerError {
  return new ContainerError(`use the certificate ${quote(path)}: ${reason}`, {
    code: "InvalidArgument",
    hint,
  });
}

function textOf(path: string): string {
  const file = readSafeFile(path);
  if (file === undefined) {
    throw new ContainerError(`read ${quote(path)}: it is gone`, { code: "NotFound" });
  }
  return new TextDecoder().decode(file.bytes);
}
