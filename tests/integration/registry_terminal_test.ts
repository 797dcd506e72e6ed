/** What registries' commands do at a terminal: passwords that do not show, and bars. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { layerOf, PullTrial } from "./registry/pulling.ts";
import { say } from "./registry/scripted_server.ts";
import { headOf, TestRegistry, write } from "./registry/test_registry.ts";
import { Terminal } from "./support/terminal.ts";
import { Workspace } from "./support/workspace.ts";

const workspace = Workspace.ofThisFile();

function takesPassword(registry: TestRegistry, password: string): void {
  registry.hook = ({ fields }) =>
    fields.get("authorization") === `Basic ${btoa(`somebody:${password}`)}`
      ? undefined
      : { status: 401, fields: { "WWW-Authenticate": 'Basic realm="x"' } };
}

Deno.test("a password is asked for, and does not show", async () => {
  await using registry = new TestRegistry();
  takesPassword(registry, "sesame");
  using terminal = new Terminal();
  const home = Deno.makeTempDirSync({ dir: workspace.folder });
  const running = terminal.start(workspace, ["login", registry.host], { env: { HOME: home } });
  await terminal.shows(/User of 127\.0\.0\.1:\d+: /);
  await terminal.type("somebody\r");
  await terminal.shows(/Password of somebody: /);
  // Typed wrong, taken back, typed right: a character may be several bytes.
  await terminal.type("wrong\x15sesamxé\x7f\x7fe\r");
  await terminal.shows(/logged in to 127/);
  assertEquals((await running.end()).code, 0);
  assert(!terminal.shown.includes("sesam") && !terminal.shown.includes("wrong"), terminal.shown);
});

Deno.test("whoever gives up gets the terminal back as it was", async () => {
  await using registry = new TestRegistry();
  using terminal = new Terminal();
  const before = terminal.settings;
  const home = Deno.makeTempDirSync({ dir: workspace.folder });
  const running = terminal.start(workspace, ["login", "-u", "me", registry.host], {
    env: { HOME: home },
  });
  await terminal.shows(/Password of me: /);
  assert(terminal.isRaw);
  await terminal.type("secret\x03");
  assertEquals((await running.end()).code, 125);
  assertEquals(terminal.settings, before);
  assert(!terminal.shown.includes("secret"));
  assertEquals(registry.log, []);
});

Deno.test("bars for each layer and for all, that fit the terminal", async () => {
  await using registry = new TestRegistry();
  const { layers } = registry.addImage("1", [1, 2, 3].map((n) => layerOf(`f${n}`, 300_000, n)));
  using trial = new PullTrial();
  using terminal = new Terminal({ rows: 24, columns: 60 });
  const running = terminal.start(workspace, [
    "pull",
    "-i",
    trial.images,
    `${registry.host}/image:1`,
  ]);
  assertEquals((await running.end()).code, 0);
  await terminal.shows(/sha256:[0-9a-f]{64}/);
  for (const { digest } of layers) {
    const name = digest.slice(7, 19);
    assertMatch(terminal.shown, new RegExp(`${name}  \\[=+\\]  302 kB, extracted`));
  }
  assertMatch(terminal.shown, /pulling {7}\[=+\] {2}9\d\d kB \/ 9\d\d kB/);
  for (const line of terminal.shown.split(/\r?\n/)) {
    // deno-lint-ignore no-control-regex
    const visible = line.replace(/\x1b\[[0-9]*[A-Z]/g, "").replace(/\r/g, "");
    assert(visible.length < 60 || /sha256:|pulling 127/.test(visible), visible);
  }
});

Deno.test("what is told meanwhile stays above the bars, and all of it is there", async () => {
  await using registry = new TestRegistry();
  const { layers } = registry.addImage("1", [1, 2, 3].map((n) => layerOf(`f${n}`, 300_000, n)));
  registry.hook = ({ path }) => {
    const at = layers.findIndex(({ digest }) => path.endsWith(digest));
    if (at < 0) return undefined;
    const body = registry.bytesOf(layers[at]!.digest);
    return { status: 200, fields: { Warning: `299 - "part ${at} is old"` }, body };
  };
  using trial = new PullTrial();
  using terminal = new Terminal({ rows: 24, columns: 100 });
  const words = ["pull", "-i", trial.images, `${registry.host}/image:1`];
  assertEquals((await terminal.start(workspace, words).end()).code, 0);
  await terminal.shows(/sha256:[0-9a-f]{64}/);
  const screen = rendered(terminal.shown);
  const warnings = screen.filter((line) => line.includes("is old")).map((line) =>
    line.slice(line.indexOf("part"))
  );
  assertEquals(warnings.sort(), [0, 1, 2].map((at) => `part ${at} is old`));
  // Of no bar more than its last state is left.
  assertEquals(screen.filter((line) => line.includes("[=")).length, layers.length + 1);
  assertEquals(screen.filter((line) => line.includes("[>")), []);
});

/** What a terminal shows in the end, line by line, by the few movements that are used here. */
function rendered(text: string): string[] {
  const lines: string[] = [];
  let [row, column] = [0, 0];
  // deno-lint-ignore no-control-regex
  for (const [piece, count, what] of text.matchAll(/\x1b\[(\d*)([AKJ])|\r|\n|[^\x1b\r\n]+/g)) {
    const line = (lines[row] ?? "").padEnd(column);
    if (piece === "\r") column = 0;
    else if (piece === "\n") row++;
    else if (what === "A") row -= Number(count || 1);
    else if (what === "K") lines[row] = line.slice(0, column);
    else if (what === "J") {
      lines[row] = line.slice(0, column);
      lines.length = row + 1;
    } else {
      lines[row] = line.slice(0, column) + piece + line.slice(column + piece.length);
      column += piece.length;
    }
  }
  return lines.map((line) => line ?? "");
}

Deno.test("a terminal that goes away does not end a pull that is to go on without it", async () => {
  await using registry = new TestRegistry();
  const layer = layerOf("file", 300_000, 1);
  const { layers: [{ digest }] } = registry.addImage("1", [layer]);
  const gone = Promise.withResolvers<void>();
  registry.hook = ({ path }) => {
    if (!path.endsWith(digest)) return undefined;
    return async (conn) => {
      await say(conn, headOf(200, { "Content-Length": `${layer.length}` }));
      await write(conn, layer.subarray(0, 100_000));
      await gone.promise;
      await write(conn, layer.subarray(100_000));
    };
  };
  using trial = new PullTrial();
  const terminal = new Terminal();
  const args = ["pull", "-i", trial.images, `${registry.host}/image:1`];
  const running = terminal.start(workspace, args, {
    // As after disown(1).
    through: ["sh", "-c", `trap '' HUP; exec "$@"`, "sh"],
    redirect: "> pulled",
  });
  await terminal.shows(/0 B \/ 302 kB/).finally(() => terminal[Symbol.dispose]());
  gone.resolve();
  assertEquals((await running.end()).code, 0);
  assertMatch(Deno.readTextFileSync(workspace.path("pulled")), /^sha256:[0-9a-f]{64}\n$/);
});
