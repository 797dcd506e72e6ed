/** TLS: whose certificates count, and what happens where there are none. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { sh, TrialFolder } from "./image_lab.ts";
import { hasProgram } from "./layer_lab.ts";
import { makeAuthority, makeCertificate, makeSelfSigned } from "./registry/certificates.ts";
import { DockerRegistry } from "./registry/docker_registry.ts";
import { withEtc } from "./registry/etc.ts";
import { layerOf } from "./registry/pulling.ts";
import { TestRegistry } from "./registry/test_registry.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const NEEDS = {
  "docker-registry": hasProgram("docker-registry"),
  openssl: hasProgram("openssl"),
  unshare: hasProgram("unshare"),
};

/** Puts an image into a registry, whatever its certificate is; gives its name. */
async function push(trial: TrialFolder, host: string): Promise<string> {
  await using origin = new TestRegistry();
  origin.addImage("1", [layerOf("a", 200_000)]);
  const images = ["-i", `${trial.path}/origin`];
  const from = `${origin.host}/image:1`;
  assertEquals((await workspace.run(["pull", ...images, from])).code, 0);
  const to = `${host}/image:1`;
  const pushed = await workspace.run(["push", ...images, "-tls-verify=false", from, to]);
  assertEquals(pushed.code, 0, pushed.stderr);
  return to;
}

testWith(
  NEEDS,
  "an authority that is not known, one in docker's folder, and none that is asked for",
  async () => {
    using trial = new TrialFolder();
    makeAuthority(trial.path);
    await using registry = await DockerRegistry.start({
      tls: makeCertificate(trial.path, "server"),
    });
    const { host } = registry;
    const name = await push(trial, host);
    const pull = (options: string[] = [], through?: string[]) =>
      workspace.run(["pull", "-i", `${trial.path}/${crypto.randomUUID()}`, ...options, name], {
        through,
      });

    const unknown = await pull();
    assertEquals(unknown.code, 125);
    assertMatch(
      unknown.stderr,
      /connect to localhost:\d+ with TLS: its certificate is signed by an authority that is not known here\nPut its authority's certificate at \/etc\/docker\/certs.d\/localhost:\d+\/ca.crt, or give -tls-verify=false/,
    );
    const once = await pull(["-tls-verify=false"]);
    assertEquals(once.code, 0, once.stderr);
    // That was for once.
    assertEquals((await pull()).code, 125);

    const ca = Deno.readTextFileSync(`${trial.path}/ca.crt`);
    for (const folder of ["docker/certs.d", "containers/certs.d"]) {
      const known = await pull([], withEtc(trial.path, { [`${folder}/${host}/ca.crt`]: ca }));
      assertEquals(known.code, 0, known.stderr);
    }
    // It counts for that registry alone.
    const other = withEtc(trial.path, { [`docker/certs.d/localhost/ca.crt`]: ca });
    assertEquals((await pull([], other)).code, 125);
    // An authority of the whole machine.
    const bundle = Deno.readTextFileSync("/etc/ssl/certs/ca-certificates.crt");
    const system = withEtc(trial.path, { "ssl/certs/ca-certificates.crt": `${bundle}\n${ca}` });
    const trusted = await pull([], system);
    assertEquals(trusted.code, 0, trusted.stderr);
    const insecure = withEtc(trial.path, {
      "docker/daemon.json": JSON.stringify({
        "insecure-registries": [host, "10.0.0.0/8"],
        "debug": true,
      }),
    });
    const allowed = await pull([], insecure);
    assertEquals(allowed.code, 0, allowed.stderr);
    const pattern = withEtc(trial.path, {
      "docker/daemon.json": JSON.stringify({ "insecure-registries": ["*.lan"] }),
    });
    assertMatch(
      (await pull([], pattern)).stderr,
      /: \/etc\/docker\/daemon\.json: insecure-registries: "\*\.lan": it is no host with or without a port\n/,
    );
  },
);

