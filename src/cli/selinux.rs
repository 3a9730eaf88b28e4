//! SELinux in `sculler doctor`: the mount options `z` and `Z` where they are missing, or mean nothing. Pure.

use crate::quadlet::Spec;
use crate::quadlet::spec::{BindSource, Container};

/// What there is to say of the mounts of `specs`; whether it is all right, and the text. `docker`: whether the Engine
/// labels containers.
pub fn finding(is_on_host: bool, docker: bool, specs: &[Spec]) -> Option<(bool, String)> {
    let containers = || specs.iter().filter_map(|spec| Some((spec.unit.as_str(), spec.container()?)));
    let of = |is_labelled: bool| {
        let mounts = containers().flat_map(|(unit, container)| {
            let is_open =
                container.create.host_config.security_opt.iter().any(|option| option.starts_with("label=disable"));
            let mounts = container.mounts.iter().filter(move |_| is_labelled || !is_open);
            mounts.filter(move |mount| has_label(container, mount) == is_labelled).map(move |mount| (unit, mount))
        });
        mounts.map(|(unit, mount)| format!("{} of {unit}", mount.source.display())).collect::<Vec<_>>()
    };
    let (with, without) = (of(true), of(false));
    match (is_on_host, docker) {
        (false, _) if with.is_empty() => None,
        (false, _) => Some((true, format!("not on this host: z and Z mean nothing for {}", with.join(", ")))),
        (true, false) => {
            let text = "Docker runs without it, so z and Z mean nothing; \"selinux-enabled\": true in \
                        /etc/docker/daemon.json turns it on";
            Some((true, text.to_owned()))
        }
        (true, true) if without.is_empty() => Some((true, "every mount has z or Z, or needs none".to_owned())),
        (true, true) => Some((
            false,
            format!(
                "it may keep containers from their mounts, for lack of a label: {}; add z (several containers) or Z (this \
                 one alone) to the mount; for a folder of the host's own write SecurityLabelDisable=true instead",
                without.join(", ")
            ),
        )),
    }
}

fn has_label(container: &Container, mount: &BindSource) -> bool {
    let beginning = format!("{}:{}:", mount.source.display(), mount.target);
    let options = container.create.host_config.binds.iter().find_map(|bind| bind.strip_prefix(&beginning));
    options.is_some_and(|options| options.split(',').any(|option| matches!(option, "z" | "Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(binds: &[&str], mounts: &[&str], options: &[&str]) -> Spec {
        let mounts: Vec<_> = mounts
            .iter()
            .map(|path| serde_json::json!({ "source": path, "target": "/t", "read_only": true, "owner": "check" }))
            .collect();
        let spec = serde_json::json!({
            "version": 1, "unit": "web.service", "source": "/web.container", "run": "00".repeat(32),
            "container": {
                "name": "web", "image": "web", "pull": { "policy": "missing", "retries": 0 }, "notify": "started",
                "oneshot": false, "start": {}, "mounts": mounts,
                "create": { "Image": "web", "HostConfig": { "Binds": binds, "SecurityOpt": options } },
            },
        });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn labels_where_they_are_missing_or_mean_nothing() {
        let labelled = || vec![spec(&["/a:/t:ro,Z"], &["/a"], &[])];
        let bare = || vec![spec(&[], &["/b"], &[])];
        let text = |host, docker, specs: Vec<Spec>| finding(host, docker, &specs);
        assert_eq!(text(false, false, bare()), None);
        assert!(text(false, false, labelled()).is_some_and(|(ok, text)| ok && text.contains("/a of web.service")));
        assert!(text(true, false, labelled()).is_some_and(|(ok, text)| ok && text.contains("selinux-enabled")));
        assert!(text(true, true, labelled()).is_some_and(|(ok, _)| ok));
        assert!(text(true, true, bare()).is_some_and(|(ok, text)| !ok && text.contains("/b of web.service")));
        assert!(text(true, true, vec![spec(&[], &["/b"], &["label=disable"])]).is_some_and(|(ok, _)| ok));
    }
}
