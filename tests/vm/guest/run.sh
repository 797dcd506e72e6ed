# Runs in the virtual machine, as root, as a systemd service. What it prints is read by the host.
# Lines `ok - NAME` and `not ok - NAME` count; the last line says that nothing was left out.
cd /payload || exit 1
results=/run/results
{
    for script in $(cat scripts); do
        sh "./$script"
    done
} 2>&1 | tee "$results"
echo "# all $(grep -cE '^(not )?ok ' "$results") checks were made"
