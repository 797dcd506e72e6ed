/** The policies of `process.scheduler` as sched_setattr(2) numbers them (include/uapi/linux/sched.h). */
export const SCHEDULER_POLICIES = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;

/** The flags of `process.scheduler` as sched_setattr(2) numbers them. */
export const SCHEDULER_FLAGS = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const;

/** The classes of `process.ioPriority` as ioprio_set(2) numbers them (include/uapi/linux/ioprio.h). */
export const IO_PRIORITY_CLASSES = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
} as const;

export type SchedulerPolicy = keyof typeof SCHEDULER_POLICIES;
export type SchedulerFlag = keyof typeof SCHEDULER_FLAGS;
export type IOPriorityClass = keyof typeof IO_PRIORITY_CLASSES;
