const WANTED = "Give a tar archive, plain or compressed by gzip, xz or zstd";
const COPY = "Copy or download it again";
const MAKE = "make it again with plain tar";
const TRUST = `Who made it is not to be trusted; if that was you, ${MAKE}`;

/** By the first words of a fault, the longest first. */
const HINTS: readonly (readonly [string, string])[] = [
  ["is empty", COPY],
  ["is truncated", COPY],
  ["is broken or hostile", TRUST],
  ["is broken", `${COPY}, or ${MAKE}`],
  ["is hostile", TRUST],
  ["is a", WANTED],
  ["holds no tar archive", WANTED],
  ["has no image in it", "Save an image into it: gocontainer save -o FILE IMAGE"],
  ["has no file in it", "Make it of a folder with files: tar -C FOLDER -czf FILE.tar.gz ."],
  ["has a name that is too long", "Make it again with shorter names"],
  ['has "', `If you made it, ${MAKE}`],
];

/**
 * What to do about an archive that a user gave.
 *
 * @param fault what is wrong with it, in the words of an ArchiveFault: `is truncated`
 */
export function archiveHint(fault: string): string | undefined {
  return HINTS.find(([words]) => fault.startsWith(words))?.[1];
}
