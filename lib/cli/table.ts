/** A table as text: columns as wide as their widest cell, three spaces between. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  return all
    .map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("   ").trimEnd())
    .join("\n");
}
