import { ContainerError, UsageError } from "../../errors.ts";
import { DEFAULT_REGISTRY, parseRegistry } from "../../image/reference.ts";
import { credentialsFrom, userOf as nameOf } from "../../registry/credentials/credentials.ts";
import { findCredentials } from "../../registry/credentials/find.ts";
import { login } from "../../registry/login.ts";
import { quote } from "../../quote.ts";
import { tell, warn } from "../../trace.ts";
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { print } from "../output.ts";
import { TLS_OPTION } from "./options.ts";
import { OTHER_LOGIN_OPTIONS } from "./docker_options.ts";
import { ask, askSecret, readStdin } from "./secret.ts";

/** `gocontainer login [REGISTRY]`. */
export const command: Command = {
  synopsis: ["login [OPTIONS] [REGISTRY]"],
  summary:
    "Makes sure that a registry (docker.io unless told) takes a user name and password, and\n" +
    "keeps them in docker's config.json, or podman's auth.json where that knows the registry, or\n" +
    "the file in REGISTRY_AUTH_FILE, or by the credential helper that the file names.",
  options: [
    {
      name: "u",
      alias: "username",
      value: "USER",
      help: "the user; <token> for an identity token",
    },
    { name: "password-stdin", help: "read the password from standard input" },
    TLS_OPTION,
    { name: "get-login", help: "print the user that is logged in, and do nothing else" },
    ...OTHER_LOGIN_OPTIONS,
  ],
  words: { least: 0, most: 1 },
  async run(args) {
    const registry = parseRegistry(args.rest[0] ?? DEFAULT_REGISTRY);
    if (args.flag("get-login")) {
      print(await userOf(registry));
      return 0;
    }
    const { username, password } = await askFor(registry, args);
    const { path, by } = await login(registry, credentialsFrom(username, password), {
      isInsecureAllowed: args.flag("tls-verify") === false,
      warn,
    });
    const where = by === "file" ? quote(path) : `the helper that ${quote(path)} names`;
    tell(`gocontainer: logged in to ${registry}; the credentials are kept by ${where}`);
    return 0;
  },
};

async function userOf(registry: string): Promise<string> {
  const found = await findCredentials(registry);
  if (found !== undefined) return nameOf(found);
  throw new ContainerError(`tell who is logged in to ${quote(registry)}: nobody is`, {
    code: "NotFound",
    hint: `Run gocontainer login ${registry}`,
  });
}

async function askFor(
  registry: string,
  args: Arguments,
): Promise<{ username: string; password: string }> {
  const isPiped = args.flag("password-stdin") ?? false;
  const given = args.text("u");
  if (isPiped && given === undefined) {
    throw new UsageError("read the password: whose it is is missing", { hint: "Give -u USER" });
  }
  const username = given ?? ask(`User of ${registry}: `);
  if (username === "" || username.includes(":")) {
    throw new UsageError(`log in as ${quote(username)}: this is no user name`);
  }
  const password = isPiped ? await readStdin() : askSecret(`Password of ${username}: `);
  if (password === "") throw new ContainerError("log in: the password is empty");
  return { username, password };
}
