/** An authority of the tests' own and certificates that it has signed, made by openssl. */

import { sh } from "../image_lab.ts";

/** Files of certificate and key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes an authority in a folder: `ca.crt` and `ca.key`.
 */
export function makeAuthority(folder: string): Certificate {
  sh(
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
       -keyout ca.key -out ca.crt -subj "/CN=authority of the tests" 2>/dev/null`,
    folder,
  );
  return { cert: `${folder}/ca.crt`, key: `${folder}/ca.key` };
}

/**
 * Makes a certificate that is signed with its own key: of an authority, as openssl has it unless told, or of a server.
 */
export function makeSelfSigned(
  folder: string,
  name: string,
  kind: "authority" | "server",
): Certificate {
  const constraint = kind === "server" ? "-addext basicConstraints=critical,CA:FALSE" : "";
  sh(
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 ${constraint} \
       -addext subjectAltName=DNS:localhost -keyout ${name}.key -out ${name}.crt \
       -subj "/CN=${name}" 2>/dev/null`,
    folder,
  );
  return { cert: `${folder}/${name}.crt`, key: `${folder}/${name}.key` };
}

/**
 * Has the authority of a folder sign a certificate.
 *
 * @param options.names as openssl takes them: `DNS:localhost,IP:127.0.0.1`
 * @param options.days how long it holds; below zero it has expired
 */
export function makeCertificate(
  folder: string,
  name: string,
  options: { names?: string; days?: number } = {},
): Certificate {
  const { names = "DNS:localhost,IP:127.0.0.1", days = 30 } = options;
  sh(
    `openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key \
       -out ${name}.csr -subj "/CN=${name}" 2>/dev/null
     printf 'subjectAltName=${names}\\nbasicConstraints=CA:FALSE\\n' > ${name}.ext
     openssl x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
       -days ${Math.max(1, days)} -extfile ${name}.ext -out ${name}.crt 2>/dev/null`,
    folder,
  );
  if (days <= 0) {
    // openssl 3.0 cannot sign into the past; its older tool can.
    sh(
      `mkdir -p ca-past/new; : > ca-past/index; echo 01 > ca-past/serial
       printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=ca-past/index\\nserial=ca-past/serial\\n' > ca-past/conf
       printf 'new_certs_dir=ca-past/new\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' >> ca-past/conf
       openssl ca -batch -config ca-past/conf -cert ca.crt -keyfile ca.key -in ${name}.csr \
         -startdate 20200101000000Z -enddate 20200201000000Z -extfile ${name}.ext -notext \
         -out ${name}.crt 2>/dev/null`,
      folder,
    );
  }
  return { cert: `${folder}/${name}.crt`, key: `${folder}/${name}.key` };
}
