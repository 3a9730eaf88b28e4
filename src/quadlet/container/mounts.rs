//! `Mount=` and `Tmpfs=` (podman-run(1); podman: pkg/specgenutil/volumes.go). Memory file systems go into
//! `HostConfig.Tmpfs`, which takes all their options with any version of the API.

use super::Translation;
use super::mount_options::Options;
use crate::quadlet::quantities::size;
use crate::quadlet::values::Value;

/// The parts of a `Mount=`.
#[derive(Debug, Default)]
pub(in crate::quadlet) struct MountLine {
    pub kind: String,
    pub source: Option<String>,
    pub target: Option<String>,
    pub options: Vec<(String, Option<String>)>,
}

/// Reads `type=…,source=…,destination=…,…`; without a type it is a volume.
pub(in crate::quadlet) fn parse_mount(text: &str) -> Result<MountLine, String> {
    let mut line = MountLine { kind: "volume".into(), ..MountLine::default() };
    for field in fields(text)? {
        let (name, value) = match field.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (field, None),
        };
        let place = match name.as_str() {
            "type" => {
                line.kind = value
                    .filter(|value| !value.is_empty())
                    .ok_or("has 'type' without a value; write one such as type=bind")?;
                continue;
            }
            "src" | "source" => &mut line.source,
            "dst" | "target" | "destination" => &mut line.target,
            _ => {
                line.options.push((name, value));
                continue;
            }
        };
        if place.is_some() {
            return Err(format!("has '{name}' twice; remove one of them"));
        }
        *place = Some(
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("has '{name}' without a value; write {name}=PATH"))?,
        );
    }
    Ok(line)
}

/// Fields of comma-separated values (RFC 4180, as Go's encoding/csv reads them).
fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, after) = rest.split_once(',').map_or((rest, None), |(field, after)| (field, Some(after)));
            fields.push(field.to_owned());
            match after {
                Some(after) => rest = after,
                None => break,
            }
            continue;
        };
        let mut field = String::new();
        rest = quoted;
        loop {
            let (part, after) = rest.split_once('"').ok_or("has a quote that is not closed; close it")?;
            field.push_str(part);
            rest = after;
            match after.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    rest = after;
                }
                None => break,
            }
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None => return Err("has text behind a quoted field; put a ',' between them".into()),
        }
    }
    fields.retain(|field| !field.is_empty());
    Ok(fields)
}

impl Translation<'_> {
    pub(super) fn mount_lines(&mut self) {
        for value in self.values.arguments("Mount") {
            if let Err(message) = self.mount_line(&value) {
                self.values.findings.push(value.error(format!("Mount={} {message}", value.text)));
            }
        }
    }

    fn mount_line(&mut self, value: &Value<'_>) -> Result<(), String> {
        let line = parse_mount(&value.text)?;
        let kind = line.kind.as_str();
        let advice = match kind {
            "bind" | "volume" | "tmpfs" | "image" => "",
            "glob" => "name each file by Volume=, or mount their folder",
            "ramfs" => "use type=tmpfs",
            "devpts" => "a container has one on /dev/pts; remove it",
            "artifact" => "put the files into an image and use type=image",
            _ => "it can be bind, volume, tmpfs, image",
        };
        if !advice.is_empty() {
            return Err(format!("has the type '{kind}', which Docker does not have; {advice}"));
        }
        let target = line.target.as_deref().ok_or("has no destination=, the path in the container; add it")?;
        let Some(target) = self.target(value, "Mount", target) else { return Ok(()) };
        if kind == "tmpfs" {
            if line.source.is_some() {
                return Err("has a source, which a tmpfs cannot have; remove it".into());
            }
            let mut options = TmpfsOptions::default();
            for (name, text) in &line.options {
                options.read(name, text.as_deref())?;
            }
            self.create.host_config.tmpfs.insert(target, options.text());
            return Ok(());
        }
        let mut options = Options::default();
        for (name, text) in &line.options {
            match (kind, name.as_str()) {
                ("image", "readwrite") => options.read("rw", text.as_deref())?,
                _ => options.read(name, text.as_deref())?,
            }
        }
        match (kind, line.source.as_deref()) {
            ("volume", source) if source.is_some_and(|source| source.starts_with(['/', '.'])) => {
                return Err("is a volume with a path as its source; write type=bind".into());
            }
            ("volume", None) => self.volume(value, String::new(), target, &options),
            ("volume", source) => self.mount_source(value, source, target, &options),
            (_, None) => return Err("has no source=; add it".into()),
            ("image", Some(source)) => {
                if let Some(image) = self.image_of(value, source) {
                    self.image_mount(value, source, image, target, &options);
                }
            }
            (_, Some(source)) if source.ends_with(".volume") && !source.contains('/') => {
                return Err("is a bind with a volume as its source; write type=volume".into());
            }
            (_, Some(source)) => self.bind(value, source, target, &options),
        }
        Ok(())
    }

    /// `Tmpfs=`, and what `ReadOnlyTmpfs=` and `VolatileTmp=` add.
    pub(super) fn tmpfs(&mut self) {
        for value in self.values.lines("Tmpfs") {
            let (target, text) = value.text.split_once(':').unwrap_or((&value.text, ""));
            let Some(target) = self.target(&value, "Tmpfs", target) else { continue };
            let mut options = TmpfsOptions::default();
            let parts = text.split(',').filter(|part| !part.is_empty());
            let read = parts.map(|part| part.split_once('=').map_or((part, None), |(name, text)| (name, Some(text))));
            let result: Result<(), String> = read.into_iter().try_for_each(|(name, text)| options.read(name, text));
            match result {
                Ok(()) => {
                    self.create.host_config.tmpfs.insert(target, options.text());
                }
                Err(message) => self.values.findings.push(value.error(format!("Tmpfs={} {message}", value.text))),
            }
        }
        let is_read_only = self.values.boolean("ReadOnly") == Some(true);
        let has_tmpfs = self.values.boolean("ReadOnlyTmpfs").unwrap_or(true);
        let is_volatile = self.values.boolean("VolatileTmp") == Some(true);
        let mut add = |target: &str, options: &str| {
            if !self.targets.contains_key(target) {
                self.create.host_config.tmpfs.insert(target.to_owned(), options.to_owned());
            }
        };
        if is_read_only && has_tmpfs {
            add("/run", "rw,exec,nosuid,nodev,mode=755");
            add("/tmp", "rw,exec,nosuid,nodev,mode=1777");
            add("/var/tmp", "rw,exec,nosuid,nodev,mode=1777");
        }
        if is_volatile && !is_read_only {
            add("/tmp", "rw,exec,size=512M,mode=1777");
        }
    }
}

