/** Who asks: logins, credential files and helpers, tokens; against docker-registry and its two ways. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { run, TrialFolder } from "./image_lab.ts";
import { hasProgram } from "./layer_lab.ts";
import { DockerRegistry } from "./registry/docker_registry.ts";
import { layerOf } from "./registry/pulling.ts";
import { TestRegistry } from "./registry/test_registry.ts";
import { TokenServer, type TokenServerOptions } from "./registry/token_server.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();
const NEEDS = {
  "docker-registry": hasProgram("docker-registry"),
  htpasswd: hasProgram("htpasswd"),
  openssl: hasProgram("openssl"),
};

const PASSWORD = "pass:word wïth things";

interface Lab extends AsyncDisposable {
  readonly registry: DockerRegistry;
  readonly trial: TrialFolder;
  readonly home: string;
  run(...args: string[]): ReturnType<Workspace["run"]>;
}

/** A registry that takes a password, and a home of the user's. */
async function basicLab(): Promise<Lab> {
  const trial = new TrialFolder();
  const htpasswd = trial.file("htpasswd", run("htpasswd", ["-nbB", "somebody", PASSWORD]));
  return labOf(trial, await DockerRegistry.start({ htpasswd }));
}

function labOf(trial: TrialFolder, registry: DockerRegistry): Lab {
  const home = trial.folder("home", 0o700);
  return {
    registry,
    trial,
    home,
    run: (...args) => workspace.run(args, { env: { HOME: home } }),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      trial[Symbol.dispose]();
    },
  };
}

/** Puts an image into the store and a registry; gives its name there. */
async function push(lab: Lab, ...options: string[]) {
  const name = `${lab.registry.host}/private/image:1`;
  await using origin = new TestRegistry();
  origin.addImage("1", [layerOf("a", 1000)]);
  const images = ["-i", `${lab.trial.path}/origin`];
  const pulled = await lab.run("pull", ...images, `${origin.host}/image:1`);
  assertEquals(pulled.code, 0, pulled.stderr);
  const pushed = await lab.run("push", ...images, ...options, `${origin.host}/image:1`, name);
  return { name, pushed };
}

testWith(NEEDS, "a registry that takes a password: login, push, pull, logout", async () => {
  await using lab = await basicLab();
  const { host } = lab.registry;
  const { name, pushed } = await push(lab);
  assertEquals(pushed.code, 125);
  assertMatch(
    pushed.stderr,
    /: the registry wants to know who asks\n.*gocontainer login localhost/,
  );

  const login = (password: string) =>
    workspace.run(["login", "-u", "somebody", "-password-stdin", host], {
      env: { HOME: lab.home },
      stdin: password,
    });
  const wrong = await login("wrong");
  assertEquals(wrong.code, 125);
  assertMatch(wrong.stderr, /log in to "localhost:\d+": it does not take these credentials/);
  assert(!wrong.stderr.includes("wrong\n"));
  assertEquals([...Deno.readDirSync(lab.home)], []);

  const right = await login(`${PASSWORD}\n`);
  assertEquals([right.code, right.stdout], [0, ""], right.stderr);
  assert(!right.stderr.includes(PASSWORD));
  const file = `${lab.home}/.docker/config.json`;
  assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
  assertEquals(Deno.statSync(`${lab.home}/.docker`).mode! & 0o777, 0o700);
  const auth = new TextEncoder().encode(`somebody:${PASSWORD}`).toBase64();
  assertEquals(JSON.parse(Deno.readTextFileSync(file)), { auths: { [host]: { auth } } });

  const again = await push(lab);
  assertEquals(again.pushed.code, 0, again.pushed.stderr);
  const pulled = await lab.run("pull", "-i", `${lab.trial.path}/a`, name);
  assertEquals(pulled.code, 0, pulled.stderr);

  assertMatch((await lab.run("logout", host)).stderr, /logged out of localhost/);
  assertEquals(JSON.parse(Deno.readTextFileSync(file)), { auths: {} });
  assertMatch((await lab.run("logout", host)).stderr, /not logged in to localhost/);
  const out = await lab.run("pull", "-i", `${lab.trial.path}/b`, name);
  assertEquals(out.code, 125);
});

