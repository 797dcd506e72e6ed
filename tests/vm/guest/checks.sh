# The binary on a machine that has cgroup v2 alone, and systemd.
. ./check.sh
mkdir -m 755 /root/work
cd /root/work

# run OPTIONS...: what a container prints, both streams, and its exit code as a last line.
run() {
    "$gocontainer" "$@" 2>&1
    echo "exit $?"
}

# start NAME OPTIONS... -- COMMAND...: a container in the background that stays for a while.
start() {
    name=$1
    shift
    "$gocontainer" -name "$name" "$@" >"/run/$name.log" 2>&1 &
    eval "pid_$name=$!"
    tries=0
    until grep -qs up "/run/$name.log"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { cat "/run/$name.log"; return 1; }
        sleep 0.1
    done
}

# Ends what `start` started, and waits for it.
stop() {
    eval "pid=\$pid_$1"
    kill -TERM "$pid"
    wait "$pid"
}

cgroups() {
    find $unified/go_containers -mindepth 1 -type d
}

# The one container's folder.
folder() {
    cgroups | head -n 1
}

file() {
    cat "$(folder)/$1"
}

# What must be the same before a container and after it.
state_of_host() {
    cgroups
    ip -o link show type veth
    grep -E 'overlay|go' /proc/self/mountinfo
    ls /run/gocontainer
    lsns -n -o TYPE,NS 2>/dev/null | sort
    pgrep -x sleep
}

same_as_before() {
    tries=0
    # A network namespace ends in the background, and takes its links along.
    until [ "$(state_of_host)" = "$before" ]; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || { equal "$(state_of_host)" "$before"; return 1; }
        sleep 0.1
    done
}

# --- the machine ---

check "systemd is init, on cgroup v2 alone" \
    equal "$(cat /proc/1/comm) $(stat -f -c %T $unified)" "systemd cgroup2fs"

# --- one container ---

check "a container runs, in a cgroup namespace of its own" \
    equal "$(run -net none alpine cat /proc/self/cgroup)" "0::/
exit 0"
before=$(state_of_host)
check "the exit code comes back" equal "$(run -net none alpine sh -c 'exit 7')" "exit 7"
check "an exit leaves nothing" same_as_before

start limits -net none -mem 64M -pids 50 -cpu 512 -cpus 0.5 alpine sh -c 'echo up; exec sleep 1000'
check "memory.max holds -mem" equal "$(file memory.max)" 67108864
check "swap is limited to as much again" equal "$(file memory.swap.max)" 67108864
check "pids.max holds -pids" equal "$(file pids.max)" 50
check "cpu.weight holds -cpu" equal "$(file cpu.weight)" 59
check "cpu.max holds -cpus" equal "$(file cpu.max)" "50000 100000"
check "the command is in the cgroup" equal "$(cat "/proc/$(file cgroup.procs)/comm")" sleep
systemctl daemon-reload
check "limits outlast a reload of systemd" \
    equal "$(file memory.max) $(file pids.max) $(file cpu.max)" "67108864 50 50000 100000"
stop limits
check "a container that is told to end leaves nothing" same_as_before

check "the limits are in view inside" \
    equal "$(run -net none -mem 64M -pids 50 alpine cat $unified/memory.max $unified/pids.max)" \
    "67108864
50
exit 0"
check "cgroups are read-only inside" \
    contains "$(run -net none alpine sh -c "echo 1 > $unified/cgroup.freeze")" "Read-only file system"
check "a fork too many is refused" \
    contains "$(run -net none -pids 5 alpine sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait')" \
    "fork"

killed=$(run -net none -mem 64M alpine sh -c 'tail -c 300000000 /dev/zero | cat & x=x; while :; do x=$x$x; done')
check "an out-of-memory kill is told" contains "$killed" "killed: out of memory (limit 64 MiB)"
check "an out-of-memory kill ends in 137" contains "$killed" "exit 137"
check "a limit too small to start is told" contains "$(run -net none -mem 100K alpine true)" "too small"

# --- what cannot be had ---

