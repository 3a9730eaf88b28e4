# shellcheck shell=bash
# Variables of ../host and of the file that calls are used here.
# shellcheck disable=SC2154,SC2034
# Installs what the harness needs and builds what all hosts share, once.

# Where the root file system of a suite lies, for the recipe as it is now.
root_of() {
    local key
    key=$(sha256sum "$here/lib/recipe.sh")
    echo "$cache/$1-${key:0:12}"
}

setup() {
    local suites suite root
    case ${1:-trixie} in
    trixie | bookworm) suites=("${1:-trixie}") ;;
    all) suites=(trixie bookworm) ;;
    *) die "unknown suite '$1': trixie, bookworm or all" ;;
    esac
    for suite in "${suites[@]}"; do
        root=$(root_of "$suite")
        if [[ ! -d $root ]]; then
            build_suite "$suite" "$root"
        fi
    done
}

build_suite() {
    local suite=$1 root=$2 build
    [[ $EUID == 0 ]] || die "setup needs root"
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    # Another run may have built it while this one waited
    if [[ -d $root ]]; then
        exec 9>&-
        return
    fi
    install_packages
    # shellcheck source=tests/host/lib/recipe.sh
    source "$here/lib/recipe.sh"

    say "building the $suite root file system in $cache (about a minute, once)"
    rm -rf --one-file-system "$cache"/.build-*
    build=$(mktemp -d "$cache/.build-XXXXXX")
    # Process groups of their own, so that an interrupted setup leaves no builder behind
    set -m
    # shellcheck disable=SC2064
    trap "kill_jobs; rm -rf --one-file-system '$build'" EXIT

    local images=$cache/images-${root##*-} images_job='' root_job
    (build_root "$suite" "$build/root") >"$build/root.log" 2>&1 </dev/null 9>&- &
    root_job=$!
    if [[ ! -d $images ]]; then
        mkdir "$build/registry" "$build/scratch"
        (build_images "$build/registry" "$build/scratch") >"$build/images.log" 2>&1 </dev/null 9>&- &
        images_job=$!
    fi
    if [[ -n $images_job ]]; then
        wait "$images_job" || { tail -n 40 "$build/images.log" >&2; die "could not build the images"; }
        mv "$build/registry" "$images"
    fi
    wait "$root_job" || { tail -n 40 "$build/root.log" >&2; die "could not build the $suite root file system"; }

    mkdir -p "$build/root/var/lib/docker-registry"
    cp -a "$images/." "$build/root/var/lib/docker-registry/"
    chroot "$build/root" chown -R docker-registry: /var/lib/docker-registry
    mv "$build/root" "$root"
    remove_old_roots

    rm -rf --one-file-system "$build"
    trap - EXIT
    set +m
    exec 9>&-
}

kill_jobs() {
    local job
    for job in $(jobs -p); do
        kill -TERM -- "-$job" 2>/dev/null || true
    done
    wait
}

install_packages() {
    local missing=() tool
    for tool in mmdebstrap:mmdebstrap systemd-nspawn:systemd-container ip:iproute2; do
        command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
    done
    [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 9>&-; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        die "could not install ${missing[*]}"
    fi
    rm -f "$log"
}

# Roots of earlier recipes, unless a host still stands on one.
remove_old_roots() {
    local old key
    key=$(root_of '')
    for old in "$cache"/{trixie,bookworm,images}-*; do
        [[ -d $old && $old != *"${key##*/}" ]] || continue
        grep -qsF "$old" "$cache"/hosts/*/options || rm -rf "$old"
    done
}
