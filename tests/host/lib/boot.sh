# shellcheck shell=bash
# Variables of ../host and of the file that calls are used here.
# shellcheck disable=SC2154,SC2034
# `host boot`: makes a host's disk over a cached root, then starts it.

host_boot() {
    local suite=trixie machine_id='' hostname=$name docker='' separate_var='' netns='' owner='' off='' cloud_init='' binds=()
    while (($#)); do
        case $1 in
        --suite | --machine-id | --hostname | --bind | --netns | --owner)
            (($# > 1)) || die "boot: $1 needs a value"
            case $1 in
            --suite) suite=$2 ;;
            --machine-id) machine_id=$2 ;;
            --hostname) hostname=$2 ;;
            --bind) binds+=("$2") ;;
            --netns) netns=$2 ;;
            --owner) owner=$2 ;;
            esac
            shift
            ;;
        --docker) docker=yes ;;
        --no-docker) docker= ;;
        --separate-var) separate_var=yes ;;
        --cloud-init) cloud_init=yes ;;
        --off) off=yes ;;
        *) die "boot: unknown option '$1'" ;;
        esac
        shift
    done
    setup "$suite"
    local root
    root=$(root_of "$suite")
    [[ -n $machine_id ]] || machine_id=$(derived_machine_id "$name")
    check_machine_id "$machine_id"
    claim "$owner"

    make_disk
    write_identity "$machine_id" "$hostname"
    [[ -n $cloud_init ]] || disable_cloud_init
    [[ -z $docker ]] || enable_docker
    [[ -z $separate_var ]] || separate_var
    save_options
    if [[ -z $off ]]; then
        launch
        wait_up
    fi
    trap - EXIT
}

make_disk() {
    mkdir "$disk"/{upper,work,root,docker}
    mkdir -p "$disk/upper/etc"
}

# It takes half of the boot, for nothing where there is no seed.
disable_cloud_init() {
    mkdir -p "$disk/upper/etc/cloud"
    : >"$disk/upper/etc/cloud/cloud-init.disabled"
}

# What a Debian with these services enabled has; cheaper than asking systemctl, and the root is shared.
enable_docker() {
    local wants=$disk/upper/etc/systemd/system unit
    mkdir -p "$wants"/{multi-user,sockets}.target.wants
    for unit in docker containerd docker-registry; do
        ln -s "/lib/systemd/system/$unit.service" "$wants/multi-user.target.wants/$unit.service"
    done
    ln -s /lib/systemd/system/docker.socket "$wants/sockets.target.wants/docker.socket"
}

# /var is empty until systemd has mounted it: everything of the root's /var is whited out.
separate_var() {
    local entry
    cp -a "$root/var" "$disk/var"
    mkdir -p "$disk/upper/var" "$disk/upper/separate-var" "$disk/var/lib/docker"
    for entry in "$root"/var/{*,.[!.]*}; do
        mknod "$disk/upper/var/${entry##*/}" c 0 0
    done
    echo '/separate-var /var none bind' >"$disk/upper/etc/fstab"
}
