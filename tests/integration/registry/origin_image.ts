/** Images that other programs have made and pushed. */

import { run, sh } from "../image_lab.ts";
import { hasProgram } from "../layer_lab.ts";
import { exists } from "../support/project.ts";

/** What the tests need that begin with the image of others. */
export const NEEDS = {
  "docker-registry": hasProgram("docker-registry"),
  skopeo: hasProgram("skopeo"),
  umoci: hasProgram("umoci"),
  busybox: exists("/bin/busybox"),
};

/**
 * Makes an image of several layers with umoci, in an OCI layout: files of all kinds, whiteouts,
 * links, owners, modes.
 *
 * @param folder a folder of the test's, in which `layout:image` is made
 */
export function makeLayout(folder: string): string {
  sh(
    `umoci init --layout layout
     umoci new --image layout:image
     unpack() { rm -rf bundle; umoci unpack --image layout:image bundle >/dev/null 2>&1; }
     pack() { umoci repack --image layout:image bundle >/dev/null 2>&1; }
     unpack; cd bundle/rootfs
     mkdir -p bin etc var/lib/app empty sticky; chmod 1777 sticky
     cp /bin/busybox bin/
     ln bin/busybox bin/sh; ln -s busybox bin/ls; ln -s /etc/passwd etc/link
     echo root:x:0:0:root:/root:/bin/sh > etc/passwd
     echo secret > etc/shadow; chmod 600 etc/shadow; chown 0:42 etc/shadow
     head -c 300000 /dev/zero > var/lib/app/zeros; echo "ünïcode" > "etc/a name with ünïcode"
     cp bin/busybox bin/suid; chmod 4755 bin/suid; mkfifo var/fifo; echo old > etc/replaced
     cd ../..; pack
     unpack; cd bundle/rootfs
     rm -r var/lib/app; rm etc/replaced; mkdir etc/replaced; echo new > etc/replaced/inside
     cd ../..; pack
     unpack; cd bundle/rootfs; mkdir -p var/lib/app; echo again > var/lib/app/file; chown 7:8 etc/link -h
     cd ../..; pack
     umoci config --image layout:image --config.cmd /bin/sh --config.env PATH=/bin \
       --config.workingdir /etc --config.user 7:8`,
    folder,
  );
  return `${folder}/layout:image`;
}

/** Copies an image by skopeo. */
export function skopeoCopy(from: string, to: string, ...options: string[]): void {
  run("skopeo", [
    "--insecure-policy",
    "copy",
    "-q",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    ...options,
    from,
    to,
  ]);
}

/** What umoci unpacks of an image in a registry. */
export function unpackFromRegistry(folder: string, reference: string): string {
  const name = crypto.randomUUID();
  skopeoCopy(`docker://${reference}`, `oci:${folder}/${name}:image`);
  return unpackLayout(folder, `${folder}/${name}:image`);
}

/** What umoci unpacks of an image in a layout. */
export function unpackLayout(folder: string, image: string): string {
  const bundle = `${folder}/bundle-${crypto.randomUUID()}`;
  run("umoci", ["unpack", "--image", image, bundle]);
  return `${bundle}/rootfs`;
}
