/** A number of bytes as people say it, exact: `64 MiB`, `1536 KiB`, `1000 bytes`. */
export function formatBytes(bytes: number | bigint): string {
  let value = BigInt(bytes);
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (unit < units.length - 1 && value !== 0n && value % 1024n === 0n) {
    value /= 1024n;
    unit++;
  }
  return `${value} ${units[unit]}`;
}
