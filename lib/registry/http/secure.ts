import { isIP } from "node:net";
import { ContainerError } from "../../errors.ts";
import { type Connection, DenoConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import { ExchangeFault } from "./fault.ts";
import { handshakeFault } from "./handshake.ts";
import type { Trust } from "./trust.ts";
import { UnverifiedConnection } from "./unverified.ts";

/** Where distributions keep the certificates of those whom the system trusts. */
const SYSTEM_AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * Variables that would have the TLS library trust others, or write down its keys. Whoever calls this
 * program with them set decides neither.
 */
const VARIABLES = [
  "DENO_CERT",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_DIR",
  "NODE_TLS_REJECT_UNAUTHORIZED",
];

let prepared = false;

/**
 * Settles whom the TLS library trusts, before it looks for the first time: the system's authorities,
 * or where the system has none, those of Mozilla that Deno brings.
 *
 * @throws {ContainerError} NotAllowed when keys would be written to a file
 */
function prepareTls(): void {
  if (prepared) return;
  // The library has opened that file already, so taking the variable away would not help.
  if (Deno.env.get("SSLKEYLOGFILE")) {
    throw new ContainerError(
      "use TLS: SSLKEYLOGFILE is set, and would have the keys written down",
      {
        code: "NotAllowed",
        hint: "Run unset SSLKEYLOGFILE first",
      },
    );
  }
  for (const name of VARIABLES) Deno.env.delete(name);
  const file = SYSTEM_AUTHORITIES.find(isFile);
  if (file === undefined) {
    Deno.env.delete("SSL_CERT_FILE");
    Deno.env.set("DENO_TLS_CA_STORE", "mozilla");
  } else {
    Deno.env.set("SSL_CERT_FILE", file);
    Deno.env.set("DENO_TLS_CA_STORE", "system");
  }
  prepared = true;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Connects with TLS, the certificate verified.
 *
 * @param tcp gives the connection below
 * @param deadline in milliseconds
 * @throws {ExchangeFault}
 */
export async function secure(
  url: URL,
  trust: Trust,
  tcp: () => Promise<Deno.TcpConn>,
  deadline: number,
): Promise<Connection> {
  prepareTls();
  const port = Number(url.port || "443");
  const hostname = bareHost(url);
  const caCerts = [...trust.authorities];
  const alpnProtocols = ["http/1.1"];
  let conn: Deno.TlsConn;
  if (trust.identity === undefined) {
    conn = await Deno.startTls(await tcp(), { hostname, caCerts, alpnProtocols });
  } else {
    // Only this way does Deno show a certificate. It says what is wrong with the address, too.
    (await dial(url.hostname, port, deadline)).close();
    conn = await Deno.connectTls({ hostname, port, caCerts, alpnProtocols, ...trust.identity });
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    conn.close();
  }, deadline);
  try {
    await conn.handshake();
  } catch (error) {
    try {
      conn.close();
    } catch {
      // It is closed already.
    }
    throw isLate ? silent(url, deadline) : handshakeFault(url, error);
  } finally {
    clearTimeout(timer);
  }
  return new DenoConnection(conn);
}

/**
 * Connects with TLS, whatever certificate the server has.
 *
 * @param deadline in milliseconds
 * @throws {ExchangeFault}
 */
export async function secureUnverified(
  url: URL,
  trust: Trust,
  deadline: number,
): Promise<Connection> {
  prepareTls();
  const hostname = bareHost(url);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(silent(url, deadline)), deadline);
  try {
    return await UnverifiedConnection.open({
      hostname,
      port: Number(url.port || "443"),
      ...isIP(hostname) === 0 && { servername: hostname },
      ...trust.identity,
    }, late.signal);
  } catch (error) {
    throw handshakeFault(url, error);
  } finally {
    clearTimeout(timer);
  }
}

function silent({ host }: URL, deadline: number): ExchangeFault {
  return new ExchangeFault(
    "broken",
    `connect to ${host} with TLS: no answer for ${Math.round(deadline / 1000)} s`,
  );
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}
