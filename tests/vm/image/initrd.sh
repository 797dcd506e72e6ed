#!/bin/busybox sh
# The first program of the machine: finds the disk and hands over to systemd.
busybox=/bin/busybox
for module in $($busybox cat /modules/order); do
    $busybox insmod "/modules/$module"
done
$busybox mount -t devtmpfs devtmpfs /dev
$busybox mount -t ext4 -o noatime /dev/vda /disk
$busybox mount -o move /dev /disk/dev
exec $busybox switch_root /disk /sbin/init
