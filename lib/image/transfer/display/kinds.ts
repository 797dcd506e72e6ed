/** The ways to show a transfer, all on standard error. */
export const DISPLAYS = ["bars", "lines", "json", "none"] as const;

export type Display = typeof DISPLAYS[number];
