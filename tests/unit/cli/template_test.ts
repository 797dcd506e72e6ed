import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/errors.ts";
import { headerOf, parseTemplate } from "../../../lib/cli/format/template/mod.ts";

const row = {
  Name: "nginx:1.27",
  Size: 1234567,
  Created: null,
  Ready: true,
  Layers: ["a", "b"],
  Items: [{ Id: "one" }, { Id: "two" }],
  Config: { Env: ["A=b"], Labels: { "a.b": "c\u001b[2J\n", plain: "p" } },
};

function say(template: string, isShown = false): string {
  return parseTemplate<typeof row>(template, isShown, {
    Repository: ({ Name }) => Name.split(":")[0],
  })(row);
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
    '{{json (index .Config.Labels "a.b")}}': JSON.stringify("c\u001b[2J\n"),
    '{{.Config.Labels "no.such"}}': "",
    "{{.Config.Labels.nosuch}}": "",
    "{{.Created.Anything}}": "",
    "}} {": "}} {",
  };
  for (const [template, expected] of Object.entries(cases)) {
    assertEquals(say(template), expected, template);
  }
});

Deno.test("the actions and functions that docker's templates have", () => {
  const cases: Record<string, string> = {
    "{{.Repository}} {{$.Repository}}": "nginx nginx",
    "{{if .Ready}}yes{{end}}{{if .Created}}no{{end}}": "yes",
    "{{if .Created}}a{{else if .Ready}}b{{else}}c{{end}}": "b",
    "{{if .Created}}a{{else if not .Ready}}b{{else}}c{{end}}|": "c|",
    "{{range .Layers}}<{{.}}{{$.Size}}>{{end}}": "<a1234567><b1234567>",
    "{{range .Created}}x{{else}}none{{end}}": "none",
    "{{range $i, $layer := .Layers}}{{$i}}={{$layer}} {{end}}": "0=a 1=b ",
    "{{range $key, $value := .Config.Labels}}{{$key}}:{{len $value}},{{end}}": "a.b:6,plain:1,",
    "{{range $e := .Config.Env}}{{$e}}{{end}}": "A=b",
    "{{range .Layers}}{{if eq . `a`}}first{{else}}{{range $.Config.Env}}{{.}}{{end}}{{end}};{{end}}":
      "first;A=b;",
    "{{with .Config}}{{index .Env 0}}{{end}}{{with .Created}}x{{else}}y{{end}}": "A=by",
    "{{range .Layers}}{{println .}}{{end}}": "a\nb\n",
    "{{println .Name .Size}}": "nginx:1.27 1234567\n",
    '{{join .Layers ", "}}|{{join .Layers "\\n"}}': "a, b|a\nb",
    '{{join (split .Name ":") "-"}} {{index (split .Name ":") 1}}': "nginx-1.27 1.27",
    "{{.Name | upper | json}}": '"NGINX:1.27"',
    "{{title .Name}} {{truncate .Name 5}}": "Nginx:1.27 nginx",
    '{{index .Config.Labels "plain"}}{{index .Config.Labels "none"}}': "p",
    "{{(index .Items 1).Id}} {{(index .Items 0).Id | len}}": "two 3",
    "{{eq .Size 1234567}} {{ne .Name `x`}} {{gt .Size 5}} {{lt .Size 5}} {{le 1 1}} {{ge 1 2}}":
      "true true true false true false",
    '{{eq .Name "a" "nginx:1.27"}} {{and .Ready .Name}} {{or .Created "-"}}': "true nginx:1.27 -",
    "a {{- /* nothing */ -}} b": "ab",
    "a\n  {{- .Size -}}  \n b": "a1234567b",
    '{{printf "%-12s|%5d|%05d" .Name .Size 42}}': "nginx:1.27  |1234567|00042",
    '{{printf "%.5s %q %v %t %x %.2f %%" .Name "a" .Layers .Ready 255 1.5}}':
      'nginx "a" ["a","b"] true ff 1.50 %',
    '{{.Size | printf "%d %s"}} {{printf "%d" .Name}}': "1234567 %!s(MISSING) %!d(nginx:1.27)",
    "{{slice .Name 0 5}} {{slice .Name 6}} {{slice .Name 6 99}} {{slice .Layers 1}}":
      'nginx 1.27 1.27 ["b"]',
    '{{range slice .Layers 0 1}}{{.}}{{end}} {{slice "abc" 2 1}}|': "a |",
    '{{pad .Name 1 2}}| {{pad "" 5 5}}|': " nginx:1.27  | |",
    '{{html "<a b=\'c\'>&\\""}}': "&lt;a b=&#39;c&#39;&gt;&amp;&#34;",
    '{{urlquery "a b/ü(1)~*"}}': "a+b%2F%C3%BC%281%29~%2A",
    '{{print .Size "-" .Ready}}': "1234567-true",
    "{{$name := .Name}}{{range .Layers}}{{$name}}/{{.}} {{end}}": "nginx:1.27/a nginx:1.27/b ",
    '{{$last := ""}}{{range .Layers}}{{$last = .}}{{end}}{{$last}}': "b",
    "{{$x := 1}}{{if .Ready}}{{$x := 2}}{{$x}}{{end}}{{$x}}": "21",
    "{{with $c := .Config}}{{index $c.Env 0}}{{.Env | len}}{{end}}": "A=b1",
    "{{if $n := len .Layers}}{{$n}}{{else}}none{{end}}": "2",
    "{{with .Created}}a{{else with .Config}}{{index .Env 0}}{{else}}c{{end}}": "A=b",
    "{{$size := .Size | printf `%d`}}{{len $size}}": "7",
    "{{true}}{{false}}{{nil}}{{-3}}": "truefalse-3",
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
  assertEquals(say('{{printf "%s\\n" (index .Config.Labels "a.b")}}', true), "c\\u001b[2J\\n\n");
  // What is the template's own controls what it likes.
  const own = '{{join .Layers "\\n"}}{{range .Config.Labels}}{{println .}}{{end}}';
  assertEquals(say(own, true), "a\nbc\\u001b[2J\\n\np\n");
  assertEquals(say("{{json .Config.Labels}}", true), JSON.stringify(row.Config.Labels));
  assertEquals(say('{{upper (index .Config.Labels "a.b")}}', true), "C\\u001b[2J\\n");
});

Deno.test("templates that make no sense are refused with what was meant", () => {
  const cases: readonly (readonly [template: string, message: RegExp, hint?: string])[] = [
    ["{{.Nmae}}", /there is no member "Nmae"$/, "Did you mean {{.Name}}?"],
    ["{{.Config.Envs}}", /no member "Envs"$/, "Did you mean {{.Env}}?"],
    ["{{.Name.Length}}", /what has no members has no "Length"$/],
    ["{{.Name}", /"{{" is not closed by "}}"$/],
    ["{{}}", /"{{}}" is none of what can stand there$/],
    ["{{range .Layers}}", /"{{range .Layers}}" is not ended by "{{end}}"$/],
    ["{{if .Name}}x{{else}}y", /"{{if .Name}}" is not ended by "{{end}}"$/],
    ["{{if .Name}}x{{else}}y{{else}}z{{end}}", /is not ended by "{{end}}"$/],
    ["x{{end}}", /"{{end}}" ends nothing$/],
    ["{{else if .Name}}", /"{{else if .Name}}" ends nothing$/],
    ["{{if}}x{{end}}", /"{{if}}" is none of what can stand there$/],
    ["{{range $a := }}x{{end}}", /is none of what can stand there$/],
    ["{{.Name | .Size}}", /is none of what can stand there$/],
    ["{{.Name |}}", /is none of what can stand there$/],
    ["{{(len .Name}}", /is none of what can stand there$/],
    ["{{len .Name)}}", /is none of what can stand there$/],
    ["{{.Name % 2}}", /is none of what can stand there$/],
    ['{{.Name "a\\q"}}', /is none of what can stand there$/],
    ["{{sluce .Name}}", /there is no function "sluce"$/],
    ["{{slice .Name 1 2 3}}", /"slice" is given too many arguments$/],
    ["{{$x = 1}}", /there is no "\$x"$/],
    ["{{if .Ready}}{{$x := 1}}{{end}}{{$x}}", /there is no "\$x"$/],
    ["{{$x := }}", /is none of what can stand there$/],
    ["{{printf}}", /"printf" is given too few arguments$/],
    ["{{constructor .Name}}", /there is no function "constructor"$/],
    ["{{json}}", /"json" is given too few arguments$/],
    ["{{.Name | truncate}}", /"truncate" is given too few arguments$/],
    ["{{json .Name .Size}}", /"json" is given too many arguments$/],
    ["{{$nope}}", /there is no "\$nope"$/],
    ["{{.Repositry}}", /no member "Repositry"$/, "Did you mean {{.Repository}}?"],
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
  assertEquals(headerOf("{{$n := .Name}}{{slice .ID 0 12}}\\t{{$n}}"), "ID\t");
  assertEquals(
    headerOf(
      "{{.ID}}\\t{{.CreatedSince | upper}}\\t{{range .RepoTags}}{{println .}}{{end}}{{- if .A}}",
    ),
    "ID\tCREATED SINCE\t",
  );
});
