# Runs for the machine's root folder $1, with the disk's size in $size: adds kernel, initrd and the service
# that starts the checks, and leaves kernel, initrd and a file system of the whole in its folder /output.
set -eu
root=$1

# The kernel is taken out of its package: installing it would make an initrd of its own, which takes
# longer to make and longer to boot.
chroot "$root" sh -eu <<'SCRIPT'
cd /var/tmp
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
apt-get -qq download "$package"
dpkg-deb -x "$package"_*.deb kernel
mkdir -p /lib/modules
mv kernel/lib/modules/* /lib/modules/ 2>/dev/null || mv kernel/usr/lib/modules/* /lib/modules/
mv kernel/boot/vmlinuz-* /output/vmlinuz
rm -r kernel "$package"_*.deb

version=$(ls /lib/modules)
cd "/lib/modules/$version/kernel"
rm -rf sound drivers/gpu drivers/media drivers/infiniband drivers/net/ethernet fs/xfs fs/btrfs
depmod "$version"

# The initrd mounts the disk and no more.
cd /initrd
mkdir -p bin dev proc disk modules
cp /bin/busybox bin/
chmod 755 init
# Some are part of later kernels themselves.
for module in virtio_pci virtio_blk crc32c_generic ext4; do
    modprobe -S "$version" -q --show-depends $module || true
done |
    sed -n 's/^insmod //p' | while read -r module; do
    [ -e "modules/${module##*/}" ] || echo "${module##*/}" >> modules/order
    cp "$module" modules/
done
find . | busybox cpio -o -H newc > /output/initrd 2>/dev/null
rm -r /initrd

systemctl -q enable checks.service
systemctl -q mask getty.target apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer systemd-pcrphase.service
echo vm > /etc/hostname
useradd --create-home --uid 1000 user
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/doc /usr/share/locale
SCRIPT

# Made outside of the root folder, which would become part of itself otherwise, and from a view of it
# without what is mounted there right now.
scratch=$(mktemp -d)
mkdir "$scratch/view"
mv "$root/output" "$scratch/output"
mount --bind "$root" "$scratch/view"
mke2fs -q -F -t ext4 -d "$scratch/view" "$scratch/output/disk" "$size"
umount "$scratch/view"
mv "$scratch/output" "$root/output"
rmdir "$scratch/view" "$scratch"
