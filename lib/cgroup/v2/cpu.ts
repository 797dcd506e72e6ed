import type { CpuResources } from "../../oci/spec.ts";
import type { Controller, Current, Impossible, Setting } from "../setting.ts";
import { IDLE_HAS_NO_SHARES, weightOfShares } from "../weight.ts";

/** The cpu controller of cgroup v2 (cgroup-v2.rst, CPU). */
export const cpu: Controller = {
  name: "cpu",
  part: "cpu",
  settings({ cpu }, current) {
    if (!cpu) return [];
    return [...share(cpu), ...bandwidth(cpu, current), ...realtime(cpu)];
  },
};

/** An idle cgroup's weight cannot be written, so it becomes idle last and busy first. */
function share({ shares, idle }: CpuResources): Setting[] {
  const settings: Setting[] = [];
  if (shares) {
    const value = `${weightOfShares(shares)}`;
    settings.push({
      field: "cpu.shares",
      file: "cpu.weight",
      value,
      refused: IDLE_HAS_NO_SHARES,
    });
  }
  if (idle !== undefined) {
    settings.push({
      field: "cpu.idle",
      file: "cpu.idle",
      value: `${idle}`,
      missing: "The kernel has it since Linux 5.15",
      refused: "It is 0 or 1",
    });
  }
  return idle === 1 ? settings : settings.reverse();
}

function bandwidth({ quota, period, burst }: CpuResources, current: Current): Setting[] {
  const settings: Setting[] = [];
  const setBurst = (value: string): Setting => ({
    field: "cpu.burst",
    file: "cpu.max.burst",
    value,
    missing: "The kernel has it since Linux 5.14",
    refused: "A burst is at most as long as the quota",
  });
  // An old burst must not stand against a smaller quota.
  if (burst !== undefined && (current("cpu.max.burst") ?? "0") !== "0") {
    settings.push(setBurst("0"));
  }
  if (quota || period) {
    const limit = quota
      ? (BigInt(quota) < 0n ? "max" : `${quota}`)
      : current("cpu.max")?.split(" ")[0] ?? "max";
    settings.push({
      field: quota ? "cpu.quota" : "cpu.period",
      file: "cpu.max",
      value: period ? `${limit} ${period}` : limit,
      missing: "The kernel needs CONFIG_CFS_BANDWIDTH",
      refused: "A quota is at least 1000 microseconds, a period has 1000 to 1000000",
    });
  }
  if (burst !== undefined) settings.push(setBurst(`${burst}`));
  return settings;
}

function realtime({ realtimePeriod, realtimeRuntime }: CpuResources): Impossible[] {
  const impossible = "cgroup v2 does not govern realtime processes";
  return [
    ...(realtimePeriod ? [{ field: "cpu.realtimePeriod", impossible }] : []),
    ...(realtimeRuntime ? [{ field: "cpu.realtimeRuntime", impossible }] : []),
  ];
}
