/** What the names of annotations begin with that set a property of the systemd scope. */
export const SYSTEMD_PROPERTY = "org.systemd.property.";

/** The name of the annotation by which programs keep the caller's groups where it is 1, as podman's keep-groups has it. */
export const KEEP_GROUPS = "run.oci.keep_original_groups";

/** The annotations that change what is done; with a dot at the end, all that begin so. */
export const EFFECTIVE: readonly string[] = [SYSTEMD_PROPERTY, KEEP_GROUPS];

/** Whether an annotation is one of those: only who has a container made may say so. */
export function hasEffect(name: string): boolean {
  return EFFECTIVE.some((one) => one.endsWith(".") ? name.startsWith(one) : name === one);
}
