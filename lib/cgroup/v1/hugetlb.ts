import { hugetlbController } from "../hugetlb.ts";

/** The hugetlb controller of cgroup v1 (Documentation/admin-guide/cgroup-v1/hugetlb.rst). */
export const hugetlb = hugetlbController("limit_in_bytes");