for (
  const [what, options, message] of [
    [
      "for other names",
      { names: "DNS:example.com,IP:10.0.0.1" },
      /its certificate is for "example\.com", "10\.0\.0\.1"\nUse a name that it is for, or/,
    ],
    [
      "without a name but its common one",
      { names: "email:nobody" },
      /its certificate names no host: a common name .*\nMake it anew with a name: openssl /,
    ],
    ["that has expired", { days: -1 }, /its certificate has expired\nHave it renewed/],
  ] as const
) {
  testWith(NEEDS, `a certificate ${what}, of an authority that is known`, async () => {
    using trial = new TrialFolder();
    makeAuthority(trial.path);
    await using registry = await DockerRegistry.start({
      tls: makeCertificate(trial.path, "server", options),
    });
    const ca = Deno.readTextFileSync(`${trial.path}/ca.crt`);
    const through = withEtc(trial.path, { [`docker/certs.d/${registry.host}/ca.crt`]: ca });
    const { code, stderr } = await workspace.run(["pull", `${registry.host}/image:1`], { through });
    assertEquals(code, 125);
    assertMatch(stderr, message);
  });
}

testWith(NEEDS, "a certificate that is signed with its own key", async () => {
  using trial = new TrialFolder();
  const pullFrom = async (tls: { cert: string; key: string }, ...options: string[]) => {
    await using registry = await DockerRegistry.start({ tls });
    const ca = Deno.readTextFileSync(tls.cert);
    const through = withEtc(trial.path, { [`docker/certs.d/${registry.host}/ca.crt`]: ca });
    const name = await push(trial, registry.host);
    const images = ["-i", `${trial.path}/${crypto.randomUUID()}`];
    return await workspace.run(["pull", ...images, ...options, name], { through });
  };
  const good = await pullFrom(makeSelfSigned(trial.path, "one", "server"));
  assertEquals(good.code, 0, good.stderr);
  // The TLS library takes none of an authority for a server's, whoever trusts it.
  const authority = makeSelfSigned(trial.path, "two", "authority");
  const refused = await pullFrom(authority);
  assertEquals(refused.code, 125);
  assertMatch(
    refused.stderr,
    /: its certificate is an authority's, not a server's\nMake it anew as a server's: openssl .*CA:FALSE .*, or give -tls-verify=false\n/,
  );
  const unverified = await pullFrom(authority, "-tls-verify=false");
  assertEquals(unverified.code, 0, unverified.stderr);
});

testWith(NEEDS, "a server of TLS 1.1 is told as that", async () => {
  using trial = new TrialFolder();
  makeAuthority(trial.path);
  const { cert, key } = makeCertificate(trial.path, "server");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", cert, "-key", key, "-tls1_1"]
      .concat("-cipher", "ALL:@SECLEVEL=0", "-www"),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const pull = () => workspace.run(["pull", "-tls-verify=false", `localhost:${port}/image:1`]);
    let pulled = await pull();
    for (let i = 0; i < 20 && /nobody listens/.test(pulled.stderr); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      pulled = await pull();
    }
    assertEquals(pulled.code, 125);
    assertMatch(pulled.stderr, /with TLS: it speaks no TLS of version 1\.2 or later\n$/);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});

