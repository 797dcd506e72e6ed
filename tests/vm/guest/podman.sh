# podman where most people have it: on cgroup v2 and with systemd, as root and as a user. What its containers say
# with this runtime is what they say with crun.
. ./check.sh
mkdir /root/work
cd /root/work
"$gocontainer" -net none -rm alpine true
cp "$gocontainer" /usr/local/bin/
tar -C images/.rootfs/alpine-* -c -f /srv/alpine.tar .
systemctl start user@1000.service

# podman_of USER RUNTIME WORDS...
podman_of() {
    user=$1
    runtime=$2
    shift 2
    if [ "$user" = root ]; then
        podman --runtime "$runtime" "$@"
    else
        # From a folder that he may be in.
        (cd / && setpriv --reuid=1000 --regid=1000 --init-groups env -i PATH="$PATH" HOME=/home/user USER=user \
            XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus \
            podman --runtime "$runtime" "$@")
    fi
}

ours() {
    podman_of "$who" /usr/local/bin/gocontainer "$@"
}

# same WORDS...: a container says the same by either runtime, and ends with the same code.
same() {
    for runtime in /usr/bin/crun /usr/local/bin/gocontainer; do
        podman_of "$who" $runtime run --rm --network none "$@" </dev/null >/run/said 2>&1
        code=$?
        said=$(sed 's/[0-9a-f]\{64\}/ID/g' /run/said)
        [ $runtime = /usr/bin/crun ] && theirs="$said, exit code $code"
    done
    equal "$said, exit code $code" "$theirs"
}

# stats_of RUNTIME: the limit, and how many processes there are.
stats_of() {
    podman_of "$who" "$1" run -d --name counted --network none --memory 64m alpine:test sleep 1000 >/run/one 2>&1
    podman_of "$who" "$1" stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' counted | sed 's|.*/||'
    podman_of "$who" "$1" rm --force --time 0 counted >/run/one 2>&1
}

scopes() {
    find $unified -name 'libpod-*.scope' -not -name '*conmon*'
}

for who in root user; do
    podman_of $who /usr/bin/crun import /srv/alpine.tar alpine:test >/run/import 2>&1 || cat /run/import
    check "$who: systemd makes the cgroups, on v2" equal \
        "$(podman_of $who /usr/bin/crun info --format '{{.Host.CgroupManager}} {{.Host.CgroupsVersion}}')" "systemd v2"
    # crun hands down those controllers only that it knows limits of.
    check "$who: ids, cgroup and controllers" same alpine:test \
        sh -c 'id; cat /proc/self/cgroup; sed "s/ rdma//; s/ misc//" /sys/fs/cgroup/cgroup.controllers; exit 5'
    check "$who: limits" same --memory 64m --pids-limit 50 --cpus 0.5 alpine:test \
        sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
    check "$who: mounts" same alpine:test sh -c "cut -d' ' -f5 /proc/self/mountinfo | sort"
    check "$who: another user, read-only, an init, a working folder" same --user 33:44 --read-only --init -w /tmp \
        alpine:test sh -c 'id; pwd; touch /x; touch /dev/shm/y; cat /proc/1/comm'
    check "$who: no capabilities" same --cap-drop all alpine:test sh -c 'grep -E "Cap|Seccomp|NoNew" /proc/self/status'
    check "$who: all privileges" same --privileged alpine:test sh -c 'grep -E "Cap|Seccomp" /proc/self/status; ls /dev'
    check "$who: a volume that is shared" same -v /srv:/srv:rshared alpine:test \
        sh -c "grep ' /srv ' /proc/self/mountinfo | grep -o shared"
    check "$who: systemd in a container" same --systemd=always alpine:test sh -c "cut -d' ' -f5 /proc/self/mountinfo | sort"
    check "$who: a command that is not there" equal "$(ours run --rm --network none alpine:test nosuch 2>/dev/null; echo $?)" 127
    ours run -d --name one --network none alpine:test sleep 1000 >/run/one 2>&1 || cat /run/one
    check "$who: it is in a scope" equal "$(scopes | wc -l)" 1
    check "$who: exec" equal "$(ours exec one cat /proc/1/comm)" sleep
    check "$who: update" ours update --memory 32m one
    check "$who: is in force" equal "$(ours exec one cat /sys/fs/cgroup/memory.max)" 33554432
    check "$who: pause" ours pause one
    check "$who: is told" equal "$(ours ps --all --format '{{.State}}' | tr P p)" paused
    check "$who: unpause" ours unpause one
    check "$who: rm" ours rm --force --time 0 one
    check "$who: stats" equal "$(stats_of /usr/local/bin/gocontainer)" "$(stats_of /usr/bin/crun)"
    check "$who: nothing is left" equal "$(scopes)" ""
done