testWith(NEEDS, "a search that takes a login says so", async () => {
  await using lab = await basicLab();
  const { host } = lab.registry;
  const nobody = await lab.run("search", `${host}/private`);
  assertEquals(nobody.code, 125);
  assertMatch(
    nobody.stderr,
    /^gocontainer: search .*: the registry wants to know who asks\n.*login/,
  );
  const wrong = await lab.run("search", "-creds", "somebody:secret", `${host}/private`);
  assertEquals(wrong.code, 125);
  assertMatch(wrong.stderr, /: it does not take these credentials\n/);
  const right = await lab.run("search", "-creds", `somebody:${PASSWORD}`, `${host}/private`);
  assertEquals(right.code, 0, right.stderr);
});

testWith(NEEDS, "credentials on the command line", async () => {
  await using lab = await basicLab();
  const { name, pushed } = await push(lab, "-creds", `somebody:${PASSWORD}`);
  assertEquals(pushed.code, 0, pushed.stderr);
  const images = ["-i", `${lab.trial.path}/a`];
  const wrong = await lab.run("pull", ...images, "-creds", "somebody:secret", name);
  assertEquals(wrong.code, 125);
  assert(!wrong.stderr.includes("secret"), wrong.stderr);
  assertMatch(
    wrong.stderr,
    /log in to "localhost:\d+": it does not take these credentials\nLog in with others: gocontainer login localhost/,
  );
  const none = await lab.run("pull", ...images, "-creds", "justaword", name);
  assertEquals(none.code, 125);
  assertMatch(none.stderr, /read the credentials: they are not USER:PASSWORD/);
  assert(!none.stderr.includes("justaword"), none.stderr);
  const right = await lab.run("pull", ...images, "-creds", `somebody:${PASSWORD}`, name);
  assertEquals(right.code, 0, right.stderr);
});

Deno.test("a password that is wrong is said once: some servers lock who tries it again", async () => {
  using trial = new TrialFolder();
  await using registry = new TestRegistry();
  registry.hook = () => ({ status: 401, fields: { "WWW-Authenticate": 'Basic realm="tests"' } });
  const args = ["pull", "-i", `${trial.path}/images`, "-creds", "somebody:wrong"];
  const { code, stderr } = await workspace.run([...args, `${registry.host}/image:1`]);
  assertEquals(code, 125);
  assertMatch(stderr, /: it does not take these credentials\n/);
  assertEquals(registry.log.filter(({ fields }) => fields.has("authorization")).length, 1);
});

testWith(
  NEEDS,
  "the files of docker and podman, in order, by registry and repository",
  async () => {
    await using lab = await basicLab();
    const { host } = lab.registry;
    const { name } = await push(lab, "-creds", `somebody:${PASSWORD}`);
    const good = { auth: new TextEncoder().encode(`somebody:${PASSWORD}`).toBase64() };
    const bad = { auth: btoa("somebody:bad") };
    const write = (path: string, auths: object, mode = 0o600) => {
      Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(path, JSON.stringify({ auths }));
      Deno.chmodSync(path, mode);
    };
    const pull = async (env: Record<string, string> = {}) => {
      const args = ["pull", "-i", `${lab.trial.path}/${crypto.randomUUID()}`, name];
      return await workspace.run(args, { env: { HOME: lab.home, ...env } });
    };
    const docker = `${lab.home}/.docker/config.json`;
    const podman = `${lab.home}/.config/containers/auth.json`;
    for (const key of [host, `http://${host}`, `https://${host}/v2/`, `https://${host}/v1/`]) {
      write(docker, { [key]: good });
      assertEquals((await pull()).code, 0, key);
    }
    // Podman's file comes before docker's, and the longer name before the shorter one.
    write(podman, { [host]: bad });
    assertEquals((await pull()).code, 125);
    write(podman, { [host]: bad, [`${host}/private`]: good });
    assertEquals((await pull()).code, 0);
    write(podman, { [`${host}/private/image`]: bad, [`${host}/private`]: good });
    assertEquals((await pull()).code, 125);
    write(podman, { [`${host}/priv`]: bad, "localhost": bad, [`other.${host}`]: bad });
    assertEquals((await pull()).code, 0);
    // A file that is named comes before both.
    const named = `${lab.trial.path}/auth.json`;
    write(podman, { [host]: bad });
    write(named, { [host]: good });
    assertEquals((await pull({ REGISTRY_AUTH_FILE: named })).code, 0);
    Deno.removeSync(podman);
    write(`${lab.trial.path}/other/config.json`, { [host]: good });
    write(docker, { [host]: bad });
    assertEquals((await pull({ DOCKER_CONFIG: `${lab.trial.path}/other` })).code, 0);

    // What others can read is no secret, and what others can write is nobody's word.
    write(docker, { [host]: good }, 0o644);
    const open = await pull();
    assertEquals(open.code, 125);
    assertMatch(open.stderr, /use the credentials in ".*": others can read it\nRun chmod 600 /);
    write(docker, { [host]: good }, 0o622);
    assertMatch((await pull()).stderr, /read ".*": others can write it/);
    write(docker, { [host]: good });
    Deno.chownSync(docker, 12345, 12345);
    assertMatch((await pull()).stderr, /read ".*": it belongs to user 12345/);
    Deno.chownSync(docker, 0, 0);
    Deno.writeTextFileSync(docker, "{");
    assertMatch(
      (await pull()).stderr,
      /read the credentials in ".*config.json": line 1, column 2: /,
    );
    Deno.writeTextFileSync(docker, JSON.stringify({ auths: { [host]: { auth: "%%%" } } }));
    assertMatch((await pull()).stderr, /a member "auth" is not base64/);
    Deno.removeSync(docker);
    run("mkfifo", ["-m", "600", docker]);
    assertMatch((await pull()).stderr, /read ".*": it is no file/);
  },
);

