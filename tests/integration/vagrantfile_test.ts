import { host, isInstalled, ROOT } from "./support/project.ts";

const HAS_VAGRANT = isInstalled("vagrant");
if (!HAS_VAGRANT) console.log("SKIPPED the Vagrantfile is valid: vagrant is missing");

Deno.test({ name: "the Vagrantfile is valid", ignore: !HAS_VAGRANT }, async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(`${ROOT}/Vagrantfile`, `${folder}/Vagrantfile`);
    // What it says of itself, and its state, stay out of the project and of the user's home.
    await host(
      "env",
      ...["-C", folder, `VAGRANT_HOME=${folder}/home`, `VAGRANT_DOTFILE_PATH=${folder}/state`],
      ...["vagrant", "validate", "--ignore-provider"],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
