import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { axisLimit, drawChart, ticks } from "../../bench/chart.ts";
import type { Comparison } from "../../bench/comparison.ts";
import { element, escapeText } from "../../bench/svg.ts";

function entry(name: string, min: number, median: number, max: number): Comparison {
  const role = name === "gocontainer" ? "subject" : "peer";
  const wall = { min, median, max };
  return { name, title: name, includes: "a & b", role, runs: 9, wall, cpu: 1, ratio: median / 40 };
}

Deno.test("ticks() are round, start at 0, and are eight at most", () => {
  assertEquals(ticks(56), [0, 10, 20, 30, 40, 50]);
  assertEquals(ticks(0.75), [0, 0.2, 0.4, 0.6]);
  for (let limit = 0.3; limit < 9000; limit *= 1.07) {
    const marks = ticks(limit);
    assert(marks.length >= 3 && marks.length <= 8, `${marks.length} marks up to ${limit}`);
    assert(marks.at(-1)! <= limit);
  }
});

Deno.test("axisLimit() shows all that is not far off", () => {
  const limit = axisLimit([entry("gocontainer", 35, 40, 44), entry("runc", 50, 60, 70)]);
  assert(limit >= 70 && limit < 80, `${limit}`);
});

Deno.test("axisLimit() is led neither by the slow nor by an outlier", () => {
  const limit = axisLimit([entry("gocontainer", 35, 40, 900), entry("podman", 300, 357, 400)]);
  assert(limit > 40 && limit < 80, `${limit}`);
});

Deno.test("drawChart() has a bar and the numbers of each, and cuts what is too long", () => {
  const svg = drawChart(
    [entry("gocontainer", 35, 40, 45.25), entry("podman", 300, 357.5, 400)],
    "here & now",
  );
  assertEquals(svg.match(/<rect class="(subject|peer)"/g)?.length, 2);
  assertEquals(svg.match(/<path class="cut"/g)?.length, 1);
  assertEquals(svg.match(/<path class="whisker"/g)?.length, 1);
  for (const text of ["357.5 ms", "35.0 – 45.3", "× 8.94", "here &amp; now", "a &amp; b"]) {
    assertStringIncludes(svg, text);
  }
  assertStringIncludes(svg, "prefers-color-scheme: dark");
});

Deno.test("element() writes attributes, children and text, escaped", () => {
  const inner = element("tspan", {}, "1 < 2");
  assertEquals(
    element("text", { x: 1.23456, title: 'a "b"' }, inner, "&").markup,
    '<text x="1.23" title="a &quot;b&quot;"><tspan>1 &lt; 2</tspan>&amp;</text>',
  );
  assertEquals(element("rect", { x: 0 }).markup, '<rect x="0"/>');
  assertEquals(escapeText("<&>"), "&lt;&amp;&gt;");
});
