/** What the names of annotations begin with that set a property of the systemd scope. */
export const SYSTEMD_PROPERTY = "org.systemd.property.";
