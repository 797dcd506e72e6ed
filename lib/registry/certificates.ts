import { ContainerError } from "../errors.ts";
import { findSafeFolder } from "../folder.ts";
import { quote } from "../quote.ts";
import { readSafeFile } from "../safe_file.ts";
import type { Trust } from "./http/trust.ts";

/** Where docker and podman look, in this order (docker's "Verify repository client with certificates"). */
const FOLDERS = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/**
 * What the machine's owner has laid down for a registry in `/etc/docker/certs.d/HOST[:PORT]/` or
 * podman's folder of that kind: `*.crt` are authorities, `NAME.cert` and `NAME.key` what this side
 * shows.
 *
 * @throws {ContainerError} NotAllowed when others could have put it there
 */
export function certificatesFor(host: string): Omit<Trust, "verify"> {
  if (!/^[a-z0-9.:[\]-]+$/i.test(host)) return { authorities: [] };
  const folder = FOLDERS.map((folder) => findSafeFolder(`${folder}/${host}`)).find((found) =>
    found !== undefined
  );
  if (folder === undefined) return { authorities: [] };
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const certs = names.filter((name) => name.endsWith(".cert"));
  const authorities = names.filter((name) => name.endsWith(".crt"))
    .map((name) => textOf(`${folder}/${name}`));
  const [cert] = certs;
  if (cert === undefined) return { authorities };
  const key = `${cert.slice(0, -".cert".length)}.key`;
  if (!names.includes(key)) {
    throw new ContainerError(
      `use the certificate ${quote(`${folder}/${cert}`)}: its key is missing`,
      {
        code: "NotFound",
        hint: `Put it there as ${key}`,
      },
    );
  }
  return {
    authorities,
    identity: { cert: textOf(`${folder}/${cert}`), key: textOf(`${folder}/${key}`) },
  };
}

function textOf(path: string): string {
  const file = readSafeFile(path);
  if (file === undefined) {
    throw new ContainerError(`read ${quote(path)}: it is gone`, { code: "NotFound" });
  }
  return new TextDecoder().decode(file.bytes);
}
