import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/errors.ts";
import { headerOf, parseTemplate } from "../../../lib/cli/format/template.ts";

const row = {
  Name: "nginx:1.27",
  Size: 1234567,
  Created: null,
  Ready: true,
  Layers: ["a", "b"],
  Config: { Env: ["A=b"], Labels: { "a.b": "c\u001b[2J\n", plain: "p" } },
};

function say(template: string, isShown = false): string {
  return parseTemplate(template, isShown)(row);
}

Deno.test("members of a value take their places in a template", () => {
  const cases: Record<string, string> = {
    "": "",
    "plain": "plain",
    "{{.Name}}": "nginx:1.27",
    "{{ .Name }}\\t{{.Size}}\\n": "nginx:1.27\t1234567\n",
    "{{.Name}}{{.Name}}": "nginx:1.27nginx:1.27",
    "<{{.Created}}>": "<>",
    "{{.Ready}}": "true",
    "{{.Layers}}": '["a","b"]',
    "{{.Config.Env}}": '["A=b"]',
    "{{json .Config}}": JSON.stringify(row.Config),
    "{{json .Created}}": "null",
    "{{json .}}": JSON.stringify(row),
    "{{.}}": JSON.stringify(row),
    "{{len .Layers}} {{len .Name}} {{len .Config.Labels}} {{len .Created}}": "2 10 2 0",
    "{{upper .Name}} {{lower .Name}}": "NGINX:1.27 nginx:1.27",
    "{{.Config.Labels.plain}}": "p",
    '{{.Config.Labels "plain"}}': "p",
    '{{json .Config.Labels "a.b"}}': JSON.stringify("c\u001b[2J\n"),
    '{{.Config.Labels "no.such"}}': "",
    "{{.Config.Labels.nosuch}}": "",
    "{{.Created.Anything}}": "",
    "}} {": "}} {",
  };
  for (const [template, expected] of Object.entries(cases)) {
    assertEquals(say(template), expected, template);
  }
});

Deno.test("what would control a terminal is escaped where the text goes to one", () => {
  const template = '{{.Config.Labels "a.b"}}|';
  assertEquals(say(template), "c\u001b[2J\n|");
  assertEquals(say(template, true), "c\\u001b[2J\\n|");
  assertEquals(say("{{.Name}}\\n", true), "nginx:1.27\n");
});

Deno.test("templates that make no sense are refused with what was meant", () => {
  const cases: readonly (readonly [template: string, message: RegExp, hint?: string])[] = [
    ["{{.Nmae}}", /there is no member "Nmae"$/, "Did you mean {{.Name}}?"],
    ["{{.Config.Envs}}", /no member "Envs"$/, "Did you mean {{.Env}}?"],
    ["{{.Name.Length}}", /what has no members has no "Length"$/],
    ["{{.Name}", /"{{" is not closed by "}}"$/],
    ["{{}}", /"{{}}" is none of what can stand there$/],
    ["{{range .Layers}}", /there is no function "range"$/],
    ["{{.Name | json}}", /is none of what can stand there$/],
    ["{{if .Name}}x{{end}}", /there is no function "if"$/],
    ["{{.constructor.Name}}", /./],
  ];
  for (const [template, message, hint] of cases) {
    if (template === "{{.constructor.Name}}") {
      assertEquals(say(template), "");
      continue;
    }
    const error = assertThrows(() => say(template), UsageError);
    assertEquals(message.test(error.message), true, error.message);
    if (hint !== undefined) assertEquals(error.hint, hint);
  }
});

Deno.test("a table's header is made of the members' names", () => {
  assertEquals(
    headerOf("{{.Name}}\\t{{json .LastUsed}}\\t{{.Config.Env}}"),
    "NAME\tLAST USED\tENV",
  );
  assertEquals(headerOf('{{.Config.Labels "a.b"}} x'), "B x");
});