# told COMMAND...: what a container prints that is made through the command, without hints.
told() {
    "$@" "$gocontainer" -net none -pids "${most:-0}" -rm alpine echo hello 2>&1 | sed 's/ (.*)$//'
}
check "a machine with all controllers is told nothing" equal "$(told env)" hello
cat >/run/read-only.sh <<'END'
mount -o remount,bind,ro /sys/fs/cgroup && exec "$@"
END
check "cgroups that are mounted read-only are told in one warning" \
    equal "$(told unshare --mount sh /run/read-only.sh)" \
    "gocontainer: warning: limit the container: the cgroup hierarchy of the controllers cpu, memory, pids and devices is mounted read-only
hello"
mkdir -p $unified/few/inner
echo +pids >$unified/few/cgroup.subtree_control
# As in a container that has a cgroup namespace of its own.
cat >/run/few.sh <<'END'
echo $$ >/sys/fs/cgroup/few/inner/cgroup.procs && exec unshare --cgroup --mount sh /run/inner.sh "$@"
END
cat >/run/inner.sh <<'END'
umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && eval "$prepare" && exec "$@"
END
lacking="gocontainer: warning: limit the container: no cgroup hierarchy has the controllers cpu and memory"
check "controllers that were not handed down, or cannot be, are told in one warning" \
    equal "$(prepare=: told sh /run/few.sh)" \
    "$lacking; the pids controller cannot be enabled, processes stand in the cgroup \"$unified\"
hello"
export prepare='mkdir /sys/fs/cgroup/init && xargs -n1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs'
check "what is told there has a limit that is asked for be had" \
    equal "$(most=20 told sh /run/few.sh)" \
    "$lacking
hello"
find $unified/few -depth -type d -exec rmdir {} \;

# --- devices ---

numbers=$(ls -l /dev/vda | sed -n 's/.* \([0-9]*\), *\([0-9]*\) .*/\1 \2/p')
check "a disk's node can be made but not read" \
    contains "$(run -net none alpine sh -c "mknod /tmp/disk b $numbers && echo made && head -c 1 /tmp/disk")" \
    "made
head: /tmp/disk: Operation not permitted"
check "/dev/kmsg's node can be made but not written" \
    contains "$(run -net none alpine sh -c 'mknod /tmp/kmsg c 1 11 && echo x > /tmp/kmsg')" \
    "Operation not permitted"
check "the standard devices work" \
    equal "$(run -net none alpine sh -c 'head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x > /dev/null; echo x > /dev/full')" \
    "4
4
sh: write error: No space left on device
exit 1"

# --- network ---

# QEMU's own little network: it answers as 10.0.2.2.
modprobe virtio_net
ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2
before=$(state_of_host)
check "a container reaches the host" \
    contains "$(run alpine ping -c 1 -W 5 10.10.10.1)" " 0% packet loss"
check "a container reaches what the host reaches" \
    contains "$(run alpine ping -c 1 -W 5 10.0.2.2)" " 0% packet loss"
start first alpine sh -c 'echo up; exec sleep 1000'
start second alpine sh -c 'echo up; exec sleep 1000'
check "the host reaches a container" ping -q -c 1 -W 5 10.10.10.2
check "the next one has the next address" ping -q -c 1 -W 5 10.10.10.3
check "containers reach each other" \
    contains "$(run alpine ping -c 1 -W 5 10.10.10.3)" " 0% packet loss"
stop first
stop second
check "containers with a network leave nothing" same_as_before

# --- kill -9 ---

start struck -mem 64M alpine sh -c 'sleep 2000 & echo up; exec sleep 1000'
kill -KILL "$pid_struck"
wait "$pid_struck" 2>/dev/null
check "after kill -9 gc ends well" "$gocontainer" gc
check "after kill -9 gc leaves nothing" same_as_before
start emptied -net none alpine sh -c 'echo up; exec sleep 1000'
kill -KILL "$(file cgroup.procs)"
wait "$pid_emptied"
check "a program killed from outside ends in 137" equal $? 137
check "a program killed from outside leaves nothing" same_as_before

# --- a scope of systemd's ---

