import type { CpuResources } from "../../oci/spec.ts";
import type { Controller, Current, Setting } from "../setting.ts";
import { IDLE_HAS_NO_SHARES } from "../weight.ts";

/** The cpu controller of cgroup v1 (Documentation/scheduler/sched-bwc.rst, sched-rt-group.rst). */
export const cpu: Controller = {
  name: "cpu",
  part: "cpu",
  settings({ cpu }, current) {
    if (!cpu) return [];
    return [
      ...share(cpu.shares, cpu.idle),
      ...bandwidth(cpu, current),
      ...realtime(cpu.realtimePeriod, cpu.realtimeRuntime),
    ];
  },
};

type Cpu = CpuResources;

/** An idle cgroup's shares cannot be written, so it becomes idle last and busy first. */
function share(shares: number | undefined, idle: number | undefined): Setting[] {
  const settings: Setting[] = [];
  if (shares) {
    settings.push({
      field: "cpu.shares",
      file: "cpu.shares",
      value: `${shares}`,
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

function bandwidth({ quota, period, burst }: Cpu, current: Current): Setting[] {
  const settings: Setting[] = [];
  const limit = (value: string): Setting => ({
    field: "cpu.quota",
    file: "cpu.cfs_quota_us",
    value,
    missing: "The kernel needs CONFIG_CFS_BANDWIDTH",
    refused: "A quota is at least 1000 microseconds, and no more of the period than the parent has",
  });
  // Without a quota any period and burst will do: the old one must not stand against the new ones.
  const old = period || burst !== undefined ? current("cpu.cfs_quota_us") : undefined;
  const lift = old !== undefined && old !== "-1";
  if (lift) settings.push(limit("-1"));
  if (period) {
    settings.push({
      field: "cpu.period",
      file: "cpu.cfs_period_us",
      value: `${period}`,
      refused: "A period has 1000 to 1000000 microseconds",
    });
  }
  if (burst !== undefined) {
    settings.push({
      field: "cpu.burst",
      file: "cpu.cfs_burst_us",
      value: `${burst}`,
      missing: "The kernel has it since Linux 5.14",
      refused: "A burst is at most as long as the quota",
    });
  }
  if (quota) settings.push(limit(`${quota}`));
  else if (lift) settings.push(limit(old));
  return settings;
}

function realtime(period: number | undefined, runtime: Cpu["realtimeRuntime"]): Setting[] {
  const hints = {
    missing: "The kernel needs CONFIG_RT_GROUP_SCHED",
    refused: "The parent cgroup must have as much cpu.rt_runtime_us itself",
  };
  const settings: Setting[] = [];
  if (period) {
    const value = `${period}`;
    settings.push({ field: "cpu.realtimePeriod", file: "cpu.rt_period_us", value, ...hints });
  }
  if (runtime) {
    const value = `${runtime}`;
    settings.push({ field: "cpu.realtimeRuntime", file: "cpu.rt_runtime_us", value, ...hints });
  }
  return settings;
}
