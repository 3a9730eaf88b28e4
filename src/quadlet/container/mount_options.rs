//! The options of `Volume=` and `Mount=` (podman: pkg/specgen/volumes.go, pkg/util/mountOpts.go,
//! `parseMountOptions()` in pkg/specgenutil/volumes.go), mapped to what Docker has, or refused.

use crate::unit::nearest::{nearest, suggestion};

/// What the options of one mount say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub read_only: Option<bool>,
    /// `z` or `Z`
    pub label: Option<char>,
    pub change_owner: bool,
    /// `uids=` and `gids=` of `idmap`.
    pub map: Option<(String, String)>,
    pub create: bool,
    pub no_copy: bool,
    pub propagation: Option<String>,
    pub non_recursive: bool,
    pub subpath: Option<String>,
}

const KNOWN: [&str; 21] = [
    "ro",
    "rw",
    "readonly",
    "z",
    "Z",
    "U",
    "chown",
    "idmap",
    "create",
    "copy",
    "nocopy",
    "subpath",
    "rshared",
    "rslave",
    "rprivate",
    "shared",
    "slave",
    "private",
    "relabel",
    "bind-propagation",
    "bind-nonrecursive",
];

impl Options {
    /// The options of `Volume=`, parted by commas.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some((name, value)) => options.read(name, Some(value))?,
                None => options.read(option, None)?,
            }
        }
        Ok(options)
    }

    /// Reads one option.
    pub fn read(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let is_on = !value.is_some_and(|value| value.eq_ignore_ascii_case("false"));
        match name {
            "ro" | "readonly" | "rw" if self.read_only.is_some() => {
                return Err("says twice whether it is read-only; write one of ro and rw".into());
            }
            "ro" | "readonly" => self.read_only = Some(is_on),
            "rw" => self.read_only = Some(!is_on),
            "z" | "Z" | "relabel" => {
                let label = match (name, value) {
                    ("z", _) | ("relabel", Some("shared")) => 'z',
                    ("Z", _) | ("relabel", Some("private")) => 'Z',
                    _ => return Err("has 'relabel' without a meaning; it can be shared or private".into()),
                };
                if self.label.is_some_and(|other| other != label) {
                    return Err("has both z and Z; write one of them".into());
                }
                self.label = Some(label);
            }
            "U" | "chown" => self.change_owner = is_on,
            "idmap" => self.map = Some(id_map(value.unwrap_or_default())?),
            "create" => self.create = is_on,
            "nocopy" => self.no_copy = is_on,
            "volume-nocopy" => self.no_copy = is_on,
            "subpath" | "volume-subpath" => match value {
                Some(path) if !path.is_empty() && !path.split('/').any(|part| part == "..") => {
                    self.subpath = Some(path.trim_start_matches('/').to_owned());
                }
                _ => return Err(format!("has '{name}' without a path within the volume")),
            },
            "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate" => {
                self.propagation = Some(name.to_owned());
            }
            "bind-propagation" => match value {
                Some(kind @ ("shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate")) => {
                    self.propagation = Some(kind.to_owned());
                }
                Some(kind @ ("unbindable" | "runbindable")) => return Err(no_unbindable(kind)),
                _ => return Err("has 'bind-propagation' without one of shared, slave, private, rshared, …".into()),
            },
            "unbindable" | "runbindable" => return Err(no_unbindable(name)),
            "bind" | "bind-nonrecursive" => self.non_recursive = is_on,
            // What Docker does anyway.
            "rbind" | "copy" | "exec" | "suid" | "dev" | "consistency" => {}
            "noexec" | "nosuid" | "nodev" => {
                return Err(format!(
                    "has the option '{name}', which Docker cannot set; mount the source so on the host, or use a .volume \
                     file with Device= and Options={name}"
                ));
            }
            "O" | "upperdir" | "workdir" => {
                return Err(format!(
                    "has the option '{name}', but Docker has no overlays of folders; use ro, or a .volume file with Type=overlay"
                ));
            }
            "no-dereference" => {
                return Err("has the option 'no-dereference', but Docker follows symlinks; name their target".into());
            }
            _ => {
                let near = nearest(name, KNOWN);
                let advice = if near.is_some() {
                    suggestion(near)
                } else {
                    "; it can be ro, z, U, idmap, create, nocopy, rslave and others".into()
                };
                return Err(format!("has the option '{name}', which is unknown{advice}"));
            }
        }
        Ok(())
    }

    /// The options that a mount that is no bind cannot have.
    pub fn only_for_binds(&self) -> Option<&'static str> {
        [
            (self.change_owner, "U"),
            (self.map.is_some(), "idmap"),
            (self.create, "create"),
            (self.propagation.is_some(), "propagation"),
            (self.non_recursive, "bind"),
        ]
        .into_iter()
        .find_map(|(is_set, name)| is_set.then_some(name))
    }
}

fn no_unbindable(kind: &str) -> String {
    format!("has the option '{kind}', which Docker does not have; use private or rprivate")
}

/// `uids=…;gids=…`, each a list of mappings that only the start can apply.
fn id_map(text: &str) -> Result<(String, String), String> {
    let (mut uids, mut gids) = (String::new(), String::new());
    let wrong = |reason: String| {
        format!("has 'idmap={text}'{reason}; write idmap or idmap=uids=FROM-TO-LENGTH;gids=FROM-TO-LENGTH")
    };
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let (name, map) = part.split_once('=').ok_or_else(|| wrong(String::new()))?;
        crate::quadlet::id_map::parse(map).map_err(|reason| wrong(format!(", in which {name} {reason}")))?;
        match name {
            "uids" => uids = map.to_owned(),
            "gids" => gids = map.to_owned(),
            _ => return Err(wrong(String::new())),
        }
    }
    match (uids.is_empty(), gids.is_empty()) {
        (true, false) => Err(wrong(", which maps groups and no users".into())),
        (false, true) => Err(wrong(", which maps users and no groups".into())),
        _ => Ok((uids, gids)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let none = Options::default;
        let cases = [
            ("", none()),
            ("rbind,exec,suid,dev,copy", none()),
            ("ro", Options { read_only: Some(true), ..none() }),
            ("rw,Z", Options { read_only: Some(false), label: Some('Z'), ..none() }),
            ("readonly=false", Options { read_only: Some(false), ..none() }),
            ("relabel=shared", Options { label: Some('z'), ..none() }),
            ("U,create", Options { change_owner: true, create: true, ..none() }),
            ("idmap", Options { map: Some(Default::default()), ..none() }),
            (
                "idmap=uids=@0-1-2#3-4-5;gids=1-2-3",
                Options { map: Some(("@0-1-2#3-4-5".into(), "1-2-3".into())), ..none() },
            ),
            ("nocopy,subpath=/a/b", Options { no_copy: true, subpath: Some("a/b".into()), ..none() }),
            ("bind,rslave", Options { non_recursive: true, propagation: Some("rslave".into()), ..none() }),
        ];
        for (text, expected) in cases {
            assert_eq!(Options::parse(text), Ok(expected), "{text}");
        }
        for text in
            ["ro,rw", "z,Z", "relabel", "noexec", "O", "unbindable", "idmap=x", "subpath=../a", "what", "upperdir=/x"]
        {
            assert!(Options::parse(text).is_err(), "{text}");
        }
    }
}
