import type { Comparison } from "./comparison.ts";
import { element, type Svg } from "./svg.ts";

/** Sizes in pixels. */
const WIDTH = 860;
const LEFT = 232;
const RIGHT = 164;
const TOP = 84;
const ROW = 48;
const BAR = 20;
const BOTTOM = 56;
const PLOT = WIDTH - LEFT - RIGHT;

/** Beyond this many times gocontainer's median a bar is cut, or all others would be too short. */
const LONGEST = 3;

/** Beyond this many times the longest bar a whisker is cut, for the same reason. */
const LONGEST_WHISKER = 1.35;

/** Plain values where media queries are not understood; both themes have contrast of 4.5 and more. */
const STYLE = `
text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.name { font-weight: 600; }
.note, .tick, .factor { fill: #59636e; }
.note, .tick { font-size: 11.5px; }
.value { font-weight: 600; }
.card { fill: #ffffff; stroke: #d1d9e0; }
.grid { stroke: #e4e8ec; }
.cut { fill: #ffffff; }
.subject { fill: #0a7d6c; }
.peer { fill: #8fa3bd; }
.floor { fill: #c3c9d1; }
.whisker { stroke: #1f2328; stroke-width: 1.5; fill: none; }
.goal { stroke: #59636e; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note, .tick, .factor { fill: #9198a1; }
  .card { fill: #0d1117; stroke: #3d444d; }
  .grid { stroke: #262c36; }
  .cut { fill: #0d1117; }
  .subject { fill: #2bb39c; }
  .peer { fill: #55708f; }
  .floor { fill: #4a525e; }
  .whisker { stroke: #f0f6fc; }
  .goal { stroke: #9198a1; }
}`;

const LEGEND =
  "Bar: median; whisker: least to greatest; ×: its time by gocontainer's, round by round";

/**
 * The comparison as an SVG picture: one bar each, as long as the median, with a whisker from the
 * least to the greatest value. Readable on light and dark pages.
 *
 * @param caption a line under the title, on what and how it was measured
 */
export function drawChart(comparisons: readonly Comparison[], caption: string): string {
  const limit = axisLimit(comparisons);
  const height = TOP + ROW * comparisons.length + BOTTOM;
  const x = (ms: number) => LEFT + Math.min(ms / limit, 1) * PLOT;
  const bottom = TOP + ROW * comparisons.length;
  const floor = comparisons.find(({ role }) => role === "floor");
  const picture = element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${WIDTH} ${height}`,
      width: WIDTH,
      height,
      role: "img",
      "aria-label": "Time to run /bin/true in a new container",
    },
    element("style", {}, STYLE),
    element("rect", {
      class: "card",
      x: 0.5,
      y: 0.5,
      width: WIDTH - 1,
      height: height - 1,
      rx: 8,
    }),
    text("title", 24, 34, "Time to run /bin/true in a new container"),
    text("note", 24, 55, caption),
    ...ticks(limit).flatMap((ms) => [
      line("grid", x(ms), TOP - 6, x(ms), bottom),
      text("tick", x(ms), bottom + 18, String(ms), "middle"),
    ]),
    text("tick", LEFT + PLOT + 24, bottom + 18, "ms"),
    ...comparisons.flatMap((one, i) => row(one, TOP + ROW * i + ROW / 2, x, limit)),
    ...(floor === undefined || floor.wall.median > limit
      ? []
      : [line("goal", x(floor.wall.median), TOP - 6, x(floor.wall.median), bottom)]),
    text("note", LEFT, bottom + 40, LEGEND),
  );
  return `${picture.markup}\n`;
}

/** Where the axis ends, in milliseconds: beyond all medians and whiskers that are not far off. */
export function axisLimit(comparisons: readonly Comparison[]): number {
  const { wall: own } = comparisons.find(({ name }) => name === "gocontainer") ?? comparisons[0];
  const shown = comparisons.map(({ wall }) => wall).filter((wall) =>
    wall.median <= own.median * LONGEST
  );
  const longest = Math.max(...shown.map((wall) => wall.median));
  const whiskers = Math.max(...shown.map((wall) => wall.max));
  return Math.min(whiskers * 1.04, longest * LONGEST_WHISKER);
}

/** Round values from 0 on, at most eight, up to `limit`. */
export function ticks(limit: number): number[] {
  const rough = limit / 7;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough)!;
  const marks: number[] = [];
  for (let i = 0; i * step <= limit; i++) marks.push(Number((i * step).toPrecision(6)));
  return marks;
}

function row(one: Comparison, middle: number, x: (ms: number) => number, limit: number): Svg[] {
  const { wall, ratio, role } = one;
  const end = x(wall.median);
  const shapes = [
    text("name", LEFT - 14, middle - 2, one.title, "end"),
    text("note", LEFT - 14, middle + 14, one.includes, "end"),
    element("rect", {
      class: role,
      x: LEFT,
      y: middle - BAR / 2,
      width: end - LEFT,
      height: BAR,
      rx: 2,
    }),
  ];
  if (wall.median > limit) shapes.push(cut(end - 22, middle));
  if (wall.min <= limit) shapes.push(whisker(x(wall.min), x(wall.max), middle, wall.max > limit));
  const right = WIDTH - 24;
  shapes.push(
    text("value", right - 52, middle - 2, `${wall.median.toFixed(1)} ms`, "end"),
    text("note", right - 52, middle + 14, `${wall.min.toFixed(1)} – ${wall.max.toFixed(1)}`, "end"),
  );
  if (ratio !== undefined) {
    shapes.push(text("factor", right, middle - 2, `× ${ratio.toFixed(2)}`, "end"));
  }
  return shapes;
}

/** From least to greatest; an arrow where the greatest lies beyond the axis. */
function whisker(from: number, to: number, middle: number, beyond: boolean): Svg {
  const tip = beyond
    ? `M${to - 5} ${middle - 4}L${to} ${middle}L${to - 5} ${middle + 4}`
    : `M${to} ${middle - 5}V${middle + 5}`;
  const path = `M${from} ${middle - 5}V${middle + 5}M${from} ${middle}H${to}${tip}`;
  return element("path", { class: "whisker", d: path });
}

/** Two slanted strokes of the card's colour: the bar goes on beyond the picture. */
function cut(at: number, middle: number): Svg {
  const half = BAR / 2 + 2;
  const stroke = (left: number) => `M${left} ${middle + half}l8 ${-2 * half}h4l-8 ${2 * half}z`;
  return element("path", { class: "cut", d: stroke(at) + stroke(at + 8) });
}

function text(style: string, x: number, y: number, words: string, anchor = "start"): Svg {
  return element("text", { class: style, x, y, "text-anchor": anchor }, words);
}

function line(style: string, x1: number, y1: number, x2: number, y2: number): Svg {
  return element("line", { class: style, x1, y1, x2, y2 });
}