mkdir bundle
"$gocontainer" spec --bundle bundle
sed -i -e "s|\"path\": \"rootfs\"|\"path\": \"$(echo /root/work/images/.rootfs/alpine-*)\"|" \
    -e 's/"terminal": true/"terminal": false/' -e 's|"sh"|"sleep", "1000"|' \
    -e 's|"resources": {|"resources": { "memory": { "limit": 67108864, "reservation": 16777216 }, "pids": { "limit": 50 }, "cpu": { "shares": 2048 },|' \
    -e 's|"maskedPaths"|"cgroupsPath": "vm-test.slice:gct:one", "maskedPaths"|' \
    -e 's|"linux": {|"annotations": { "org.systemd.property.KillSignal": "37", "org.systemd.property.TimeoutStopUSec": "uint64 7000000", "org.systemd.property.After": "['"'systemd-logind.service'"']" }, "linux": {|' \
    bundle/config.json
scope=$unified/vm.slice/vm-test.slice/gct-one.scope
oci() {
    "$gocontainer" --systemd-cgroup "$@"
}
check "a container of a bundle starts in a scope" \
    sh -c "exec $gocontainer --systemd-cgroup run -d --bundle bundle one </dev/null >/run/one.log 2>&1 || { cat /run/one.log; false; }"
check "systemd knows the scope" equal "$(systemctl is-active gct-one.scope)" active
check "annotations say how systemd ends the scope" \
    equal "$(systemctl show -p KillSignal -p TimeoutStopUSec gct-one.scope | sort)" "KillSignal=37
TimeoutStopUSec=7s"
check "and what it is ordered after" \
    contains "$(systemctl show -p After gct-one.scope)" systemd-logind.service
check "the program is in it, and nothing else" \
    equal "$(cat "/proc/$(cat $scope/container/cgroup.procs)/comm") $(cat $scope/cgroup.procs)" "sleep "
systemctl daemon-reload
check "the limits in a scope outlast a reload of systemd" \
    equal "$(cat $scope/container/memory.max $scope/container/pids.max)" "67108864
50"
check "the scope itself has what counts among scopes" \
    equal "$(cat $scope/cpu.weight $scope/memory.low $scope/memory.max $scope/pids.max)" "174
16777216
67108864
max"
check "weights in a scope are changed" oci update --cpu-share 512 one
check "and so are the scope's" equal "$(cat $scope/container/cpu.weight $scope/cpu.weight $scope/memory.low)" "59
59
16777216"
check "limits in a scope are changed" oci update --pids-limit 40 one
check "and are as they were changed" equal "$(cat $scope/container/pids.max)" 40
check "exec joins the scope" equal "$(oci exec one cat /proc/self/cgroup 2>&1)" "0::/"
check "what exec runs is in the scope" \
    equal "$(oci exec -d one sleep 2000 </dev/null >/run/one.log 2>&1; wc -l <$scope/container/cgroup.procs)" 2
mkdir $scope/container/inner
for pid in $(cat $scope/container/cgroup.procs); do echo $pid >$scope/container/inner/cgroup.procs; done
echo +pids >$scope/container/cgroup.subtree_control
check "exec joins the program where it has moved to below its cgroup, as systemd does" \
    equal "$(oci exec one cat /proc/self/cgroup 2>&1)" "0::/inner"
check "a container in a scope is paused" oci pause one
check "and told to be so" contains "$(oci state one)" '"status": "paused"'
check "and goes on" sh -c "$gocontainer resume one && $gocontainer state one | grep -q running"
check "its use is told" contains "$(oci events --stats one)" '"limit":67108864'
check "its processes are told" contains "$(oci ps one)" "sleep 1000"
check "another scope of that name is refused in systemd's words" \
    contains "$(oci run -d --bundle bundle two 2>&1 </dev/null)" "gct-one.scope"
check "the refused one left nothing" equal "$(oci list -q)" one
check "a container in a scope is deleted" oci delete --force one
check "its scope goes with it" gone $scope
check "systemd has forgotten the scope" equal "$(systemctl is-active gct-one.scope)" inactive
check "a container in a scope that is not started is deleted" \
    sh -c "$gocontainer --systemd-cgroup create --bundle bundle one </dev/null >/run/one.log 2>&1 && \
        $gocontainer --systemd-cgroup delete --force one || { cat /run/one.log; false; }"
check "the scope of one that was not started goes with it" gone $scope
