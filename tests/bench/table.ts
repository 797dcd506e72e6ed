/** A column: its heading, and the side on which its cells line up. */
export interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
}

/**
 * A table of aligned text, two spaces between columns, without a line break at the end. Cells are
 * taken as one place wide per code point; a missing cell is empty.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [columns.map(({ heading }) => heading), ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ""))));
  return lines.map((line) =>
    columns.map(({ align }, i) => {
      const cell = line[i] ?? "";
      const padding = " ".repeat(widths[i] - widthOf(cell));
      return align === "left" ? cell + padding : padding + cell;
    }).join("  ").trimEnd()
  ).join("\n");
}

function widthOf(text: string): number {
  return [...text].length;
}
