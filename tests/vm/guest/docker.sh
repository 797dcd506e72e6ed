# docker where most people have it: on cgroup v2, with systemd. What its containers say with this runtime is what
# they say with runc.
. ./check.sh
mkdir /root/work
cd /root/work
"$gocontainer" -net none -rm alpine true
cp "$gocontainer" /usr/local/bin/
tar -C images/.rootfs/alpine-* -c -f /srv/alpine.tar .
mkdir -p /etc/docker
echo '{"bridge": "none", "iptables": false, "runtimes": {"ours": {"path": "/usr/local/bin/gocontainer"}}}' >/etc/docker/daemon.json
systemctl restart docker || journalctl -u docker | tail -n 20

# same WORDS...: a container says the same by either runtime, and ends with the same code.
same() {
    for runtime in runc ours; do
        docker run --runtime $runtime --rm --network none "$@" </dev/null >/run/said 2>&1
        code=$?
        said=$(sed 's/[0-9a-f]\{64\}/ID/g; s/[0-9a-f]\{12\}/ID/g' /run/said)
        [ $runtime = runc ] && theirs="$said, exit code $code"
    done
    equal "$said, exit code $code" "$theirs"
}

scopes() {
    find $unified -name 'docker-*.scope'
}

docker import /srv/alpine.tar alpine:test >/run/import 2>&1 || cat /run/import
check "systemd makes the cgroups, on v2" equal \
    "$(docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}')" "systemd 2"
# runc hands down those controllers only that it knows limits of.
check "ids, cgroup and controllers" same alpine:test \
    sh -c 'id; cat /proc/self/cgroup; sed "s/ misc//; s/ dmem//" /sys/fs/cgroup/cgroup.controllers; exit 5'
check "limits" same --memory 64m --memory-swap 96m --memory-reservation 16m --pids-limit 50 --cpus 0.5 \
    --cpuset-cpus 0 --blkio-weight 300 alpine:test \
    sh -c 'cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.low pids.max cpu.max cpuset.cpus'
# What hides files cannot be written here.
check "mounts" same alpine:test \
    sh -c "cut -d' ' -f5,6 /proc/self/mountinfo | sort | sed -E 's,^(/proc/(kcore|keys|timer_list)) .*,\1,'"
check "another user, read-only, an init, a working folder" same --user 33:44 --read-only --init -w /tmp \
    --tmpfs /run:size=1m,mode=700 alpine:test sh -c 'id; pwd; touch /x; touch /dev/shm/y; cat /proc/1/comm; df /run | tail -n 1'
check "capabilities and filters" same alpine:test sh -c 'grep -E "Cap|Seccomp|NoNew" /proc/self/status'
check "no capabilities" same --cap-drop all --security-opt no-new-privileges alpine:test \
    sh -c 'grep -E "Cap|Seccomp|NoNew" /proc/self/status'
check "all privileges" same --privileged alpine:test sh -c 'grep -E "Cap|Seccomp" /proc/self/status; ls /dev'
check "devices, limits and parameters" same --device /dev/kmsg:/dev/k:r --ulimit nofile=77:99 --ulimit core=0 \
    --sysctl net.ipv4.ip_forward=1 --shm-size 8m --oom-score-adj 300 --hostname box --add-host a:1.2.3.4 alpine:test \
    sh -c 'stat -c %F%a%t%T /dev/k; echo x 2>&1 >/dev/k; ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj
        hostname; grep 1.2.3.4 /etc/hosts; df /dev/shm | tail -n 1'
check "the host's namespaces" same --pid host --ipc host --uts host --cgroupns host alpine:test \
    sh -c 'for kind in pid ipc uts cgroup mnt; do readlink /proc/self/ns/$kind | sed "s/mnt:.*/mnt/"; done'
check "a volume that is shared" same -v /srv:/srv:rshared alpine:test \
    sh -c "grep ' /srv ' /proc/self/mountinfo | grep -o shared"
# codes RUNTIME: how what cannot be run ends.
codes() {
    docker run -d --runtime $1 --name codes --network none alpine:test sleep 1000 >/run/codes 2>&1
    for command in nosuch /etc/passwd /nosuch /etc; do
        docker run --rm --runtime $1 --network none alpine:test $command >/run/codes 2>&1
        echo "$command $?"
        docker exec codes $command >/run/codes 2>&1
        echo "exec $command $?"
    done
    docker exec -w /nosuch codes true >/run/codes 2>&1
    echo "exec -w $?"
    docker exec -u nosuch codes true >/run/codes 2>&1
    echo "exec -u $?"
    docker rm -f codes >/run/codes 2>&1
}
check "what cannot be run ends with the same codes" equal "$(codes ours)" "$(codes runc)"
check "a working folder that is not there is made" same -w /nosuch alpine:test pwd
docker run --runtime ours -d --name one --network none --ipc shareable --memory 64m alpine:test sleep 1000 >/run/one 2>&1 || cat /run/one
check "it is in a scope" equal "$(scopes | wc -l)" 1
check "exec" equal "$(docker exec one cat /proc/1/comm)" sleep
check "exec as another, with a code" equal "$(docker exec -u 5:6 -e A=b -w /tmp one sh -c 'id -u; echo $A; pwd; exit 4'; echo $?)" "5
b
/tmp
4"
check "top" contains "$(docker top one)" "sleep 1000"
check "stats" contains "$(docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' one)" "64MiB 1"
check "update" docker update --memory 32m --memory-swap 32m one
check "is in force" equal "$(docker exec one cat /sys/fs/cgroup/memory.max)" 33554432
check "pause" docker pause one
check "is told" equal "$(docker ps --all --format '{{.Status}}' | grep -o Paused)" Paused
check "unpause" docker unpause one
check "a container shares the namespaces of another" equal \
    "$(docker run --rm --runtime ours --network container:one --pid container:one --ipc container:one alpine:test cat /proc/1/comm 2>&1)" sleep
check "cp" sh -c 'echo x >/run/x && docker cp -q /run/x one:/x && docker exec one cat /x'
check "kill by a signal" docker kill -s USR1 one
check "stop" docker stop -t 1 one
check "its code" equal "$(docker inspect -f '{{.State.ExitCode}} {{.State.Status}}' one)" "137 exited"
check "start again" docker start one
docker rm -f one >/run/one 2>&1
docker run --runtime ours -d --name two --network none --restart on-failure:2 alpine:test sh -c 'exit 3' >/run/two 2>&1
tries=0
until [ "$(docker inspect -f '{{.State.Status}}' two)" = exited ] || [ $tries -ge 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
check "restarts" equal "$(docker inspect -f '{{.RestartCount}} {{.State.ExitCode}}' two)" "2 3"
docker rm -f two >/run/two 2>&1
check "out of memory" equal "$(docker run --runtime ours --name three --network none --memory 32m alpine:test sh -c 'x=x; while :; do x=$x$x; done' >/dev/null 2>&1; docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' three)" "true 137"
docker rm -f three >/run/three 2>&1
check "nothing is left" equal "$(scopes)" ""
check "nor of containers" equal "$(ls /run/docker/runtime-*/moby 2>/dev/null)" ""
