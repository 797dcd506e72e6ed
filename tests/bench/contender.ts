import type { Command } from "./spawn.ts";

/** A program in the comparison: one way to run /bin/true. */
export interface Contender {
  /** One word, for `--only` and the JSON file. */
  readonly name: string;
  /** As people would call it. */
  readonly title: string;
  /** What of a container it sets up, in a few words. */
  readonly includes: string;
  readonly command: Command;
  /** It runs in every n-th round; more than 1 for the slow. */
  readonly every: number;
  readonly role: "subject" | "floor" | "peer";
}

/** What a peer gets to make itself ready with. */
export interface Site {
  /** The absolute path of its program. */
  readonly program: string;
  /** A folder of its own, which goes away in the end. */
  readonly folder: string;
  /** The path of a root file system that no other contender uses. */
  readonly rootfs: string;
  /** A name for what it makes outside of the folder, unique on this machine. */
  readonly id: string;
  /** What is to be undone in the end. */
  readonly undo: DisposableStack;
}

/** Somebody else's program, which may not be installed. */
export interface Peer {
  readonly name: string;
  readonly title: string;
  /** What its program is called. */
  readonly program: string;
  /** The package that brings it, in Debian and Ubuntu. */
  readonly package: string;
  /**
   * Makes ready what it needs to run /bin/true.
   *
   * @throws {ToolError} with the reason alone when that does not go
   */
  prepare(site: Site): Pick<Contender, "includes" | "command" | "every">;
}

/** The environment of every contender: nothing that is the user's. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: "/root",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** The absolute path of an installed program, or undefined. */
export function findProgram(name: string): string | undefined {
  return ENVIRONMENT.PATH.split(":").map((folder) => `${folder}/${name}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}
