# What the checks have in common.
unified=/sys/fs/cgroup
gocontainer=/payload/gocontainer

# check NAME COMMAND...: one check; what the command prints is told when it fails.
check() {
    name=$1
    shift
    if said=$("$@" 2>&1); then
        echo "ok - $name"
    else
        echo "not ok - $name"
        printf '%s\n' "$said" | sed 's/^/# /'
    fi
}

equal() {
    [ "$1" = "$2" ] || { printf 'is:        %s\nshould be: %s\n' "$1" "$2"; return 1; }
}

contains() {
    case $1 in
        *"$2"*) ;;
        *) printf 'is:             %s\nshould contain: %s\n' "$1" "$2"; return 1 ;;
    esac
}

# gone FOLDER: waits until it is.
gone() {
    tries=0
    while [ -e "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { ls -R "$1"; return 1; }
        sleep 0.1
    done
}
