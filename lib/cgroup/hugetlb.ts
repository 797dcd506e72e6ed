import { ContainerError } from "../errors.ts";
import type { Controller, Setting } from "./setting.ts";

/**
 * The hugetlb controller. Reservations are limited first, where the kernel can (since Linux 5.7):
 * a program that reserves too much is told so by mmap(2) instead of dying of SIGBUS later.
 *
 * @param ending the end of the limits' file names: `limit_in_bytes` in v1, `max` in v2.
 */
export function hugetlbController(ending: string): Controller {
  return {
    name: "hugetlb",
    part: "hugepageLimits",
    settings({ hugepageLimits = [] }) {
      return hugepageLimits.flatMap(({ pageSize, limit }): Setting[] => {
        if (!/^[1-9][0-9]*[KMG]B$/.test(pageSize)) {
          throw new ContainerError(
            `set hugepageLimits: ${JSON.stringify(pageSize)} is no page size`,
            { code: "InvalidSpec", hint: 'A page size is written "64KB", "2MB" or "1GB"' },
          );
        }
        const field = "hugepageLimits";
        const value = BigInt(limit) < 0n ? (ending === "max" ? "max" : "-1") : `${limit}`;
        return [
          { field, file: `hugetlb.${pageSize}.rsvd.${ending}`, value, extra: true },
          {
            field,
            file: `hugetlb.${pageSize}.${ending}`,
            value,
            missing: "ls /sys/kernel/mm/hugepages shows the page sizes that the kernel has",
          },
        ];
      });
    },
  };
}
