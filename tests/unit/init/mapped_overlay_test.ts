import { assertEquals } from "@std/assert";
import { mappedLayers } from "../../../lib/init/mapped_overlay.ts";

/** The options with layers by numbers, and the folders that the numbers stand for. */
function mapped(options: [string, string?][]) {
  const folders: string[] = [];
  return { options: mappedLayers(options, (folder) => `${folders.push(folder) - 1}`), folders };
}

Deno.test("each layer is mapped, and the folder that changes and work have in common", () => {
  assertEquals(
    mapped([["lowerdir", "/a:/b\\:c:/d"], ["upperdir", "/c/id/upper"], ["workdir", "/c/id/work"]]),
    {
      options: [["lowerdir", "1:2:3"], ["upperdir", "0/upper"], ["workdir", "0/work"]],
      folders: ["/c/id", "/a", "/b:c", "/d"],
    },
  );
});

Deno.test("layers of data stay behind two colons, those given singly and other options as they are", () => {
  assertEquals(
    mapped([["lowerdir", "/a::/data"], ["metacopy", "on"], ["ro"], ["lowerdir+", "/x:y"]]),
    {
      options: [["lowerdir", "0::1"], ["metacopy", "on"], ["ro"], ["lowerdir+", "2"]],
      folders: ["/a", "/data", "/x:y"],
    },
  );
});

Deno.test("names that only begin alike have no more in common than the folder above", () => {
  assertEquals(mapped([["upperdir", "/m/work-up"], ["workdir", "/m/work"]]), {
    options: [["upperdir", "0/work-up"], ["workdir", "0/work"]],
    folders: ["/m"],
  });
  assertEquals(mapped([["upperdir", "/u"], ["workdir", "/w"]]).folders, ["/"]);
});
