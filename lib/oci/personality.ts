/** The domains of `linux.personality` as personality(2) numbers them (include/uapi/linux/personality.h). */
export const PERSONALITY_DOMAINS = {
  LINUX: 0x0000,
  LINUX32: 0x0008,
} as const;

export type PersonalityDomain = keyof typeof PERSONALITY_DOMAINS;
