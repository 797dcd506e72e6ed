import { assertEquals } from "@std/assert";
import * as v1 from "../../../lib/cgroup/v1/stats.ts";
import * as v2 from "../../../lib/cgroup/v2/stats.ts";

/** A folder with these files, as long as the body runs. */
function withFolder(files: Readonly<Record<string, string>>, body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    for (const [name, text] of Object.entries(files)) {
      Deno.writeTextFileSync(`${folder}/${name}`, text);
    }
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("v1: CPU time is told for each CPU, by the kernel and by programs", () => {
  const files = {
    "cpuacct.usage": "40\n",
    "cpuacct.usage_percpu": "30 10 \n",
    "cpuacct.usage_all": "cpu user system\n0 20 9\n1 8 1\n",
    "cpuacct.usage_sys": "10\n",
    "cpuacct.usage_user": "28\n",
  };
  withFolder(files, (folder) => {
    assertEquals(v1.cpuStats(folder, undefined).usage, {
      total: 40,
      percpu: [30, 10],
      percpu_kernel: [9, 1],
      percpu_user: [20, 8],
      kernel: 10,
      user: 28,
    });
  });
});

Deno.test("v1: the cpuset is told in numbers, without one as nothing", () => {
  const files = {
    "cpuset.cpus": "0-2,5\n",
    "cpuset.mems": "0\n",
    "cpuset.sched_load_balance": "1\n",
    "cpuset.sched_relax_domain_level": "-1\n",
  };
  withFolder(files, (folder) => {
    const { cpus, mems, ...others } = v1.cpusetStats(folder);
    assertEquals([cpus, mems], [[0, 1, 2, 5], [0]]);
    assertEquals([others.sched_load_balance, others.sched_relax_domain_level], [1, -1]);
  });
  const { cpus, sched_load_balance } = v1.cpusetStats(undefined);
  assertEquals([cpus, sched_load_balance], [[], 0]);
});

Deno.test("v2: pressure is told where the kernel measures it", () => {
  const files = {
    "cpu.pressure":
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=123\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=7\n",
    "io.pressure": "some avg10=0.00 avg60=0.00 avg300=2.00 total=9007199254740993\n",
  };
  withFolder(files, (folder) => {
    assertEquals(v2.cpuStats(folder).psi, {
      some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 123 },
      full: { avg10: 0.5, avg60: 0, avg300: 0, total: 7 },
    });
    const none = { avg10: 0, avg60: 0, avg300: 0, total: 0 };
    assertEquals(v2.blkioStats(folder).psi, {
      some: { ...none, avg300: 2, total: 9007199254740993n },
      full: none,
    });
    assertEquals("psi" in v2.memoryStats(folder), false);
  });
});
