/** Row E6: secrets of the caller's environment that show in a container, its records, or helper programs. */

import { assert, assertEquals } from "@std/assert";
import { host, isInstalled, STATE } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();

const NAMES = ["AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "SUDO_COMMAND", "LC_ALL", "MY_TOKEN"];

function secrets(secret: string): { [name: string]: string } {
  return Object.fromEntries(NAMES.map((name) => [name, `${name}-${secret}`]));
}

Deno.test("nothing of it is in the container, nor in what is kept of it", async () => {
  await attack(workspace, async ({ secret }) => {
    const script =
      "cat /proc/*/environ | tr '\\0' '\\n'; env; hostname; echo ready; exec sleep 1000";
    const running = workspace.start(["alpine", "/bin/sh", "-c", script], { env: secrets(secret) });
    await running.says(/ready/);
    const { id, bundle } = await running.record();
    for (const place of [bundle, `${STATE}/${id}`]) {
      const found = await new Deno.Command("grep", { args: ["-r", secret, place] }).output();
      assertEquals(new TextDecoder().decode(found.stdout), "");
    }
    running.kill("SIGTERM");
    const { stdout, stderr } = await running.end();
    assert(!stdout.includes(secret) && !stderr.includes(secret));
  });
});

Deno.test("one container's variables are not another's", async () => {
  await attack(workspace, async ({ secret }) => {
    await workspace.run(["-e", `OWN=${secret}`, "-net=none", "alpine", "true"]);
    const { stdout } = await workspace.run(["-net=none", "alpine", "env"]);
    assert(!stdout.includes(secret));
  });
});

Deno.test({
  name: "helper programs get neither the caller's variables nor the container's",
  ignore: !isInstalled("strace"),
  fn: async () => {
    await attack(workspace, async ({ secret }) => {
      const log = workspace.path("exec.log");
      const through = ["strace", "-f", "-qqq", "-v", "-s", "9999", "-e", "trace=execve", "-o", log];
      const { code } = await workspace.run(
        ["-e", `OWN=${secret}`, "alpine", "true"],
        { through, env: secrets(secret) },
      );
      assertEquals(code, 0);
      const calls = (await Deno.readTextFile(log)).split("\n").filter((line) =>
        /execve\(/.test(line)
      );
      const helpers = calls.filter((line) =>
        /execve\("\/(usr\/)?s?bin\/(ip|nft|iptables)"/.test(line)
      );
      assert(helpers.length > 0, calls.join("\n"));
      for (const helper of helpers) assert(!helper.includes(secret), helper);
      // The program itself has its own only.
      const [own] = calls.filter((line) =>
        line.includes(`"OWN=${secret}"`) && !/gocontainer"/.test(line)
      );
      for (const name of NAMES) assert(!own.includes(name), own);
    });
    await host("rm", workspace.path("exec.log"));
  },
});
