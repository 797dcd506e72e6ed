# The tests of lib/cgroup, which run on the building machine as well, against this machine's cgroups.
export DENO_DIR=/payload/project/cache DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
cd /payload/project
timeout 150 ../deno test -A --no-check --no-lock --cached-only --reporter=tap \
    tests/integration/cgroup_test.ts 2>&1 | sed -E 's/^((not )?ok) [0-9]+ -/\1 -/'
