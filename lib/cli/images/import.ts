import { ContainerError } from "../../errors.ts";
import { quote } from "../../quote.ts";
import type { Descriptor } from "../../image/descriptor.ts";
import { applyChanges } from "../../image/change.ts";
import { extractionError } from "../../image/extraction_error.ts";
import { type ImportOptions, importRootfs } from "../../image/import.ts";
import { parsePlatform } from "../../image/platform.ts";
import { ProgressLine } from "../../image/progress.ts";
import { parseReference } from "../../image/reference.ts";
import { ImageStore } from "../../image/store/store.ts";
import type { Command } from "../command.ts";
import { type Input, openInput, piecesOfInput } from "./files.ts";
import { CHANGE_OPTION, nameImage } from "./made.ts";
import { IMAGES_OPTION, imagesFolderOf, PLATFORM_OPTION } from "./options.ts";

/** `gocontainer import FILE [REF]`. */
export const command: Command = {
  synopsis: ["import [OPTIONS] FILE|- [REF]"],
  summary:
    "Makes an image of the archive of a root file system, compressed or not, and prints its id.\n" +
    "With - it reads standard input.",
  options: [
    IMAGES_OPTION,
    { ...CHANGE_OPTION, alias: "c" },
    { ...PLATFORM_OPTION, help: "what it is for (default this machine's)" },
    // Nothing is told but its id.
    { name: "quiet", alias: "q" },
    { name: "arch", synonym: ["os", "variant"], instead: "Use -platform OS/ARCH[/VARIANT]" },
    { name: "m", alias: "message", value: "TEXT", help: "what the image's history says" },
  ],
  words: { least: 1, most: 2 },
  async run(args) {
    const [path, name] = args.rest;
    const reference = name === undefined ? undefined : parseReference(name);
    const config = applyChanges({}, args.texts("change"));
    const text = args.text("platform");
    const platform = text === undefined ? undefined : parsePlatform(text);
    assertNoUrl(path!);
    using input = openInput(path);
    using store = ImageStore.open(imagesFolderOf(args));
    const comment = args.text("m") ?? `imported from ${input.fd === 0 ? "-" : path}`;
    try {
      const descriptor = await importArchive(store, input, {
        config,
        comment,
        ...platform && { platform },
      });
      nameImage(store, reference, descriptor);
    } catch (error) {
      throw extractionError(error, "import a root file system", {
        archive: input.name,
        isFile: true,
      });
    }
    return 0;
  },
};

async function importArchive(
  store: ImageStore,
  input: Input,
  options: ImportOptions,
): Promise<Descriptor> {
  using progress = new ProgressLine("import a root file system");
  return await importRootfs(store, piecesOfInput(input, progress), options);
}

/** docker's import gets archives by itself. */
function assertNoUrl(path: string): void {
  if (!/^https?:\/\//.test(path)) return;
  throw new ContainerError(`import ${quote(path)}: archives are not got from the network`, {
    code: "InvalidArgument",
    hint: "Get it by another program: curl -fL URL | gocontainer import -",
  });
}
