import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import { checkId, StateRoot } from "../../../lib/runtime/state.ts";

const record = (id: string) => ({
  ociVersion: "1.3.0",
  id,
  name: id,
  bundle: `/b/${id}`,
  config: `/b/${id}/config.json`,
  created: "2026-01-01T00:00:00Z",
  cgroups: [],
});

async function withRoot(test: (root: StateRoot, path: string) => void) {
  const folder = await Deno.makeTempDir();
  try {
    test(StateRoot.open(`${folder}/state`), `${folder}/state`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const isRoot = Deno.uid() === 0;
const name = (text: string) => isRoot ? text : `${text} (skipped: not root)`;

Deno.test(
  { name: name("a container is registered, found and forgotten"), ignore: !isRoot },
  () =>
    withRoot((root, path) => {
      assertEquals(root.ids(), []);
      const state = root.register(record("one"));
      assertEquals(root.ids(), ["one"]);
      state.record.init = { pid: 7, startTime: "70" };
      state.save();
      assertEquals(root.find("one")?.record.init, { pid: 7, startTime: "70" });
      assertEquals(Deno.statSync(`${path}/one/state.json`).mode! & 0o777, 0o600);
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o700);
      state.remove();
      state.remove();
      assertEquals(root.find("one"), undefined);
    }),
);

Deno.test(
  { name: name("one that is deleted meanwhile is told as that"), ignore: !isRoot },
  () =>
    withRoot((root) => {
      const state = root.register(record("one"));
      state.remove();
      const message = 'write down the state of container "one": it has been deleted';
      assertEquals(assertThrows(() => state.save(), ContainerError, message).code, "NotFound");
    }),
);

Deno.test({ name: name("an id is given once"), ignore: !isRoot }, () =>
  withRoot((root) => {
    root.register(record("one"));
    assertThrows(() => root.register(record("one")), ContainerError, `"one": the id is in use`);
  }));

Deno.test({
  name: name("who is killed while it registers or forgets takes no id"),
  ignore: !isRoot,
}, () =>
  withRoot((root, path) => {
    Deno.mkdirSync(`${path}/one`);
    root.register(record("one"));
    assertEquals(root.find("one")?.record.id, "one");
    Deno.mkdirSync(`${path}/.removed-two/deep`, { recursive: true });
    assertEquals(root.ids(), ["one"]);
    root.tidy();
    assertEquals([...Deno.readDirSync(path)].map(({ name }) => name), ["one"]);
  }));

Deno.test(
  { name: name("a damaged record is told, and hides no other one"), ignore: !isRoot },
  () =>
    withRoot((root, path) => {
      root.register(record("one"));
      root.register(record("two"));
      for (const text of ["", "{", "{}", "null", "[]", JSON.stringify(record("one"))]) {
        Deno.writeTextFileSync(`${path}/two/state.json`, text);
        const error = assertThrows(() => root.find("two"), ContainerError);
        assertEquals(error.code, "Damaged");
        assertEquals(error.message, `read the record "${path}/two/state.json": it is damaged`);
        assertEquals(root.containers().map(({ record }) => record.id), ["one"]);
      }
      root.forget("two");
      assertEquals(root.ids(), ["one"]);
    }),
);

Deno.test(
  { name: name("a state folder that others can write is refused"), ignore: !isRoot },
  () =>
    withRoot((_, path) => {
      Deno.chmodSync(path, 0o777);
      assertThrows(() => StateRoot.open(path), ContainerError, "others can write");
      Deno.chmodSync(path, 0o700);
      Deno.symlinkSync(path, `${path}.link`);
      assertThrows(() => StateRoot.open(`${path}.link`), ContainerError);
    }),
);

for (
  const id of [
    "../x",
    "a/b",
    ".",
    "..",
    "",
    ".x",
    ".removed-x",
    "a,b",
    "a:b",
    "a b",
    "x".repeat(129),
    "ä",
  ]
) {
  Deno.test(`${JSON.stringify(id.slice(0, 20))} is no id`, () => {
    assertThrows(() => checkId(id), ContainerError, "not allowed");
  });
}

Deno.test("letters, digits and _ . + - make an id, and a name that begins with one of the former", () => {
  for (const id of ["A9_x.y+z-0", "_x", "+x", "-x", "--", "a.."]) checkId(id);
  checkId("A9_x.y+z-0", "name");
  for (const name of ["_x", "+x", "-x", ".x"]) {
    assertThrows(() => checkId(name, "name"), ContainerError, "not allowed");
  }
});
