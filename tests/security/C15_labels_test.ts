/** C15: labels and annotations of an image are for people to read, and change nothing. */

import { assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import type { Spec } from "../../lib/oci/spec.ts";
import { putImage, type TestLayer } from "../integration/layer_lab.ts";
import { alpineArchive } from "../integration/support/project.ts";
import { Workspace } from "../integration/support/workspace.ts";
import { attack } from "./decoy.ts";

const workspace = Workspace.ofThisFile();
const archive = alpineArchive();
const ALPINE: TestLayer = archive === undefined
  ? []
  : new Uint8Array(gunzipSync(Deno.readFileSync(archive)));

/** What other programs take for orders. */
const LABELS: Record<string, string> = {
  "io.kubernetes.cri-o.Devices": "/dev/mem",
  "io.kubernetes.cri-o.userns-mode": "auto",
  "io.podman.annotations.privileged": "TRUE",
  "io.containers.autoupdate": "registry",
  "run.oci.handler": "krun",
  "run.oci.hooks.stdout": "/etc/passwd",
  "run.oci.keep_original_groups": "1",
  "run.oci.mount_context_type": "context",
  "org.systemd.property.DeviceAllow": "['/dev/sda rwm']",
  "org.criu.config": "/etc/criu",
  "com.docker.compose.project": "x",
  "traefik.enable": "true",
  "RUN": "docker run --privileged IMAGE",
  "gocontainer.hooks": "/bin/sh",
  "org.opencontainers.image.os": "windows",
  "__proto__": "polluted",
  "constructor": "x",
};

/** A config without what differs between two containers. */
function plain(spec: Spec, id: string): unknown {
  const { annotations: _, ...rest } = spec;
  return JSON.parse(JSON.stringify(rest).replaceAll(id, "ID"));
}

Deno.test({
  name: "C15: two images that differ in labels make the same container",
  ignore: archive === undefined || Deno.uid() !== 0,
  fn: () =>
    attack(workspace, async () => {
      const seen: { config: unknown; said: string }[] = [];
      for (const [name, Labels] of [["plain", {}], ["labelled", LABELS]] as const) {
        await putImage(workspace.path("images"), `test/${name}:1`, [ALPINE], {
          config: {
            config: {
              Cmd: ["sh", "-c", "grep -E '^(Cap|Seccomp|NoNew|Uid)' /proc/self/status; ls /dev"],
              Labels,
            },
          },
        });
        const before = new Set(workspace.ids());
        const { code, stdout } = await workspace.run(["run", "-net=none", `test/${name}:1`]);
        assertEquals(code, 0);
        const [id = ""] = workspace.ids().filter((one) => !before.has(one));
        const text = Deno.readTextFileSync(workspace.path(`containers/${id}/config.json`));
        const config = plain(JSON.parse(text) as Spec, id);
        seen.push({
          config: JSON.parse(JSON.stringify(config).replaceAll(name, "NAME")),
          said: stdout,
        });
      }
      assertEquals(seen[1], seen[0]);
    }),
});
