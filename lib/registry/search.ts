import { ContainerError } from "../errors.ts";
import { parseJSON } from "../json.ts";
import { failureOf } from "./failure.ts";
import { contentOfAtMost } from "./http/message.ts";
import { listRepositories } from "./lists.ts";
import type { RegistrySession } from "./session.ts";

/** A repository that was found. */
export interface Found {
  /** Within the registry. */
  readonly name: string;
  readonly description?: string;
  readonly stars?: number;
  readonly isOfficial?: boolean;
}

/** Where docker.io is searched; its registry itself does not. */
const DOCKER_HUB_INDEX = new URL("https://index.docker.io/");

/** The most bytes of an answer. */
const LIMIT = 4 * 1024 * 1024;

/** Where a registry is searched; undefined where it answers that itself. */
export function searchUrl(registry: string): URL | undefined {
  return registry === "docker.io" ? DOCKER_HUB_INDEX : undefined;
}

/**
 * Searches a registry for repositories: by the list of all of them, or by the search that docker's
 * first protocol had and that some, docker.io first of all, still answer.
 *
 * @param limit the most that are wanted
 * @throws {ContainerError} Unsupported when it cannot be searched; NotAllowed
 */
export async function searchRegistry(
  session: RegistrySession,
  action: string,
  term: string,
  limit: number,
): Promise<Found[]> {
  if (session.registry === "docker.io") return await byIndex(session, action, term, limit);
  try {
    return await byCatalog(session, action, term, limit);
  } catch (error) {
    const isDenied = error instanceof ContainerError &&
      ["NotAllowed", "NotFound", "Unsupported"].includes(error.code);
    if (!isDenied) throw error;
    return await byIndex(session, action, term, limit).catch(() => {
      // It may be a login that is missing, or credentials that are wrong.
      if (error.code === "NotAllowed") throw error;
      throw new ContainerError(`${action}: the registry cannot be searched`, {
        code: "Unsupported",
        cause: error,
      });
    });
  }
}

async function byCatalog(
  session: RegistrySession,
  action: string,
  term: string,
  limit: number,
): Promise<Found[]> {
  const found: Found[] = [];
  for await (const name of listRepositories(session, action)) {
    if (!name.includes(term.toLowerCase())) continue;
    if (found.push({ name }) === limit) break;
  }
  return found;
}

async function byIndex(
  session: RegistrySession,
  action: string,
  term: string,
  limit: number,
): Promise<Found[]> {
  using answer = await session.request({
    method: "GET",
    target: `/v1/search?q=${encodeURIComponent(term)}&n=${limit}`,
    scopes: [],
  });
  if (answer.status !== 200) throw await failureOf(session, action, answer);
  const value = parseJSON(await contentOfAtMost(LIMIT, answer), {
    what: "the registry's answer",
    code: "Failed",
  });
  const results = (value as Record<string, unknown> | null)?.results;
  if (!Array.isArray(results)) {
    throw new ContainerError(`${action}: the registry's answer has no results`);
  }
  return results.slice(0, limit).flatMap((result): Found[] => {
    const { name, description, star_count, is_official } = (result ?? {}) as Record<
      string,
      unknown
    >;
    if (typeof name !== "string") return [];
    return [{
      name,
      ...typeof description === "string" && { description },
      ...typeof star_count === "number" && { stars: star_count },
      ...typeof is_official === "boolean" && { isOfficial: is_official },
    }];
  });
}
