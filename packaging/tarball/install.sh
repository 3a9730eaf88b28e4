#!/bin/sh
# Installs sculler beside a read-only /usr: the binary below a folder of your choice, its units in /etc/systemd/system.
# Called again, with this or another version, it upgrades.
set -eu

usage() {
    cat <<'END'
usage: install.sh [--prefix DIR]      /usr/local, or /opt where that cannot be written
       install.sh --uninstall         stops the agent, and nothing that it runs; --purge takes its state as well

DESTDIR=FOLDER puts everything below FOLDER, and starts nothing.
END
}

die() {
    echo "install.sh: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
prefix='' uninstall='' purge=''
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -gt 1 ] || die "--prefix needs a folder"
        prefix=$2
        shift
        ;;
    --prefix=*) prefix=${1#*=} ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
case $prefix in
'' | /*) ;;
*) die "--prefix has to begin with /" ;;
esac

units=/etc/systemd/system
runs() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
# Where an earlier installation has its binary.
installed() { sed -n 's|^ExecStart=\(.*\)/bin/sculler agent$|\1|p' "$root$units/sculler.service" 2>/dev/null || true; }

# In one step: a binary that runs cannot be written.
put() {
    mkdir -p "$(dirname "$3")"
    cp "$2" "$3.new"
    chmod "$1" "$3.new"
    mv -f "$3.new" "$3"
    # The label that SELinux wants there.
    if runs && command -v restorecon >/dev/null; then restorecon -F "$3" || true; fi
}

files() { (cd "$here/usr/$1" && find . -type f | sed 's|^\./||' | sort); }

remove() {
    prefix=$(installed)
    [ -n "$prefix" ] || die "sculler was not installed by this script"
    if runs; then
        systemctl stop sculler-sync.timer sculler-sync.service sculler.service || true
        lost=$("$prefix/bin/sculler" eject --check 2>/dev/null || true)
        if [ -n "$lost" ]; then
            printf 'What sculler runs goes on. But\n%s\n' "$(echo "$lost" | sed 's/^/  /')"
            echo "What was installed is taken up again when sculler is back."
        fi
        systemctl --quiet disable sculler.service sculler.target sculler-bootstrap.service sculler-sync.timer || true
    fi
    for unit in $(files lib/systemd/system); do rm -f "$root$units/$unit"; done
    rm -f "$root/etc/tmpfiles.d/sculler.conf" "$root$prefix/bin/sculler"
    for file in $(files share); do rm -f "$root$prefix/share/$file"; done
    find "$root$prefix/share/doc/sculler" -depth -type d -exec rmdir {} + 2>/dev/null || true
    if runs; then systemctl daemon-reload; fi
    if [ -n "$purge" ]; then
        rm -rf --one-file-system "$root/var/lib/sculler" "$root/run/sculler"
        rm -f "$root/etc/sculler/sculler.toml"
        # Never with files in them.
        for folder in etc/sculler/sculler.toml.d etc/sculler/units etc/sculler etc/systemd/system.attached; do
            rmdir "${root:-}/$folder" 2>/dev/null || true
        done
    fi
}

if [ -n "$uninstall" ]; then
    remove
    exit 0
fi

[ ! -e "$root/usr/lib/systemd/system/sculler.service" ] || die "a package of sculler is installed; upgrade that"
before=$(installed)
if [ -z "$prefix" ]; then
    prefix=$before
fi
if [ -z "$prefix" ]; then
    prefix=/usr/local
    mkdir -p "$root/usr/local/bin" 2>/dev/null && [ -w "$root/usr/local/bin" ] || prefix=/opt
fi
if [ -n "$before" ] && [ "$before" != "$prefix" ]; then
    die "sculler is in $before/bin; '$0 --uninstall' first, which stops nothing that runs"
fi

put 755 "$here/usr/bin/sculler" "$root$prefix/bin/sculler"
for unit in $(files lib/systemd/system); do
    mkdir -p "$root$units"
    sed "s|/usr/bin/sculler|$prefix/bin/sculler|" "$here/usr/lib/systemd/system/$unit" >"$root$units/$unit.new"
    chmod 644 "$root$units/$unit.new"
    mv -f "$root$units/$unit.new" "$root$units/$unit"
done
put 644 "$here/usr/lib/tmpfiles.d/sculler.conf" "$root/etc/tmpfiles.d/sculler.conf"
for file in $(files share); do put 644 "$here/usr/share/$file" "$root$prefix/share/$file"; done
mkdir -p "$root/etc/sculler/units" "$root/etc/sculler/sculler.toml.d"
if [ ! -e "$root/etc/sculler/sculler.toml" ]; then
    put 644 "$here/etc/sculler/sculler.toml" "$root/etc/sculler/sculler.toml"
fi

if runs; then
    systemd-tmpfiles --create sculler.conf || true
    systemctl daemon-reload
    if [ -n "$before" ]; then
        systemctl try-restart sculler.service
    else
        systemctl --quiet enable sculler.service sculler-bootstrap.service
        systemctl start sculler.service
    fi
    echo "$("$prefix/bin/sculler" --version) is installed; 'sculler doctor' looks at this host"
    case :$PATH: in
    *:"$prefix/bin":*) ;;
    *) echo "It is $prefix/bin/sculler; that folder is not in your PATH" ;;
    esac
elif [ -n "$root" ] && command -v systemctl >/dev/null; then
    systemctl --quiet --root "$root" enable sculler.service sculler-bootstrap.service
fi
