import { assertEquals } from "@std/assert";
import { authorizationFor, npmSettings, parseNpmrc, registryFor } from "../npm_config.ts";

const NPMRC = `
; a comment
# another
registry = https://npm.example/main
@Corp:registry="https://corp.example/npm/"
//corp.example/npm/:_authToken=\${TOKEN}
//npm.example/:_auth='dTpw'
strict-ssl=true
//other.example/:username=me
//other.example/:_password=c2VjcmV0
unset=\${NOWHERE}
`;

const SETTINGS = parseNpmrc(NPMRC, { TOKEN: "abc" });

Deno.test("parseNpmrc() reads settings, quotes and variables", () => {
  assertEquals(SETTINGS.get("registry"), "https://npm.example/main");
  assertEquals(SETTINGS.get("@corp:registry"), "https://corp.example/npm/");
  assertEquals(SETTINGS.get("//corp.example/npm/:_authToken"), "abc");
  assertEquals(SETTINGS.get("//npm.example/:_auth"), "dTpw");
  assertEquals(SETTINGS.get("unset"), "${NOWHERE}");
  assertEquals(SETTINGS.size, 8);
});

Deno.test("registryFor() prefers the registry of the scope", () => {
  assertEquals(registryFor("@corp/tool", SETTINGS), "https://corp.example/npm/");
  assertEquals(registryFor("@else/tool", SETTINGS), "https://npm.example/main/");
  assertEquals(registryFor("tool", SETTINGS), "https://npm.example/main/");
  assertEquals(registryFor("tool", new Map()), "https://registry.npmjs.org/");
});

Deno.test("authorizationFor() sends a credential only below its own address", () => {
  assertEquals(authorizationFor("https://corp.example/npm/a/-/a-1.tgz", SETTINGS), "Bearer abc");
  assertEquals(authorizationFor("https://corp.example/other/a.tgz", SETTINGS), undefined);
  assertEquals(authorizationFor("https://corp.example.evil/npm/a.tgz", SETTINGS), undefined);
  assertEquals(authorizationFor("https://npm.example/main/a", SETTINGS), "Basic dTpw");
  assertEquals(
    authorizationFor("https://other.example/x/y", SETTINGS),
    `Basic ${btoa("me:secret")}`,
  );
});

Deno.test("npmSettings() lets the environment win over the project, and that over the user", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/home`);
    Deno.mkdirSync(`${folder}/project`);
    Deno.writeTextFileSync(
      `${folder}/home/.npmrc`,
      "registry=https://user/\ncafile=/user.pem\na=1",
    );
    Deno.writeTextFileSync(`${folder}/project/.npmrc`, "registry=https://project/\na=2");
    const env = { HOME: `${folder}/home`, NPM_CONFIG_GLOBALCONFIG: `${folder}/none` };
    const settings = npmSettings(`${folder}/project`, env);
    assertEquals(settings.get("registry"), "https://project/");
    assertEquals(settings.get("cafile"), "/user.pem");
    assertEquals(settings.get("a"), "2");
    const forced = npmSettings(`${folder}/project`, {
      ...env,
      npm_config_registry: "https://env/",
    });
    assertEquals(forced.get("registry"), "https://env/");
    const other = npmSettings(`${folder}/project`, {
      ...env,
      NPM_CONFIG_USERCONFIG: `${folder}/none`,
    });
    assertEquals(other.get("cafile"), undefined);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