testWith(NEEDS, "a certificate of this side is shown to who asks for it", async () => {
  using trial = new TrialFolder();
  makeAuthority(trial.path);
  const server = makeCertificate(trial.path, "server");
  const client = makeCertificate(trial.path, "client");
  // Without extensions openssl makes one of version 1.
  const old = `${trial.path}/old.crt`;
  sh(
    `openssl x509 -req -in client.csr -CA ca.crt -CAkey ca.key -days 3 -out ${old} 2>&1`,
    trial.path,
  );
  const read = (path: string) => Deno.readTextFileSync(path);
  const port = 0;
  using listener = Deno.listen({ hostname: "127.0.0.1", port });
  const host = `localhost:${(listener.addr as Deno.NetAddr).port}`;
  listener.close();
  // openssl asks for one, and says whose it was.
  const child = new Deno.Command("openssl", {
    args: [
      ...["s_server", "-accept", host.replace("localhost", "127.0.0.1"), "-cert", server.cert],
      ...["-key", server.key, "-CAfile", `${trial.path}/ca.crt`, "-Verify", "1", "-www"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const files = {
      [`docker/certs.d/${host}/ca.crt`]: read(`${trial.path}/ca.crt`),
      [`docker/certs.d/${host}/client.cert`]: read(client.cert),
      [`docker/certs.d/${host}/client.key`]: read(client.key),
    };
    const pull = (some: Record<string, string>) =>
      workspace.run(["pull", `${host}/image:1`], { through: withEtc(trial.path, some) });
    let shown = await pull(files);
    for (let i = 0; i < 20 && /nobody listens/.test(shown.stderr); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      shown = await pull(files);
    }
    // It answers with a page, which is no manifest: but it has answered.
    assertMatch(
      shown.stderr,
      /: what answers is a page for people, not a registry\nLook at host and port, /,
    );
    const { [`docker/certs.d/${host}/client.cert`]: _, ...without } = files;
    const hidden = await pull(without);
    assertEquals(hidden.code, 125);
    assertMatch(
      hidden.stderr,
      /: the server wants to be shown a certificate\nPut one at .*\/client\.cert, and its key at client\.key\n/,
    );
    const { [`docker/certs.d/${host}/client.key`]: __, ...keyless } = files;
    assertMatch(
      (await pull(keyless)).stderr,
      /client\.cert": its key is missing\nPut it there as client\.key/,
    );
    const wrong: readonly (readonly [file: string, content: string, message: RegExp])[] = [
      ["client.cert", read(old), /client\.cert": it is of version 1\nHave it signed anew/],
      ["client.cert", read(server.cert), /client\.cert": client\.key is the key of another one\n/],
      ["client.cert", "junk", /client\.cert": there is none in it\nIt has to be in the form PEM/],
      ["client.key", "junk", /client\.key": it is no private key, or one with a password\n/],
      ["ca.crt", "junk", /ca\.crt": there is none in it\nIt has to be in the form PEM/],
    ];
    for (const [file, content, message] of wrong) {
      const refused = await pull({ ...files, [`docker/certs.d/${host}/${file}`]: content });
      assertEquals(refused.code, 125);
      assertMatch(refused.stderr, message);
    }
  } finally {
    child.kill("SIGKILL");
    await child.output();
  }
});

testWith(
  NEEDS,
  "without TLS: this machine itself, others only when that is asked for",
  async () => {
    using trial = new TrialFolder();
    await using registry = await DockerRegistry.start();
    const name = await push(trial, registry.host);
    const pull = (reference: string, ...options: string[]) =>
      workspace.run(["pull", "-i", `${trial.path}/${crypto.randomUUID()}`, ...options, reference], {
        // The other machine is this one by another name.
        through: withEtc(trial.path, {
          hosts: "127.0.0.1 localhost\n127.0.0.1 other.example\n",
          "nsswitch.conf": "hosts: files\n",
        }),
      });
    assertEquals((await pull(name)).code, 0);
    assertEquals((await pull(name.replace("localhost", "127.0.0.1"))).code, 0);
    const other = name.replace("localhost", "other.example");
    const refused = await pull(other);
    assertEquals(refused.code, 125);
    assertMatch(
      refused.stderr,
      /connect to other\.example:\d+ with TLS: it does not speak TLS\nGive -tls-verify=false if it may/,
    );
    assertEquals((await pull(other, "-tls-verify=false")).code, 0);
  },
);

testWith(
  NEEDS,
  "a proxy is used where the environment names one, with TLS to the registry",
  async () => {
    using trial = new TrialFolder();
    makeAuthority(trial.path);
    const tls = makeCertificate(trial.path, "server", {
      names: "DNS:registry.example,DNS:localhost",
    });
    await using registry = await DockerRegistry.start({ tls });
    await push(trial, registry.host);
    const asked: string[] = [];
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const serving = (async () => {
      for await (const conn of listener) void relay(conn, registry.port, asked);
    })().catch(() => {});
    const proxy = `http://user:pass@127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
    const refusing = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("", { status: 407, headers: { "Proxy-Authenticate": "Basic" } }),
    );
    const host = `registry.example:${registry.port}`;
    const ca = Deno.readTextFileSync(`${trial.path}/ca.crt`);
    const images = () => ["-i", `${trial.path}/${crypto.randomUUID()}`];
    // The name is known to the proxy alone.
    const hosts = { "nsswitch.conf": "hosts: files\n" };
    const pull = (env: Record<string, string>) =>
      workspace.run(["pull", ...images(), `${host}/image:1`], {
        env,
        through: withEtc(trial.path, { [`docker/certs.d/${host}/ca.crt`]: ca, ...hosts }),
      });
    for (const name of ["HTTPS_PROXY", "https_proxy"]) {
      const pulled = await pull({ [name]: proxy });
      assertEquals(pulled.code, 0, pulled.stderr);
    }
    assert(asked.every((head) => head.startsWith(`CONNECT ${host} HTTP/1.1\r\n`)));
    assert(
      asked.every((head) => head.includes(`Proxy-Authorization: Basic ${btoa("user:pass")}\r\n`)),
    );
    const count = asked.length;
    assert(count > 0);
    const without = await pull({ HTTPS_PROXY: proxy, NO_PROXY: "localhost,.example" });
    assertEquals(without.code, 125);
    assertMatch(without.stderr, /look up the host registry\.example/);
    assertEquals(asked.length, count);
    const unverified = await workspace.run(
      ["pull", ...images(), "-tls-verify=false", `${host}/image:1`],
      { env: { HTTPS_PROXY: proxy }, through: withEtc(trial.path, hosts) },
    );
    assertEquals(unverified.code, 125);
    assertMatch(
      unverified.stderr,
      /: by a proxy, certificates are verified and none is shown\nReach it without the proxy: NO_PROXY=registry\.example\n/,
    );
    const socks = await pull({ HTTPS_PROXY: "socks5://127.0.0.1:1" });
    assertMatch(socks.stderr, /use the proxy of HTTPS_PROXY: socks5 is not spoken here/);
    // The port of TLS is not in an URL; the folder is called as the reference has it.
    const usual = "registry.example:443";
    const named = await workspace.run(["pull", ...images(), `${usual}/image:1`], {
      env: { HTTPS_PROXY: proxy },
      through: withEtc(trial.path, { [`docker/certs.d/${usual}/ca.crt`]: ca, ...hosts }),
    });
    assertEquals(named.code, 0, named.stderr);
    const nobody = await pull({ HTTPS_PROXY: "http://127.0.0.1:1" });
    assertMatch(
      nobody.stderr,
      /reach registry\.example:\d+ by a proxy: connect to 127\.0\.0\.1, port 1: nobody listens there\nThe environment names /,
    );
    // One that wants a password, for a registry with TLS and a mirror without.
    const refusedBy = `http://127.0.0.1:${refusing.addr.port}`;
    const asWhom = async (reference: string) => {
      const daemon = JSON.stringify({ "registry-mirrors": ["http://mirror.example"] });
      const { code, stderr } = await workspace.run(["pull", ...images(), reference], {
        env: { HTTPS_PROXY: refusedBy, HTTP_PROXY: refusedBy },
        through: withEtc(trial.path, { "docker/daemon.json": daemon, ...hosts }),
      });
      assertEquals(code, 125);
      return stderr;
    };
    assertMatch(
      await asWhom(`${host}/image:1`),
      /by the proxy 127\.0\.0\.1:\d+: it wants to know who asks\nGive a user and password/,
    );
    assertMatch(
      await asWhom("image:1"),
      /the mirror mirror\.example is passed over: ask mirror\.example by the proxy 127\.0\.0\.1:\d+: it wants to know who asks\n/,
    );
    await refusing.shutdown();
    listener.close();
    await serving;
  },
);

async function relay(conn: Deno.TcpConn, port: number, asked: string[]): Promise<void> {
  try {
    const buffer = new Uint8Array(4096);
    let head = "";
    while (!head.includes("\r\n\r\n")) {
      head += new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
    }
    asked.push(head);
    const target = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await Promise.allSettled([
      conn.readable.pipeTo(target.writable),
      target.readable.pipeTo(conn.writable),
    ]);
  } catch {
    // One of the two hung up.
  }
}

testWith(
  NEEDS,
  "with -pull always the image in the binary does not do, and one of the images folder is told of",
  async () => {
    using trial = new TrialFolder();
    await using mirror = new TestRegistry();
    const through = withEtc(trial.path, {
      "docker/daemon.json": JSON.stringify({ "registry-mirrors": [`http://${mirror.host}/`] }),
      hosts: "127.0.0.1 localhost\n127.0.0.1 registry-1.docker.io\n",
      "nsswitch.conf": "hosts: files\n",
    });
    const run = (...options: string[]) => {
      const args = ["-i", `${trial.path}/images`, "-rm", "-net", "none", ...options];
      return workspace.run([...args, "alpine", "/bin/true"], { through });
    };
    const embedded = await run();
    assertEquals([embedded.code, embedded.stderr, mirror.log.length], [0, "", 0]);
    const pulled = await run("-pull", "always");
    assertEquals(pulled.code, 125);
    assertMatch(pulled.stderr, /^gocontainer: pulling docker\.io\/library\/alpine:latest\n/);
    assert(mirror.log.some(({ path }) => path.startsWith("/v2/library/alpine/manifests/latest")));
    // A folder of that name is the user's own.
    const count = mirror.log.length;
    const extracted = [...Deno.readDirSync(`${trial.path}/images/.rootfs`)]
      .find(({ name }) => name.startsWith("alpine-"))!;
    Deno.renameSync(
      `${trial.path}/images/.rootfs/${extracted.name}`,
      `${trial.path}/images/alpine`,
    );
    const own = await run("-pull", "always");
    assertEquals([own.code, mirror.log.length], [0, count], own.stderr);
    assertMatch(
      own.stderr,
      /warning: image "alpine" is one of the images folder: it is not pulled/,
    );
  },
);

testWith(
  NEEDS,
  "a mirror of docker.io is asked first, and learns nothing of who asks",
  async () => {
    using trial = new TrialFolder();
    await using mirror = new TestRegistry();
    const { manifest } = mirror.addImage("1", [layerOf("a", 1000)]);
    const home = trial.folder("home", 0o700);
    Deno.mkdirSync(`${home}/.docker`, { mode: 0o700 });
    Deno.writeTextFileSync(
      `${home}/.docker/config.json`,
      JSON.stringify({ auths: { "https://index.docker.io/v1/": { auth: btoa("me:secret") } } }),
      { mode: 0o600 },
    );
    const through = withEtc(trial.path, {
      "docker/daemon.json": JSON.stringify({ "registry-mirrors": [`http://${mirror.host}/`] }),
      hosts: "127.0.0.1 localhost\n127.0.0.1 registry-1.docker.io\n",
      "nsswitch.conf": "hosts: files\n",
    });
    const pull = (name: string) =>
      workspace.run(["pull", "-i", `${trial.path}/images`, "-creds", "me:secret", name], {
        through,
        env: { HOME: home },
      });
    const pulled = await pull("image:1");
    assertEquals([pulled.code, pulled.stdout], [0, `${manifest.digest}\n`], pulled.stderr);
    // It asks who that is, and is told that nobody is known to it.
    mirror.hook = () => ({ status: 401, fields: { "WWW-Authenticate": 'Basic realm="mirror"' } });
    const refused = await pull("other:1");
    assertEquals(refused.code, 125);
    assertMatch(refused.stderr, /warning: the mirror 127\.0\.0\.1:\d+ is passed over: /);
    assertMatch(refused.stderr, /connect to registry-1\.docker\.io/);
    assert(mirror.log.every(({ fields }) => !fields.has("authorization")));
    // What is no registry at all is passed over as well.
    mirror.hook = () => ({ status: 200, fields: { "Content-Type": "text/plain" }, body: "hello" });
    const other = await pull("third:1");
    assertMatch(
      other.stderr,
      /warning: the mirror 127\.0\.0\.1:\d+ is passed over: image "third:1": /,
    );
    assertMatch(other.stderr, /connect to registry-1\.docker\.io/);
  },
);
