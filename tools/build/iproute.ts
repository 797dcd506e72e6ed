/** The one thing that must be installed beforehand: `ip`. */

import { exists } from "../project.ts";

const FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

/** The path of `ip`, or undefined. */
export function findIp(): string | undefined {
  return FOLDERS.map((folder) => `${folder}/ip`).find(exists);
}

/** What to say when `ip` is missing. */
export const INSTALL_IP = "`ip` is missing: install the package iproute2 " +
  "(Debian, Ubuntu: `sudo apt-get install iproute2`; Fedora: `sudo dnf install iproute`; " +
  "Alpine: `sudo apk add iproute2`)";
