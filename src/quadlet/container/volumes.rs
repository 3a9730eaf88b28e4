//! `Volume=` → bind sources, named and anonymous volumes, images (podman: `addVolumes()`, `handleStorageSource()`).

use super::Translation;
use super::mount_options::Options;
use crate::host::ApiVersion;
use crate::quadlet::create::{BindOptions, Empty, ImageOptions, Mount, VolumeOptions};
use crate::quadlet::docker_names::check_name;
use crate::quadlet::spec::{BindSource, MountedImage, Owner};
use crate::quadlet::values::Value;

/// `[SOURCE:]TARGET[:OPTIONS]`
pub(in crate::quadlet) fn split_volume(text: &str) -> (Option<&str>, &str, &str) {
    let mut parts = text.splitn(3, ':');
    let first = parts.next().unwrap_or_default();
    match (parts.next(), parts.next()) {
        (None, _) => (None, first, ""),
        (Some(target), options) => {
            (Some(first).filter(|source| !source.is_empty()), target, options.unwrap_or_default())
        }
    }
}

impl Translation<'_> {
    pub(super) fn volumes(&mut self) {
        for value in self.values.lines("Volume") {
            let (source, target, options) = split_volume(&value.text);
            let Some(target) = self.target(&value, "Volume", target) else { continue };
            match Options::parse(options) {
                Ok(options) => self.mount_source(&value, source, target, &options),
                Err(message) => self.values.findings.push(value.error(format!("Volume={} {message}", value.text))),
            }
        }
    }

    /// Mounts a path of the host, a volume, or nothing that has a name.
    pub(super) fn mount_source(&mut self, value: &Value<'_>, source: Option<&str>, target: String, options: &Options) {
        match source {
            Some(source) if source.starts_with('/') || source.starts_with('.') => {
                self.bind(value, source, target, options);
            }
            Some(source) => self.named(value, source, target, options),
            None if *options == Options::default() => {
                self.create.volumes.insert(target, Empty {});
            }
            None => self.volume(value, String::new(), target, options),
        }
    }

    fn refuse_mount(&mut self, value: &Value<'_>, message: &str) {
        self.values.findings.push(value.error(format!("{}={} {message}", value.key(), value.text)));
    }

    pub(super) fn bind(&mut self, value: &Value<'_>, source: &str, target: String, options: &Options) {
        if options.no_copy || options.subpath.is_some() {
            self.refuse_mount(value, "has nocopy or subpath, which are for volumes; remove it");
            return;
        }
        let owner = match (&options.map, options.change_owner) {
            (Some(_), true) => {
                self.refuse_mount(value, "has both U and idmap; write one of them");
                return;
            }
            (Some((uids, gids)), false) => Owner::Map { uids: uids.clone(), gids: gids.clone() },
            (None, true) => Owner::Change,
            (None, false) => Owner::Check,
        };
        let source = self.host_path(source);
        let text = source.to_string_lossy().into_owned();
        let read_only = options.read_only == Some(true);
        match options.label {
            Some(label) => {
                if options.non_recursive || text.contains(':') || target.contains(':') {
                    let message = format!("cannot have {label} together with 'bind' or a path with ':'");
                    self.refuse_mount(value, &message);
                    return;
                }
                let mut words = vec![if read_only { "ro" } else { "rw" }.to_owned(), label.to_string()];
                words.extend(options.propagation.clone());
                self.create.host_config.binds.push(format!("{text}:{target}:{}", words.join(",")));
            }
            None => {
                let bind_options = BindOptions {
                    propagation: options.propagation.clone(),
                    non_recursive: options.non_recursive,
                    ..BindOptions::default()
                };
                self.create.host_config.mounts.push(Mount {
                    kind: "bind".into(),
                    source: text,
                    target: target.clone(),
                    read_only,
                    bind_options: Some(bind_options).filter(|options| *options != BindOptions::default()),
                    ..Mount::default()
                });
            }
        }
        self.mounts.push(BindSource { source, target, read_only, owner, create: options.create });
    }

    fn named(&mut self, value: &Value<'_>, source: &str, target: String, options: &Options) {
        if !source.ends_with(".volume") {
            match check_name(source) {
                Ok(()) => self.volume(value, source.to_owned(), target, options),
                Err(message) => {
                    let message = format!("{}: {message}; if a path is meant, write './{source}'", value.key());
                    self.values.findings.push(value.error(message));
                }
            }
            return;
        }
        match self.context.others.find(source) {
            Err(message) => self.values.findings.push(value.error(format!("{}: {message}", value.key()))),
            Ok(resource) => match &resource.image {
                Some(image) => self.image_mount(value, source, image.clone(), target, options),
                None => {
                    let options = Options {
                        no_copy: options.no_copy || resource.no_copy,
                        read_only: options.read_only,
                        label: options.label,
                        change_owner: options.change_owner,
                        map: options.map.clone(),
                        create: options.create,
                        propagation: options.propagation.clone(),
                        non_recursive: options.non_recursive,
                        subpath: options.subpath.clone(),
                    };
                    self.volume(value, resource.name.clone(), target, &options);
                }
            },
        }
    }

    /// A volume by its name, or an anonymous one.
    pub(super) fn volume(&mut self, value: &Value<'_>, name: String, target: String, options: &Options) {
        if let Some(option) = options.only_for_binds() {
            let advice = if matches!(option, "U" | "idmap") {
                "give the volume its owner by UID= and GID= of a .volume file"
            } else {
                "remove it"
            };
            self.refuse_mount(value, &format!("has the option {option}, which is for paths of the host; {advice}"));
            return;
        }
        let read_only = options.read_only == Some(true);
        if name.is_empty() && (read_only || options.subpath.is_some()) {
            let message = "has no source, so it cannot be read-only or a subpath of one; name a volume";
            self.refuse_mount(value, message);
            return;
        }
        if let Some(label) = options.label {
            if options.subpath.is_some() || name.is_empty() {
                self.refuse_mount(value, &format!("cannot have {label} together with subpath or without a name"));
                return;
            }
            let mut words = vec![if read_only { "ro" } else { "rw" }.to_owned(), label.to_string()];
            words.extend(options.no_copy.then(|| "nocopy".to_owned()));
            self.create.host_config.binds.push(format!("{name}:{target}:{}", words.join(",")));
            return;
        }
        if options.subpath.is_some() && !self.needs_api(value, "the option subpath=", ApiVersion(1, 45), "26.0") {
            return;
        }
        let volume_options =
            VolumeOptions { no_copy: options.no_copy, subpath: options.subpath.clone(), ..VolumeOptions::default() };
        self.create.host_config.mounts.push(Mount {
            kind: "volume".into(),
            source: name,
            target,
            read_only,
            volume_options: Some(volume_options).filter(|options| *options != VolumeOptions::default()),
            ..Mount::default()
        });
    }

    /// An image's files; read-only unless they are said to be writable, as with Podman.
    pub(super) fn image_mount(
        &mut self,
        value: &Value<'_>,
        source: &str,
        image: String,
        target: String,
        options: &Options,
    ) {
        if !self.needs_api(value, "a mount of type image", ApiVersion(1, 48), "28.0") {
            return;
        }
        if options.only_for_binds().is_some() || options.no_copy || options.label.is_some() {
            self.refuse_mount(value, "has an option that images do not have; they take ro, rw and subpath");
            return;
        }
        let pull = self.pull_of_mount(source);
        self.mounted_images.push(MountedImage { image: image.clone(), pull });
        self.create.host_config.mounts.push(Mount {
            kind: "image".into(),
            source: image,
            target,
            read_only: options.read_only != Some(false),
            image_options: options.subpath.clone().map(|subpath| ImageOptions { subpath: Some(subpath) }),
            ..Mount::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_volume() {
        let cases = [
            ("/a", (None, "/a", "")),
            ("/a:/b", (Some("/a"), "/b", "")),
            ("/a:/b:ro,z", (Some("/a"), "/b", "ro,z")),
            (":/b:ro", (None, "/b", "ro")),
            ("", (None, "", "")),
        ];
        for (text, expected) in cases {
            assert_eq!(split_volume(text), expected, "{text}");
        }
    }
}
