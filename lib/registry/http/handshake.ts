import { reasonOf } from "../../errors.ts";
import { quote } from "../../quote.ts";
import { ExchangeFault } from "./fault.ts";
import { brokenBy } from "./patience.ts";

/** What an error means by which TLS with a server did not come about: in the words of rustls, or the system's. */
export function handshakeFault(url: URL, cause: unknown): ExchangeFault {
  if (cause instanceof ExchangeFault) return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  const where = `connect to ${url.host} with TLS`;
  const certificate = /^invalid peer certificate: (.*)$/s.exec(said);
  if (certificate !== null) {
    const { reason, hint } = certificateFault(certificate[1]!) ?? { reason: certificate[0] };
    return new ExchangeFault("untrusted", `${where}: ${reason}`, { cause, hint });
  }
  const byServer = brokenBy(cause);
  if (byServer.kind === "not-believed") {
    return new ExchangeFault(byServer.kind, `${where}: ${byServer.message}`, { cause });
  }
  if (/InvalidContentType|handshake eof|unexpected end of file|Connection reset/i.test(said)) {
    return new ExchangeFault("not-tls", `${where}: it does not speak TLS`, { cause });
  }
  const [, old] = OLD.find(([pattern]) => pattern.test(said)) ?? [];
  if (old !== undefined) return new ExchangeFault("malformed", `${where}: ${old}`, { cause });
  return new ExchangeFault("broken", `${where}: ${reasonOf(cause)}`, { cause });
}

/** What servers answer that know only what is not safe any more. */
const OLD: readonly (readonly [RegExp, string])[] = [
  [/fatal alert: ProtocolVersion/, "it speaks no TLS of version 1.2 or later"],
  [/fatal alert: HandshakeFailure/, "it has no cipher in common with this side"],
];

/** What is wrong with a certificate; the hint where it is not an authority that is missing. */
interface CertificateFault {
  readonly reason: string;
  readonly hint?: string;
}

const CERTIFICATE_FAULTS: readonly (readonly [RegExp, CertificateFault])[] = [
  [/UnknownIssuer/, { reason: "its certificate is signed by an authority that is not known here" }],
  [/Expired/i, {
    reason: "its certificate has expired",
    hint: "Have it renewed, if this machine's clock is right, or give -tls-verify=false",
  }],
  [/NotValidYet/i, {
    reason: "its certificate is not valid yet",
    hint: "Look at this machine's clock, or give -tls-verify=false",
  }],
  [/Revoked/, { reason: "its certificate was revoked" }],
  // What openssl signs with its own key is an authority's unless it is told otherwise.
  [/CaUsedAsEndEntity/, {
    reason: "its certificate is an authority's, not a server's",
    hint:
      "Make it anew as a server's: openssl req -x509 -addext basicConstraints=critical,CA:FALSE …, " +
      "or give -tls-verify=false",
  }],
];

function certificateFault(said: string): CertificateFault | undefined {
  if (!/NotValidForName|not valid for name/i.test(said)) {
    return CERTIFICATE_FAULTS.find(([pattern]) => pattern.test(said))?.[1];
  }
  const names = [...said.matchAll(/(?:DnsName|IpAddress)\("?([^")]*)"?\)/g)]
    .map(([, name]) => quote(name!));
  if (names.length === 0) {
    return {
      reason: "its certificate names no host: a common name alone does not count any more",
      hint: "Make it anew with a name: openssl req -addext subjectAltName=DNS:HOST …, " +
        "or give -tls-verify=false",
    };
  }
  const more = names.length > MOST_NAMES ? [`${names.length - MOST_NAMES} more`] : [];
  return {
    reason: `its certificate is for ${[...names.slice(0, MOST_NAMES), ...more].join(", ")}`,
    hint: "Use a name that it is for, or give -tls-verify=false",
  };
}

/** So many names of a certificate are told. */
const MOST_NAMES = 4;
