/**
 * Row D10: groups that deny something, dropped by who may not drop them (CVE-2014-8989); and what a config says,
 * grown so long that it spills into what the runtime tells itself (CVE-2021-43784).
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testWith } from "../engines/support/skip.ts";
import { Bundles, type FilledSpec } from "../integration/support/bundle.ts";
import { isInstalled, ROOT } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const bundles = new Bundles(workspace);

/** Maps the ids of a new user namespace, as the runtime does, and looks from inside what may be set there. */
const MAP = `
import { makeUserNamespace } from "${ROOT}/lib/runtime/id_mappings.ts";
const own = (hostID) => [{ containerID: 0, hostID, size: 1 }];
using namespace = makeUserNamespace(own(Deno.uid()), own(Deno.gid()));
const { stdout, stderr } = new Deno.Command("nsenter", {
  args: [
    "--preserve-credentials",
    \`--user=/proc/\${Deno.pid}/fd/\${namespace.number}\`,
    ...["sh", "-c", "cat /proc/self/setgroups; setpriv --clear-groups echo dropped"],
  ],
}).outputSync();
console.log(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
`;

testWith(
  { setpriv: isInstalled("setpriv"), nsenter: isInstalled("nsenter") },
  "in a user namespace that is not made by root, groups cannot be dropped",
  async () => {
    const script = `${workspace.path("map")}.ts`;
    Deno.writeTextFileSync(script, MAP);
    Deno.chmodSync(workspace.folder, 0o755);
    const NOBODY = 65534;
    const cache = Deno.makeTempDirSync({ dir: workspace.folder });
    Deno.chownSync(cache, NOBODY, NOBODY);
    const { stdout, stderr } = await new Deno.Command("setpriv", {
      args: [
        ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--groups=1", Deno.execPath(), "run", "-A"],
        ...["--no-config", "--no-lock", "--no-check", script],
      ],
      env: { DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const told = new TextDecoder();
    assertMatch(told.decode(stdout), /^deny\nsetpriv: .*not permitted/, told.decode(stderr));
  },
);

/** A bundle for all of them. */
let made: Promise<string> | undefined;

/** Longer than any message, and than what 16 bits can count. */
const LONG = 70_000;

/** What an attacker would like to be read as: an end of a message, and another one. */
const INJECTED = '"}{"type":"ready"}\n{"type":"born","pid":1}';

const FIELDS: Readonly<Record<string, (spec: FilledSpec, text: string) => void>> = {
  "process.args[0]": (spec, text) => spec.process.args = [text],
  "process.args[0] as a path": (spec, text) => spec.process.args = [`/${text}`],
  "process.cwd": (spec, text) => spec.process.cwd = `/${text}`,
  "mounts[].destination": (spec, text) => {
    spec.mounts.push({ destination: `/${text}`, type: "tmpfs", source: "tmpfs" });
  },
  "mounts[].source": (spec, text) => {
    spec.mounts.push({
      destination: "/m",
      type: "bind",
      source: `/${text}`,
      options: ["bind"],
    });
  },
  "mounts[].type": (spec, text) => {
    spec.mounts.push({ destination: "/m", type: text, source: "x" });
  },
  "mounts[].options[]": (spec, text) => {
    spec.mounts.push({ destination: "/m", type: "tmpfs", source: "x", options: [text] });
  },
  "hostname": (spec, text) => spec.hostname = text,
  "domainname": (spec, text) => spec.domainname = text,
  "linux.devices[].path": (spec, text) => {
    spec.linux.devices = [{ type: "c", path: `/dev/${text}`, major: 1, minor: 3 }];
  },
  "linux.namespaces[].path": (spec, text) => {
    spec.linux.namespaces = [{ type: "network", path: `/${text}` }];
  },
  "linux.sysctl": (spec, text) => {
    spec.linux.sysctl = { [`net.ipv4.${text.replaceAll(/[^a-z]/g, "a")}`]: "1" };
  },
  "a value of linux.sysctl": (spec, text) => spec.linux.sysctl = { "net.ipv4.ip_forward": text },
  "hooks": (spec, text) => spec.hooks = { createContainer: [{ path: `/${text}` }] },
  "hooks of the runtime": (spec, text) => spec.hooks = { prestart: [{ path: `/${text}` }] },
  "linux.cgroupsPath": (spec, text) => spec.linux.cgroupsPath = `/${text}`,
  "linux.resources": (spec, text) => {
    spec.linux.resources = { ...spec.linux.resources, unified: { [text.slice(0, 200)]: text } };
  },
  "root.path": (spec, text) => spec.root.path = text,
};

/** What each field is made: too long by one word, by many messages, and of the right length. */
const TEXTS = ["x".repeat(LONG), INJECTED.repeat(2000), INJECTED];

for (const [field, put] of Object.entries(FIELDS)) {
  Deno.test(`${field} of ${LONG} characters is refused in one line`, async () => {
    await attack(workspace, async () => {
      const bundle = await (made ??= bundles.make("true"));
      const config = await Deno.readTextFile(`${bundle}/config.json`);
      for (const text of TEXTS) {
        const spec = JSON.parse(config) as FilledSpec;
        put(spec, text);
        await Deno.writeTextFile(`${bundle}/config.json`, JSON.stringify(spec));
        const { code, stdout, stderr } = await bundles.command(
          ["run", "-b", bundle, bundles.id()],
        );
        assertEquals(stdout, "");
        // A file may be called so.
        if (code !== 0 || text.length > 64) {
          assertEquals(code, 1, stderr.slice(0, 2000));
          assertMatch(stderr, /^gocontainer: [^\n]*\S: \S/, stderr.slice(0, 2000));
          assert(!/\n\s+at |SyntaxError|JSON|RangeError/.test(stderr), stderr.slice(0, 2000));
          assert(stderr.length < 4000, `${stderr.length} characters: ${stderr.slice(0, 2000)}`);
        }
      }
      await Deno.writeTextFile(`${bundle}/config.json`, config);
    });
  });
}

Deno.test("long arguments and variables that the kernel takes are passed on whole", async () => {
  await attack(workspace, async () => {
    const long = "x".repeat(100_000);
    const { code, stdout, stderr } = await bundles.run("", (spec) => {
      spec.process.args = [
        "/bin/sh",
        "-c",
        'echo ${#0} ${#1} ${#LONG} "$2"',
        long,
        long,
        INJECTED,
      ];
      spec.process.env = [...spec.process.env ?? [], `LONG=${long}`];
    });
    assertEquals(code, 0, stderr);
    assertEquals(stdout, `100000 100000 100000 ${INJECTED}\n`);
  });
});
