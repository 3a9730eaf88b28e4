# shellcheck shell=bash
# Variables of ../host and of the file that calls are used here.
# shellcheck disable=SC2154,SC2034
# What is done to a host once it has a disk. A host is
#   $cache/hosts/NAME/   options, upper/ and work/ of its overlay, docker/ (bound over /var/lib/docker: the engine's
#                        overlays cannot lie on an overlay) or var/ (with --separate-var), root/ (mount point)
#   $state/NAME/         pid of systemd-nspawn, of the watchdog; what the console printed
# Its mounts are made in a mount namespace that dies with it, so none is ever left in the outer machine's table.

boot_deadline=60
poweroff_deadline=100

select_host() {
    name=$1
    [[ $name =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] ||
        die "'$name' is no host name: lower-case letters, digits and dashes, at most 63"
    disk=$cache/hosts/$name
    run=$state/$name
}

# Sets `disk` and `run` of an existing host; what `boot` chose comes from its options.
need_host() {
    select_host "$name"
    [[ -d $disk ]] || die "there is no host $name"
}

need_options() {
    need_host
    [[ -e $disk/options ]] || die "host $name is only half made: destroy it"
    # shellcheck source=/dev/null
    source "$disk/options"
}

# Takes the name, before anything else of the host exists; from then on a failure here removes it (the caller lifts the
# trap), and so does the owner's end.
claim() {
    local owner=$1
    select_host "$name"
    [[ -z $owner || -d /proc/$owner ]] || die "there is no process $owner to own host $name"
    mkdir -p "$cache/hosts" "$state"
    mkdir "$disk" 2>/dev/null || die "there is a host $name already"
    trap '[[ -n ${KEEP:-} ]] || host_destroy' EXIT
    mkdir -p "$run"
    [[ -n $owner ]] || return 0
    # shellcheck disable=SC2016
    setsid bash -c 'tail --pid="$1" -s 0.5 -f /dev/null; exec "$2" destroy "$3"' watchdog "$owner" "$here/host" "$name" \
        </dev/null >/dev/null 2>&1 &
    echo $! >"$run/watchdog"
    disown
}

check_machine_id() {
    [[ $1 =~ ^[0-9a-f]{32}$ ]] || die "'$1' is no machine ID: 32 hexadecimal digits"
}

write_identity() {
    local machine_id=$1 hostname=$2
    echo "$machine_id" >"$disk/upper/etc/machine-id"
    echo "$hostname" >"$disk/upper/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n' "$hostname" >"$disk/upper/etc/hosts"
}

derived_machine_id() {
    local digest
    digest=$(printf %s "$1" | md5sum)
    echo "${digest:0:32}"
}

# Runs a command where the host's disk is mounted, in a namespace of its own.
with_disk() {
    # shellcheck disable=SC2016
    setsid --wait unshare --mount --propagation slave bash -c "$mount_disk" with-disk "$root" "$disk" "$@"
}

# shellcheck disable=SC2016
mount_disk='
    set -e
    root=$1 disk=$2
    shift 2
    # redirect_dir: renaming a folder of the lower layer works as on any disk
    mount -t overlay overlay "$disk/root" \
        -o "lowerdir=$root,upperdir=$disk/upper,workdir=$disk/work,redirect_dir=on,index=off,metacopy=off"
    exec "$@"
'

# A cgroup of its own per host, in each hierarchy that systemd uses: nspawn would put all of them into the same one, where
# the hosts share their system.slice. `empty` removes it and what a host has left in it.
# shellcheck disable=SC2016
cgroups='
    cgroups() {
        local action=$1 name=$2 hierarchy path tries
        mkdir -p /run/systemd/nspawn
        # A tmpfs: killed hosts would leave propagation folders and locks on the outer machine
        mount -t tmpfs tmpfs /run/systemd/nspawn
        mkdir /run/systemd/nspawn/cgroup
        for hierarchy in "cgroup2 rw" "cgroup none,name=systemd"; do
            [[ $hierarchy == cgroup2* ]] || grep -q :name=systemd: /proc/self/cgroup || continue
            mount -t "${hierarchy% *}" -o "${hierarchy#* }" cgroup /run/systemd/nspawn/cgroup
            path=/run/systemd/nspawn/cgroup/$name
            # Just after a kill, the kernel still holds them for a moment
            for ((tries = 0; tries < 100; tries++)); do
                [[ -d $path ]] || break
                find "$path" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
            done
            if [[ $action == enter ]]; then
                mkdir "$path"
                echo $$ >"$path/cgroup.procs"
            fi
            umount /run/systemd/nspawn/cgroup
        done
    }
'

# The inode, because it stays the same when `destroy` renames the disk, and differs between caches.
cgroup_of() {
    stat -c "sculler-test-$name-%i" "$1"
}

launch() {
    local arguments=(
        systemd-nspawn --quiet --directory="$disk/root" --boot --register=no --keep-unit --console=read-only
        --capability=all "--system-call-filter=@keyring bpf @mount" --machine="$name" --hostname="$hostname"
        --link-journal=no --resolv-conf=off --timezone=off
    ) bind
    if [[ -n $netns ]]; then
        arguments+=(--network-namespace-path="$netns")
    else
        arguments+=(--private-network)
    fi
    if [[ -n $separate_var ]]; then
        arguments+=(--bind="$disk/var:/separate-var")
    else
        arguments+=(--bind="$disk/docker:/var/lib/docker")
    fi
    for bind in "${binds[@]}"; do
        arguments+=(--bind="$bind")
    done
    # `destroy` takes the same lock: it sees either no host process yet, and we no disk, or its PID
    exec 8>"$state/.lock"
    flock 8
    [[ -d $disk ]] || die "host $name was destroyed meanwhile"
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid unshare --mount --propagation slave \
        bash -ec "$cgroups cgroups enter '$(cgroup_of "$disk")'; $mount_disk" launch "$root" "$disk" "${arguments[@]}" \
        </dev/null >"$run/console" 2>&1 8>&- &
    runs $! || boot_failed "did not start"
    echo "$! $started" >"$run/pid"
    disown
    exec 8>&-
}

# Sets `nspawn` if that process is there; its start time tells it from a later process with the same PID.
find_nspawn() {
    local since
    { read -r nspawn since <"$run/pid"; } 2>/dev/null && runs "$nspawn" && [[ $started == "$since" ]]
}

# Sets `started`; a zombie that nobody has collected yet is not running.
runs() {
    local status
    { read -r status <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -r -a status <<<"${status##*) }"
    started=${status[19]}
    [[ ${status[0]} != Z ]]
}

# Sets `init`, the host's PID 1 as seen outside. Asked anew each time: `systemctl reboot` in the host makes another one.
find_init() {
    local comm
    find_nspawn || return 1
    # The line has no end, which `read` takes for a failure
    { read -r init _ <"/proc/$nspawn/task/$nspawn/children" || [[ -n $init ]]; } 2>/dev/null || return 1
    # Before it has become systemd, it still sees the outer machine
    { read -r comm <"/proc/$init/comm"; } 2>/dev/null && [[ $comm == systemd ]]
}

need_init() {
    select_host "$name"
    find_init || {
        need_host
        die "host $name is not running"
    }
}

enter=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
    TERM="${TERM:-dumb}" nsenter -m -u -i -n -p -C --wd -t)

host_run() {
    need_init
    (($#)) || die "run: which command?"
    exec "${enter[@]}" "$init" -- "$@"
}

host_shell() {
    need_init
    exec "${enter[@]}" "$init" -- bash -l
}

host_pid() {
    need_init
    echo "$init"
}

host_root() {
    need_init
    echo "/proc/$init/root"
}

host_start() {
    need_options
    ! find_nspawn || die "host $name is running"
    launch
    wait_up
}

wait_up() {
    local verdict='' until=$((SECONDS + boot_deadline))
    until [[ $verdict == running || $verdict == degraded ]]; do
        find_nspawn || boot_failed "ended while booting"
        ((SECONDS < until)) || boot_failed "is not up after $boot_deadline s (${verdict:-no answer})"
        if ! find_init; then
            sleep 0.02
            continue
        fi
        # It fails until PID 1 listens, then waits; and it also fails when the host came up degraded
        verdict=$(timeout $((until - SECONDS)) "${enter[@]}" "$init" -- systemctl is-system-running --wait 2>/dev/null) ||
            [[ $verdict == degraded ]] || sleep 0.02
    done
    [[ -z $docker ]] || wait_registry
}

# The registry is a simple service: started is not yet listening.
wait_registry() {
    local until=$((SECONDS + boot_deadline))
    until "${enter[@]}" "$init" -- curl -fs -o /dev/null http://127.0.0.1:5000/v2/ 2>/dev/null; do
        ((SECONDS < until)) || boot_failed "has no registry after $boot_deadline s"
        sleep 0.05
    done
}

boot_failed() {
    {
        echo "--- console of $name"
        tail -n 40 "$run/console"
        echo "--- journal of $name"
        host_journal 80 || true
        echo "---"
    } >&2
    die "host $name $1"
}

host_poweroff() {
    need_host
    find_nspawn || return 0
    # nspawn passes it on only while PID 1 is there to hear it
    find_init || die "host $name is still starting"
    kill -s RTMIN+4 "$init"
    local until=$((SECONDS + poweroff_deadline))
    while runs "$nspawn"; do
        ((SECONDS < until)) || boot_failed "is still on after $poweroff_deadline s"
        sleep 0.02
    done
}

host_reboot() {
    host_poweroff
    host_start
}

host_crash() {
    need_host
    kill_host
}

kill_host() {
    local pids=() pid
    find_nspawn || return 0
    pids=("$nspawn")
    ! find_init || pids+=("$init")
    kill -KILL "${pids[@]}" 2>/dev/null || true
    for pid in "${pids[@]}"; do
        while runs "$pid"; do sleep 0.01; done
    done
}

host_disk() {
    need_options
    ! find_nspawn || die "host $name is running: use 'run'"
    (($#)) || die "disk: which command?"
    disk_command "$@"
}

disk_command() {
    # shellcheck disable=SC2016
    with_disk bash -c '
        cd "$1/root"
        [[ ! -d $1/var ]] || mount --bind "$1/var" var
        shift
        exec "$@"' disk "$disk" "$@"
}

host_install() {
    need_options
    local tree=${1:?install: which directory?} extract=(tar -x --no-overwrite-dir --keep-directory-symlink --no-same-owner)
    [[ -d $tree ]] || die "install: $tree is no directory"
    # Extracted inside, where the host's absolute symbolic links mean what they say
    if find_init; then
        tar -C "$tree" -c . | "${enter[@]}" "$init" -- "${extract[@]}" -C /
    else
        tar -C "$tree" -c . | disk_command chroot . "${extract[@]}" -C /
    fi
}

host_journal() {
    need_options
    local show=(journalctl --no-pager -n "${1:-80}")
    if find_init; then
        timeout 10 "${enter[@]}" "$init" -- "${show[@]}"
    else
        disk_command chroot . "${show[@]}" -D /var/log/journal
    fi
}

host_console() {
    need_host
    cat "$run/console"
}

host_clone() {
    local new=${1:?clone: which new name?} new_id='' new_hostname=$1 owner=''
    shift
    while (($#)); do
        (($# > 1)) || die "clone: $1 needs a value"
        case $1 in
        --machine-id) new_id=$2 ;;
        --hostname) new_hostname=$2 ;;
        --owner) owner=$2 ;;
        *) die "clone: unknown option '$1'" ;;
        esac
        shift 2
    done
    check_machine_id "$new_id"
    need_options
    ! find_nspawn || die "host $name is running: power it off first"
    local from=$disk part
    name=$new
    claim "$owner"
    for part in upper docker var; do
        [[ ! -d $from/$part ]] || cp -a --reflink=auto "$from/$part" "$disk/$part"
    done
    mkdir "$disk"/{work,root}
    machine_id=$new_id hostname=$new_hostname
    write_identity "$machine_id" "$hostname"
    save_options
    trap - EXIT
}

save_options() {
    declare -p suite root machine_id hostname docker separate_var netns binds |
        sed 's/^declare /declare -g /' >"$disk/options.new"
    mv "$disk/options.new" "$disk/options"
}

host_destroy() {
    select_host "$name"
    local dead_disk=$cache/hosts/.destroyed-$name-$$ dead_run=$state/.destroyed-$name-$$ watchdog
    [[ -d $state ]] || mkdir -p "$state"
    exec 8>"$state/.lock"
    flock 8
    # Renamed first: from here on nothing can be started on it, and the name is free again
    [[ ! -d $disk ]] || mv "$disk" "$dead_disk"
    [[ ! -d $run ]] || mv "$run" "$dead_run"
    exec 8>&-
    run=$dead_run
    kill_host
    if watchdog=$(cat "$run/watchdog" 2>/dev/null) && [[ $watchdog != "$$" ]]; then
        kill -- "-$watchdog" 2>/dev/null || true
    fi
    if [[ -d $dead_disk ]]; then
        unshare --mount --propagation slave bash -ec "$cgroups cgroups empty '$(cgroup_of "$dead_disk")'"
    fi
    rm -rf --one-file-system "$dead_disk" "$dead_run"
}

list_hosts() {
    local folder
    for folder in "$cache"/hosts/*/; do
        (
            name=$(basename "$folder")
            select_host "$name"
            suite=half-made machine_id=-
            # shellcheck source=/dev/null
            [[ ! -e $disk/options ]] || source "$disk/options"
            if find_init; then power=up; else power=off; fi
            printf '%-40s %-4s %-10s %s\n' "$name" "$power" "$suite" "$machine_id"
        )
    done
}

destroy_all() {
    local folder
    for folder in "$cache"/hosts/"$1"*/ "$state/$1"*/; do
        (
            name=$(basename "$folder")
            host_destroy
        )
    done
    # What an interrupted destroy left
    rm -rf --one-file-system "$cache"/hosts/.destroyed-"$1"* "$state"/.destroyed-"$1"*
}
