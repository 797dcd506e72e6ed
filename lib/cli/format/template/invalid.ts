import { UsageError } from "../../../errors.ts";

/** What is wrong with a template, and the member that was meant. */
export function invalid(text: string, fault: string, near?: string): UsageError {
  return new UsageError(`read the format "${text}": ${fault}`, {
    hint: near === undefined
      ? "Give table, json, or a template such as {{.Name}}"
      : `Did you mean {{.${near}}}?`,
  });
}
