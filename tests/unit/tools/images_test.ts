import { assertMatch } from "@std/assert";
import { exists } from "../../../tools/project.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
/** For which no busybox of this machine stands in. */
const [ARCH, HERE] = Deno.build.arch === "x86_64" ? ["aarch64", "x86_64"] : ["x86_64", "aarch64"];
const { url } = (JSON.parse(Deno.readTextFileSync(`${ROOT}/images/sources.json`)) as {
  readonly arch: string;
  readonly url: string;
}[]).find(({ arch }) => arch === ARCH)!;
const isThere = exists(`${ROOT}/.build/images/${url.slice(url.lastIndexOf("/") + 1)}`) ||
  !exists(`${ROOT}/tools/offline`);

const NAME = "why an image cannot be had is told where none stands in for it, too";
if (isThere) console.log(`SKIPPED ${NAME}: the archive is here, or nothing stands in for any`);

Deno.test({ name: NAME, ignore: isThere }, async () => {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["eval", "--no-lock", "--no-config"],
      `import { runTool } from "${ROOT}tools/report.ts";
       import { imageArchive } from "${ROOT}tools/build/images.ts";
       await runTool(async () => (await imageArchive("${ARCH}"), 0));`,
    ],
    env: { GOCONTAINER_OFFLINE: "1", GOCONTAINER_IMAGE_MIRROR: "/nowhere" },
  }).output();
  assertMatch(
    new TextDecoder().decode(stderr),
    new RegExp(
      `error: get image "alpine": GOCONTAINER_OFFLINE is set; and to make an image .*${HERE}"\n`,
    ),
  );
});
