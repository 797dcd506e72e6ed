import { visible } from "../../quote.ts";
import type { OptionSpec } from "../arguments.ts";
import { formatTable } from "../table.ts";
import { headerOf, type OtherNames, parseTemplate } from "./template/mod.ts";
import { print } from "../output.ts";

/** The option for how rows are printed. */
export const FORMAT_OPTION: OptionSpec = {
  name: "format",
  value: "FORMAT",
  help: "table, json, or a template such as {{.Name}} (table {{.A}}\\t{{.B}} for a table)",
};

/** A column of the table that is printed where no other format is asked for. */
export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string;
}

/**
 * Prints rows on standard output: as a table, as a JSON array with raw numbers and RFC 3339 times, or
 * each by a template. What would control a terminal is escaped in a table, and in all else where it goes
 * to one.
 *
 * @param rows all with the same members, in the notation of Go
 * @param otherNames what else templates may ask for: docker's names for what rows have
 */
export function printRows<Row extends object>(
  format: string | undefined,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  otherNames: OtherNames<Row> = {},
): void {
  const isShown = Deno.stdout.isTerminal();
  if (format === undefined || format === "table") {
    const cells = rows.map((row) => columns.map(({ cell }) => visible(cell(row))));
    print(formatTable(columns.map(({ header }) => header), cells));
  } else if (format === "json") {
    print(printableJSON(rows, isShown));
  } else if (format.startsWith("table ")) {
    const text = format.slice("table ".length);
    const template = parseTemplate(text, true, otherNames);
    const lines = [headerOf(text), ...rows.map(template)].map((line) => line.split("\t"));
    print(formatTable(lines[0]!, lines.slice(1)));
  } else {
    const template = parseTemplate(format, isShown, otherNames);
    for (const row of rows) print(template(row));
  }
}

/** JSON for people and programs; on a terminal nothing in it controls that. */
export function printableJSON(value: unknown, isShown: boolean): string {
  const text = JSON.stringify(value, null, 2);
  // JSON itself escapes the other controls; those that are left can only stand in strings.
  return isShown ? text.split("\n").map(visible).join("\n") : text;
}
