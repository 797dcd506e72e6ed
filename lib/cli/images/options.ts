import type { Arguments, OptionSpec } from "../arguments.ts";

/** The option for the images folder, which every command on images has. */
export const IMAGES_OPTION: OptionSpec = {
  name: "i",
  value: "FOLDER",
  help: "folder with images (default images)",
};

/** The images folder that is meant. */
export function imagesFolderOf(args: Arguments): string {
  return args.text("i") ?? "images";
}

/** The option for one platform of an image of several. */
export const PLATFORM_OPTION: OptionSpec = {
  name: "platform",
  value: "OS/ARCH",
  help: "the one for this platform (OS/ARCH[/VARIANT])",
};

/** The option for the containers folder. */
export const CONTAINERS_OPTION: OptionSpec = {
  name: "c",
  value: "FOLDER",
  help: "folder for containers (default containers)",
};

/** The containers folder that is meant. */
export function containersFolderOf(args: Arguments): string {
  return args.text("c") ?? "containers";
}