/// What the kernel is told of a tmpfs.
#[derive(Debug, Default)]
struct TmpfsOptions {
    words: Vec<String>,
    decides_exec: bool,
}

impl TmpfsOptions {
    /// moby: `MergeTmpfsOptions()` in daemon/internal/mountopts
    fn read(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let is_on = !value.is_some_and(|value| value.eq_ignore_ascii_case("false"));
        let word = match (name, value) {
            ("ro" | "readonly", _) => if is_on { "ro" } else { "rw" }.to_owned(),
            ("rw", _) => if is_on { "rw" } else { "ro" }.to_owned(),
            ("exec" | "noexec", None) => {
                self.decides_exec = true;
                name.to_owned()
            }
            ("suid" | "nosuid" | "dev" | "nodev" | "sync" | "async", None) => name.to_owned(),
            ("atime" | "noatime" | "diratime" | "nodiratime" | "relatime" | "norelatime" | "strictatime", None) => {
                name.to_owned()
            }
            ("size" | "tmpfs-size", Some(text)) => {
                let is_share = text.strip_suffix('%').is_some_and(|digits| digits.parse::<u8>().is_ok());
                if !is_share && size(text).is_none() {
                    return Err(format!("has '{name}={text}', which is no size; write one such as 64m"));
                }
                format!("size={text}")
            }
            ("mode" | "tmpfs-mode", Some(text)) => {
                if text.is_empty() || text.len() > 5 || !text.bytes().all(|b| matches!(b, b'0'..=b'7')) {
                    return Err(format!("has '{name}={text}', which is no file mode; write octal digits such as 1777"));
                }
                format!("mode={text}")
            }
            ("uid" | "gid" | "nr_inodes" | "nr_blocks", Some(text)) => {
                if text.parse::<u64>().is_err() {
                    return Err(format!("has '{name}={text}', which is no number; write digits alone"));
                }
                format!("{name}={text}")
            }
            ("mpol", Some(text)) => format!("mpol={text}"),
            // Docker's are empty at the start and not shared.
            ("notmpcopyup" | "private" | "rprivate" | "consistency", _) => return Ok(()),
            ("tmpcopyup", _) => {
                return Err(
                    "has the option 'tmpcopyup', but Docker's are empty at the start; use Volume= without a source"
                        .into(),
                );
            }
            ("U" | "chown", _) => return Err(format!("has the option '{name}'; Docker takes uid= and gid= instead")),
            _ => return Err(format!("has the option '{name}', which Docker does not take for a tmpfs; remove it")),
        };
        self.words.push(word);
        Ok(())
    }

    /// Docker's own default is noexec, Podman's is not.
    fn text(mut self) -> String {
        if !self.decides_exec {
            self.words.push("exec".into());
        }
        self.words.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comma_separated_fields() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            ("a,b=c", Some(&["a", "b=c"])),
            ("", Some(&[])),
            (",a,", Some(&["a"])),
            (r#""a,b",c"#, Some(&["a,b", "c"])),
            (r#""a ""b""","#, Some(&[r#"a "b""#])),
            (r#"a"b"#, Some(&[r#"a"b"#])),
            (r#""a"#, None),
            (r#""a"b"#, None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|fields| fields.iter().map(ToString::to_string).collect());
            assert_eq!(fields(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn parts_of_a_mount() {
        let line = parse_mount("type=bind,src=/a,dst=/b,ro,relabel=shared").unwrap();
        assert_eq!(
            (line.kind.as_str(), line.source.as_deref(), line.target.as_deref()),
            ("bind", Some("/a"), Some("/b"))
        );
        assert_eq!(line.options, [("ro".to_owned(), None), ("relabel".to_owned(), Some("shared".to_owned()))]);
        assert_eq!(parse_mount("target=/a").unwrap().kind, "volume");
        for text in ["type=", "type", "src=/a,source=/a", "dst="] {
            assert!(parse_mount(text).is_err(), "{text}");
        }
    }
}
