/** Row E14: somebody between here and the registry. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { hasProgram } from "../integration/layer_lab.ts";
import { TrialFolder } from "../integration/image_lab.ts";
import { makeAuthority, makeCertificate } from "../integration/registry/certificates.ts";
import { withEtc } from "../integration/registry/etc.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { testWith } from "../engines/support/skip.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const NEEDS = { openssl: hasProgram("openssl"), unshare: hasProgram("unshare") };

/** A server with TLS that writes down what it hears. */
function listen(certificate: { cert: string; key: string }) {
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: Deno.readTextFileSync(certificate.cert),
    key: Deno.readTextFileSync(certificate.key),
  });
  const heard: string[] = [];
  const serving = (async () => {
    while (true) {
      let conn: Deno.TlsConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        continue;
      }
      try {
        const buffer = new Uint8Array(4096);
        const count = await conn.read(buffer) ?? 0;
        heard.push(new TextDecoder().decode(buffer.subarray(0, count)));
        await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
      } catch {
        // It was not believed.
      }
      try {
        conn.close();
      } catch {
        // It is closed already.
      }
    }
  })();
  return {
    heard,
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

testWith(
  NEEDS,
  "no variable makes a certificate good, or writes down what TLS keeps secret",
  async () => {
    await attack(workspace, async () => {
      using trial = new TrialFolder();
      const { cert: ca } = makeAuthority(trial.path);
      await using server = listen(makeCertificate(trial.path, "server"));
      const certs = trial.folder("certs");
      Deno.copyFileSync(ca, `${certs}/ca.pem`);
      const keys = `${trial.path}/keys`;
      const name = `localhost:${server.port}/image:1`;
      const pull = (env: Record<string, string>, ...options: string[]) =>
        workspace.run(["pull", "-creds", "me:secret", ...options, name], { env });
      const variables: Record<string, string>[] = [
        { DENO_CERT: ca },
        { SSL_CERT_FILE: ca },
        { SSL_CERT_FILE: ca, DENO_TLS_CA_STORE: "system" },
        { SSL_CERT_DIR: certs, DENO_TLS_CA_STORE: "system" },
        { NODE_EXTRA_CA_CERTS: ca },
        { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
        { DENO_TLS_CA_STORE: "mozilla,system", SSL_CERT_FILE: ca },
        { NODE_OPTIONS: "--use-openssl-ca", SSL_CERT_FILE: ca },
        { GIT_SSL_NO_VERIFY: "1", CURL_CA_BUNDLE: ca, REQUESTS_CA_BUNDLE: ca },
      ];
      for (const env of [...variables, Object.assign({}, ...variables)]) {
        const { code, stderr } = await pull(env);
        assertEquals(code, 125, JSON.stringify(env));
        assertMatch(stderr, /signed by an authority that is not known here/, JSON.stringify(env));
      }
      assertEquals(server.heard, []);
      for (const options of [[], ["-tls-verify=false"]]) {
        const { code, stderr } = await pull({ SSLKEYLOGFILE: keys }, ...options);
        assertEquals(code, 125);
        assertMatch(
          stderr,
          /SSLKEYLOGFILE is set, and would have the keys written down\nRun unset/,
        );
        const written = (() => {
          try {
            return Deno.readTextFileSync(keys);
          } catch {
            return "";
          }
        })();
        assertEquals(written, "");
      }
      assertEquals(server.heard, []);
    });
  },
);

testWith(NEEDS, "any certificate is good only where that was asked for, for that run", async () => {
  await attack(workspace, async () => {
    using trial = new TrialFolder();
    makeAuthority(trial.path);
    await using server = listen(makeCertificate(trial.path, "server", { names: "DNS:elsewhere" }));
    const name = `localhost:${server.port}/image:1`;
    assertEquals((await workspace.run(["pull", name])).code, 125);
    assertEquals(server.heard, []);
    await workspace.run(["pull", "-tls-verify=false", name]);
    assert(server.heard.length > 0);
    const count = server.heard.length;
    assertEquals((await workspace.run(["pull", "-tls-verify=true", name])).code, 125);
    assertEquals(server.heard.length, count);
  });
});

testWith(NEEDS, "what decides whom to trust is not read from where others can write", async () => {
  await attack(workspace, async () => {
    using trial = new TrialFolder();
    const { cert } = makeAuthority(trial.path);
    await using server = listen(makeCertificate(trial.path, "server"));
    const host = `localhost:${server.port}`;
    const ca = Deno.readTextFileSync(cert);
    const pull = async (files: Record<string, string>, change: string) => {
      const [program, ...words] = withEtc(trial.path, files);
      // Before the program starts, somebody changes what only root should.
      const at = words.indexOf("-c") + 1;
      words[at] = words[at]!.replace("&& exec", `&& ${change} && exec`);
      return await workspace.run(["pull", `${host}/image:1`], { through: [program!, ...words] });
    };
    const folder = `/etc/docker/certs.d/${host}`;
    const known = { [`docker/certs.d/${host}/ca.crt`]: ca };
    const insecure = { "docker/daemon.json": JSON.stringify({ "insecure-registries": [host] }) };
    for (
      const [files, change] of [
        [known, `chmod 666 '${folder}/ca.crt'`],
        [known, `chown 12345 '${folder}/ca.crt'`],
        [known, `chmod 777 '${folder}'`],
        [known, "chown 12345 /etc/docker/certs.d"],
        [insecure, "chmod 666 /etc/docker/daemon.json"],
        [insecure, "chown 12345 /etc/docker/daemon.json"],
        [insecure, "chmod 777 /etc/docker"],
      ] as const
    ) {
      const { code, stderr } = await pull(files, change);
      assertEquals(code, 125, change);
      assertMatch(stderr, /others can write|belongs to user 12345/, change);
    }
    assertEquals(server.heard, []);
    // As root has left them, they count.
    await pull(known, "true");
    assert(server.heard.length > 0);
  });
});
