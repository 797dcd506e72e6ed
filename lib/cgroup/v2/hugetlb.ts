import { hugetlbController } from "../hugetlb.ts";

/** The hugetlb controller of cgroup v2 (cgroup-v2.rst, HugeTLB). */
export const hugetlb = hugetlbController("max");