testWith(NEEDS, "a credential helper keeps them", async () => {
  await using lab = await basicLab();
  const { host } = lab.registry;
  const { name } = await push(lab, "-creds", `somebody:${PASSWORD}`);
  const helper = "/usr/local/bin/docker-credential-gocontainer-test";
  const kept = `${lab.trial.path}/kept`;
  const asked = `${lab.trial.path}/asked`;
  Deno.writeTextFileSync(
    helper,
    `#!/bin/sh
input=$(cat); echo "$1 $input" >> ${asked}; env >> ${asked}
case $1 in
  store) printf %s "$input" > ${kept} ;;
  get) [ -f ${kept} ] && cat ${kept} || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm -f ${kept} ;;
esac
`,
  );
  Deno.chmodSync(helper, 0o755);
  try {
    Deno.mkdirSync(`${lab.home}/.docker`, { mode: 0o700 });
    const file = `${lab.home}/.docker/config.json`;
    const settings = { credHelpers: { [host]: "gocontainer-test" }, HttpHeaders: { "X": "y" } };
    Deno.writeTextFileSync(file, JSON.stringify(settings));
    const pull = () => lab.run("pull", "-i", `${lab.trial.path}/${crypto.randomUUID()}`, name);
    assertEquals((await pull()).code, 125);
    const login = await workspace.run(["login", "-u", "somebody", "-password-stdin", host], {
      env: { HOME: lab.home, SECRET_OF_MINE: "x" },
      stdin: PASSWORD,
    });
    assertEquals(login.code, 0, login.stderr);
    assertMatch(login.stderr, /kept by the helper that ".*config.json" names/);
    assertEquals(JSON.parse(Deno.readTextFileSync(kept)), {
      ServerURL: host,
      Username: "somebody",
      Secret: PASSWORD,
    });
    assertEquals(JSON.parse(Deno.readTextFileSync(file)), { ...settings, auths: { [host]: {} } });
    assertEquals((await pull()).code, 0);
    assertEquals((await lab.run("logout", host)).code, 0);
    assertEquals((await pull()).code, 125);
    // It learned nothing of the caller's environment.
    const told = Deno.readTextFileSync(asked);
    assert(!told.includes("SECRET_OF_MINE"), told);
    assert(told.includes(`get ${host}\n`) && told.includes(`erase ${host}\n`));
    // Only the system's own programs are run, and only by name.
    Deno.chmodSync(helper, 0o777);
    assertMatch((await pull()).stderr, /it is not installed in the system's folders/);
    Deno.writeTextFileSync(file, JSON.stringify({ credsStore: "../../tmp/evil" }));
    assertMatch(
      (await pull()).stderr,
      /use the credential helper "\.\.\/\.\.\/tmp\/evil": this is no name/,
    );
  } finally {
    Deno.removeSync(helper);
  }
});

/** A registry that takes tokens. */
async function tokenLab(options: TokenServerOptions): Promise<Lab & { tokens: TokenServer }> {
  const trial = new TrialFolder();
  const tokens = await TokenServer.start(trial.path, options);
  const bundle = `${trial.path}/tokens.crt`;
  const registry = await DockerRegistry.start({ token: { realm: tokens.realm, bundle } });
  const lab = labOf(trial, registry);
  return {
    ...lab,
    tokens,
    async [Symbol.asyncDispose]() {
      await tokens[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    },
  };
}

for (const only of [undefined, "GET", "POST"] as const) {
  testWith(
    NEEDS,
    `a registry that takes tokens, of a server that knows ${only ?? "both ways"}`,
    async () => {
      await using lab = await tokenLab({
        users: { somebody: PASSWORD },
        anonymous: only !== "POST",
        ...only && { only },
      });
      const { name, pushed } = await push(lab);
      assertEquals(pushed.code, 125, pushed.stderr);
      const right = await push(lab, "-creds", `somebody:${PASSWORD}`);
      assertEquals(right.pushed.code, 0, right.pushed.stderr);
      assert(
        lab.tokens.requests.some(({ scopes }) =>
          scopes.includes("repository:private/image:pull,push")
        ),
      );

      const wrong = await lab.run(
        "pull",
        "-i",
        `${lab.trial.path}/a`,
        "-creds",
        "somebody:no",
        name,
      );
      assertEquals(wrong.code, 125);
      assertMatch(
        wrong.stderr,
        /log in to "localhost:\d+": it does not take these credentials: "who are you"\nLog in with others: gocontainer login/,
      );
      const nobody = await lab.run("pull", "-i", `${lab.trial.path}/b`, name);
      assertEquals(nobody.code, only === "POST" ? 125 : 0, nobody.stderr);
      // One token serves all parts of an image.
      lab.tokens.requests.length = 0;
      const pulled = await lab.run(
        "pull",
        "-i",
        `${lab.trial.path}/c`,
        "-creds",
        `somebody:${PASSWORD}`,
        name,
      );
      assertEquals(pulled.code, 0, pulled.stderr);
      const scopes = lab.tokens.requests.map(({ scopes }) => scopes.join());
      assert(
        scopes.filter((scope) => scope !== "").length <= (only === "POST" ? 2 : 1),
        scopes.join("; "),
      );
    },
  );
}

testWith(NEEDS, "an identity token buys tokens", async () => {
  await using lab = await tokenLab({
    identityTokens: ["refresh-me"],
    users: { somebody: PASSWORD },
  });
  const { name } = await push(lab, "-creds", `somebody:${PASSWORD}`);
  const login = await workspace.run(
    ["login", "-u", "<token>", "-password-stdin", lab.registry.host],
    { env: { HOME: lab.home }, stdin: "refresh-me" },
  );
  assertEquals(login.code, 0, login.stderr);
  const file = JSON.parse(Deno.readTextFileSync(`${lab.home}/.docker/config.json`));
  assertEquals(file.auths[lab.registry.host], { identitytoken: "refresh-me" });
  lab.tokens.requests.length = 0;
  const pulled = await lab.run("pull", "-i", `${lab.trial.path}/a`, name);
  assertEquals(pulled.code, 0, pulled.stderr);
  const [asked] = lab.tokens.requests;
  assertEquals([asked!.method, asked!.form.get("grant_type")], ["POST", "refresh_token"]);
});

testWith(NEEDS, "without a terminal and a password nothing is asked", async () => {
  await using lab = await basicLab();
  const through = ["setsid", "-w"];
  const options = { env: { HOME: lab.home }, through };
  const nobody = await workspace.run(["login", lab.registry.host], options);
  assertEquals(nobody.code, 1);
  assertMatch(nobody.stderr, /ask for user and password: there is no terminal/);
  const whose = await workspace.run(["login", "-password-stdin", lab.registry.host], options);
  assertEquals(whose.code, 1);
  const empty = await workspace.run(["login", "-u", "a", "-password-stdin", lab.registry.host], {
    ...options,
    stdin: "\n",
  });
  assertMatch(empty.stderr, /the password is empty/);
});
