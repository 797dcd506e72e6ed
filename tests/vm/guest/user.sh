# Containers of a user, in scopes that his own systemd makes.
. ./check.sh
mine=/home/user/gocontainer
bundle=/home/user/bundle
own=$unified/user.slice/user-1000.slice/user@1000.service
scope=$own/user.slice/gct-mine.scope

as_user() {
    setpriv --reuid=1000 --regid=1000 --init-groups env -i PATH="$PATH" HOME=/home/user \
        XDG_RUNTIME_DIR=/run/user/1000 "$@"
}

# Below user@1000.service, where rootless engines put themselves too.
of_user() {
    as_user systemd-run --user --scope --quiet "$@"
}

# quietly WORDS...: the user's binary with those words; what it leaves running keeps no output open.
quietly() {
    of_user sh -c "exec $mine $* </dev/null >/run/user/1000/log 2>&1" || { cat /run/user/1000/log; false; }
}

systemctl start user@1000.service
mkdir $bundle
cp -a /root/work/images/.rootfs/alpine-* $bundle/rootfs
cp "$gocontainer" $mine
"$mine" spec --rootless --bundle $bundle
sed -i -e 's/"terminal": true/"terminal": false/' -e 's|"sh"|"sleep", "1000"|' \
    -e 's/"hostID": 0/"hostID": 1000/' \
    -e 's|"maskedPaths"|"cgroupsPath": "user.slice:gct:mine", "maskedPaths"|' \
    -e 's|"linux": {|"linux": { "resources": { "memory": { "limit": 67108864 }, "pids": { "limit": 50 }, "cpu": { "shares": 2048 } },|' \
    $bundle/config.json
chown -R user: /home/user

check "outside of his systemd's cgroup a user is told how to get there" \
    contains "$(as_user $mine --systemd-cgroup run -d --bundle $bundle mine 2>&1 </dev/null)" \
    "systemd-run --user --scope"
check "a user's container starts in a scope of his own systemd" \
    quietly --systemd-cgroup run -d --bundle $bundle mine
check "his systemd knows the scope" \
    equal "$(as_user systemctl --user is-active gct-mine.scope)" active
check "his program is in it, and nothing else" \
    equal "$(cat "/proc/$(cat $scope/container/cgroup.procs)/comm") $(cat $scope/cgroup.procs)" "sleep "
check "all that was handed to him is handed down" \
    equal "$(cat $scope/container/cgroup.controllers)" "$(cat $own/cgroup.controllers)"
as_user systemctl --user daemon-reload
check "his limits outlast a reload of his systemd" \
    equal "$(cat $scope/container/memory.max $scope/container/pids.max)" "67108864
50"
check "the scope itself has the weight" equal "$(cat $scope/cpu.weight $scope/pids.max)" "174
max"
check "his weights are changed" quietly --systemd-cgroup update --cpu-share 512 mine
check "and so are the scope's" equal "$(cat $scope/container/cpu.weight $scope/cpu.weight)" "59
59"
check "his limits are changed" quietly --systemd-cgroup update --pids-limit 40 mine
check "and are as he changed them" equal "$(cat $scope/container/pids.max)" 40
check "what he executes joins the scope" \
    equal "$(quietly --systemd-cgroup exec -d mine sleep 2000; wc -l <$scope/container/cgroup.procs)" 2
check "his container is paused" quietly --systemd-cgroup pause mine
check "and told to be so" contains "$(of_user $mine state mine)" '"status": "paused"'
check "and goes on" quietly --systemd-cgroup resume mine
check "another scope of that name is refused" \
    contains "$(quietly --systemd-cgroup run -d --bundle $bundle two)" "gct-mine.scope"
check "his container is deleted" quietly --systemd-cgroup delete --force mine
check "its scope goes with it" gone $scope
systemctl stop user@1000.service
