import { invalid, listOfWords } from "./dockerfile_words.ts";

/** What docker does now and then to see whether a container is well, in its own words. */
export interface HealthCheck {
  /** `NONE`; `CMD` and the words of a command; `CMD-SHELL` and a line. */
  Test: string[];
  /** Nanoseconds. */
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

const DURATIONS = {
  "interval": "Interval",
  "timeout": "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const;

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Reads what follows `HEALTHCHECK`: `NONE`, or `[--interval=30s …] CMD COMMAND`.
 *
 * @throws {ContainerError} InvalidArgument
 */
export function parseHealthCheck(text: string): HealthCheck {
  if (/^none$/i.test(text)) return { Test: ["NONE"] };
  const match = /^((?:--\S+\s+)*)cmd\s+(.*)$/is.exec(text);
  if (match === null) throw invalid(text, "a health check is NONE or [--interval=30s] CMD COMMAND");
  const [, options = "", command = ""] = match;
  const check: HealthCheck = {
    Test: command.startsWith("[") ? ["CMD", ...listOfWords(command)] : ["CMD-SHELL", command],
  };
  for (const option of options.trim().split(/\s+/).filter((one) => one !== "")) {
    const [, name = "", value = ""] = /^--([a-z-]+)=(.*)$/.exec(option) ?? [];
    if (name === "retries" && /^[0-9]{1,9}$/.test(value)) check.Retries = Number(value);
    else if (Object.hasOwn(DURATIONS, name)) {
      check[DURATIONS[name as keyof typeof DURATIONS]] = nanoseconds(value, text);
    } else throw invalid(text, `${option} is no option of a health check`);
  }
  return check;
}

/** Reads a duration as Go writes it: `1m30s`. */
function nanoseconds(value: string, text: string): number {
  if (!/^(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|ms|s|m|h))+$/.test(value)) {
    throw invalid(text, `${value} is no duration as 1m30s is`);
  }
  const parts = value.matchAll(/([0-9.]+)([a-z]+)/g);
  return Math.round(parts.reduce((sum, [, n, unit]) => sum + Number(n) * NANOSECONDS[unit!]!, 0));
}
