/**
 * Folders of one cgroup in several hierarchies as one word, which a shell takes apart again:
 * `/sys/fs/cgroup/{cpu,memory}/go_containers/web`.
 */
export function inOneWord(folders: readonly string[]): string {
  const [first = ""] = folders;
  const start = commonStart(folders.map((folder) => folder.split("/")));
  const end = commonStart(
    folders.map((folder) => folder.split("/").slice(start.length).reverse()),
  ).reverse();
  const middles = folders.map((folder) =>
    folder.split("/").slice(start.length, end.length === 0 ? undefined : -end.length).join("/")
  );
  if (middles.length < 2 || middles.some((middle) => middle === "")) {
    return folders.length < 2 ? first : folders.join(" ");
  }
  return [...start, `{${middles.join()}}`, ...end].join("/");
}

/** The components that all lists begin with. */
function commonStart(lists: readonly string[][]): string[] {
  const [first = [], ...others] = lists;
  const length = first.findIndex((part, i) => others.some((list) => list[i] !== part));
  return length < 0 ? [...first] : first.slice(0, length);
}
