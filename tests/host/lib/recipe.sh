# shellcheck shell=bash
# What a host's root file system and its images are made of. The cache is keyed by this file's text: any change here
# builds them anew, so nothing that leaves the result alone belongs in it.

root_packages() {
    local suite=$1 packages
    packages=systemd,systemd-sysv,dbus,docker.io,iptables,iproute2,procps,ca-certificates,curl,busybox-static
    packages+=,docker-registry,cloud-init,openssh-server,git,rsync,acl,vim,emacs-nox,gnupg,podman,crun,sudo
    # bookworm has the client in docker.io itself
    [[ $suite == bookworm ]] || packages+=,docker-cli
    echo "$packages"
}

bootstrap() {
    local variant=$1 packages=$2 suite=$3 target=$4
    # Nobody reads manuals in a test host, and a root that is lost half-built is built again: no need to sync
    mmdebstrap --quiet --mode=root --variant="$variant" --include="$packages" \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --aptopt='Acquire::Languages "none"' "$suite" "$target"
}

build_root() {
    local suite=$1 root=$2
    bootstrap minbase "$(root_packages "$suite")" "$suite" "$root"

    local unit
    # They wait for what a test host has not, or start in the middle of a measurement
    for unit in systemd-networkd-wait-online.service systemd-modules-load.service apt-daily.timer \
        apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    # `host boot --docker` puts these links back; without it the engine still starts for a unit that requires it
    for unit in docker.service docker.socket containerd.service docker-registry.service podman.service podman.socket \
        podman-auto-update.service podman-auto-update.timer podman-restart.service podman-clean-transient.service \
        netavark-dhcp-proxy.service netavark-dhcp-proxy.socket netavark-firewalld-reload.service; do
        rm -f "$root"/etc/systemd/system/*.wants/"$unit"
    done
    # The builder's own, copied in by mmdebstrap; and a machine ID would be the same on every host
    rm -f "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
    # With --cloud-init: there is no network to ask other sources over
    echo 'datasource_list: [ NoCloud, None ]' >"$root/etc/cloud/cloud.cfg.d/90-test-host.cfg"

    # /usr is as new as what was made from it: else each first boot rebuilds caches for a quarter of a second
    touch -r "$root/usr" "$root/etc/.updated" "$root/var/.updated"

    chroot "$root" useradd --uid 500 --create-home --shell /bin/bash --groups docker core 2>/dev/null
    echo '{"registry-mirrors": ["http://127.0.0.1:5000"]}' >"$root/etc/docker/daemon.json"
    cat >"$root/etc/docker/registry/config.yml" <<'END'
version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/docker-registry
  delete:
    enabled: true
http:
  addr: 127.0.0.1:5000
END
}

# The registry's own layout on disk, with busybox:latest and nginx:latest in it: a host serves them from its first
# moment, and no engine is needed to make them.
build_images() {
    local registry=$1 scratch=$2
    bootstrap extract base-files,libc6,nginx-light,busybox-static trixie "$scratch/nginx"

    mkdir -p "$scratch/busybox"/{bin,etc,root,tmp,usr,var}
    cp "$scratch/nginx/usr/bin/busybox" "$scratch/busybox/bin/busybox"
    chroot "$scratch/busybox" /bin/busybox --install -s /bin
    image_users "$scratch/busybox"
    publish_image "$registry" busybox "$scratch/busybox" '"Cmd":["sh"]'

    # As in the image of that name: the page's folder, logs on the standard streams, SIGQUIT to stop
    local tree=$scratch/nginx
    image_users "$tree"
    mkdir -p "$tree"/etc/nginx/conf.d "$tree"/usr/share/nginx/html "$tree"/var/{lib,log}/nginx
    rm -f "$tree"/etc/nginx/sites-enabled/* "$tree"/etc/nginx/modules-enabled/*
    ln -sf /dev/stdout "$tree/var/log/nginx/access.log"
    ln -sf /dev/stderr "$tree/var/log/nginx/error.log"
    cat >"$tree/etc/nginx/conf.d/default.conf" <<'END'
server {
    listen 80;
    root /usr/share/nginx/html;
    index index.html;
}
END
    echo "<h1>Welcome to nginx on a sculler test host</h1>" >"$tree/usr/share/nginx/html/index.html"
    publish_image "$registry" nginx "$tree" \
        '"Cmd":["/usr/sbin/nginx","-g","daemon off;"],"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT"'
}

image_users() {
    printf '%s\n' root:x:0:0:root:/root:/bin/sh www-data:x:33:33:www-data:/var/www:/bin/sh \
        nobody:x:65534:65534:nobody:/nonexistent:/bin/false >"$1/etc/passwd"
    printf '%s\n' root:x:0: www-data:x:33: nogroup:x:65534: >"$1/etc/group"
}

publish_image() {
    local registry=$1 name=$2 tree=$3 run_config=$4
    local repository=$registry/docker/registry/v2/repositories/library/$name layer diff_id config digest created
    created=2024-01-01T00:00:00Z
    layer=$tree.layer
    tar -C "$tree" --numeric-owner --sort=name -cf "$layer" .
    diff_id=$(sha256 "$layer")
    gzip -1 -n -f -S .gz "$layer"

    config=$tree.config
    printf '{"architecture":"%s","os":"linux","created":"%s","config":{"Env":["PATH=%s"],%s},%s,%s}' \
        "$(dpkg --print-architecture)" "$created" /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "$run_config" "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$diff_id\"]}" \
        "\"history\":[{\"created\":\"$created\"}]" >"$config"

    local manifest=$tree.manifest media=application/vnd.docker
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' \
        "$media.distribution.manifest.v2+json" "$(descriptor "$media.container.image.v1+json" "$config")" \
        "$(descriptor "$media.image.rootfs.diff.tar.gzip" "$layer.gz")" >"$manifest"

    local blob
    for blob in "$layer.gz" "$config"; do
        digest=$(store_blob "$registry" "$blob")
        link_digest "$repository/_layers/sha256/$digest" "$digest"
    done
    digest=$(store_blob "$registry" "$manifest")
    link_digest "$repository/_manifests/revisions/sha256/$digest" "$digest"
    link_digest "$repository/_manifests/tags/latest/current" "$digest"
    link_digest "$repository/_manifests/tags/latest/index/sha256/$digest" "$digest"
}

sha256() {
    local digest
    digest=$(sha256sum "$1")
    echo "${digest%% *}"
}

descriptor() {
    printf '{"mediaType":"%s","size":%d,"digest":"sha256:%s"}' "$1" "$(stat -c %s "$2")" "$(sha256 "$2")"
}

store_blob() {
    local registry=$1 file=$2 digest
    digest=$(sha256 "$file")
    local folder=$registry/docker/registry/v2/blobs/sha256/${digest:0:2}/$digest
    mkdir -p "$folder"
    cp "$file" "$folder/data"
    echo "$digest"
}

link_digest() {
    mkdir -p "$1"
    printf 'sha256:%s' "$2" >"$1/link"
}
