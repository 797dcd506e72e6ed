import { DEFAULT_REGISTRY, parseRegistry } from "../../image/reference.ts";
import { quote } from "../../quote.ts";
import { logout } from "../../registry/login.ts";
import { tell } from "../../trace.ts";
import type { Command } from "../command.ts";
import { OTHER_LOGOUT_OPTIONS } from "./docker_options.ts";

/** `gocontainer logout [REGISTRY]`. */
export const command: Command = {
  synopsis: ["logout [REGISTRY]"],
  summary:
    "Forgets user name and password for a registry (docker.io unless told), wherever docker's\n" +
    "and podman's files have them.",
  options: OTHER_LOGOUT_OPTIONS,
  words: { least: 0, most: 1 },
  async run(args) {
    const registry = parseRegistry(args.rest[0] ?? DEFAULT_REGISTRY);
    const files = (await logout(registry)).map(quote);
    tell(
      files.length === 0
        ? `gocontainer: not logged in to ${registry}`
        : `gocontainer: logged out of ${registry}, in ${files.join(" and ")}`,
    );
    return 0;
  },
};
