//! Names of units (systemd.unit(5); systemd: src/basic/unit-name.c).

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest name: `NAME.d` has to be a file name, which has 255 bytes at most.
pub const NAME_MAX: usize = 253;

/// The types of units that sculler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitType {
    Service,
    Socket,
    Timer,
    Path,
    Mount,
    Automount,
    Target,
    Slice,
    /// Quadlet: `web.container` becomes `web.service`.
    Container,
    /// Quadlet: `data.volume` becomes `data-volume.service`.
    Volume,
    /// Quadlet: `net.network` becomes `net-network.service`.
    Network,
    /// Quadlet: `web.image` becomes `web-image.service`.
    Image,
    /// Quadlet: `web.build` becomes `web-build.service`.
    Build,
}

impl UnitType {
    pub const ALL: [Self; 13] = [
        Self::Service,
        Self::Socket,
        Self::Timer,
        Self::Path,
        Self::Mount,
        Self::Automount,
        Self::Target,
        Self::Slice,
        Self::Container,
        Self::Volume,
        Self::Network,
        Self::Image,
        Self::Build,
    ];

    /// The type that a file name's extension (without the dot) stands for.
    pub fn from_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit_type| unit_type.suffix() == suffix)
    }

    /// The extension, without the dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Socket => "socket",
            Self::Timer => "timer",
            Self::Path => "path",
            Self::Mount => "mount",
            Self::Automount => "automount",
            Self::Target => "target",
            Self::Slice => "slice",
            Self::Container => "container",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Image => "image",
            Self::Build => "build",
        }
    }

    /// The section that is this type's own, if it has one (`[Service]`, `[Container]`).
    pub fn section(self) -> Option<&'static str> {
        match self {
            Self::Service => Some("Service"),
            Self::Socket => Some("Socket"),
            Self::Timer => Some("Timer"),
            Self::Path => Some("Path"),
            Self::Mount => Some("Mount"),
            Self::Automount => Some("Automount"),
            Self::Target => None,
            Self::Slice => Some("Slice"),
            Self::Container => Some("Container"),
            Self::Volume => Some("Volume"),
            Self::Network => Some("Network"),
            Self::Image => Some("Image"),
            Self::Build => Some("Build"),
        }
    }

    /// Whether the file is rendered to a service rather than given to systemd as it is (podman-systemd.unit(5)).
    pub fn is_quadlet(self) -> bool {
        matches!(self, Self::Container | Self::Volume | Self::Network | Self::Image | Self::Build)
    }

    /// How much longer than the file's name the name of the service is that Quadlet makes of it.
    fn service_name_growth(self) -> usize {
        match self {
            Self::Volume | Self::Network | Self::Image | Self::Build => "-.service".len() - ".".len(),
            _ => 0,
        }
    }
}

impl fmt::Display for UnitType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}

/// Why a text is no unit name.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum NameError {
    #[error("a unit needs a name")]
    Empty,
    #[error("the name has no type; end it in one such as '.service'")]
    NoType,
    #[error("'.{0}' is not a type of unit that sculler runs")]
    UnknownType(String),
    #[error("there is nothing before '.{0}'; a unit needs a name")]
    NoPrefix(String),
    #[error("{0:?} is not allowed in a unit name; letters, digits and ':-_.\\@' are (see systemd-escape(1))")]
    Character(char),
    #[error("the name has {length} bytes; {limit} are the most, so that NAME.d fits into a file name")]
    TooLong {
        length: usize,
        /// [`NAME_MAX`], less what Quadlet adds to make the service's name.
        limit: usize,
    },
}

/// A valid name: `web.service`, `web@1.service`, `web@.service`, `foo\x2dbar.container`. Ordered as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName {
    /// Shared, since a name is kept wherever something is known of the unit.
    text: Arc<str>,
    unit_type: UnitType,
}

impl UnitName {
    /// Reads a name by systemd's rules (`unit_name_is_valid()`), for the types in [`UnitType`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let (stem, suffix) = text.rsplit_once('.').ok_or(NameError::NoType)?;
        let unit_type = UnitType::from_suffix(suffix).ok_or_else(|| NameError::UnknownType(suffix.to_owned()))?;
        if stem.is_empty() || stem.starts_with('@') {
            return Err(NameError::NoPrefix(suffix.to_owned()));
        }
        if let Some(c) = stem.chars().find(|c| !is_name_character(*c)) {
            return Err(NameError::Character(c));
        }
        let limit = NAME_MAX - unit_type.service_name_growth();
        if text.len() > limit {
            return Err(NameError::TooLong { length: text.len(), limit });
        }
        Ok(Self { text: text.into(), unit_type })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn unit_type(&self) -> UnitType {
        self.unit_type
    }

    /// The name without its type: `web@1`.
    pub fn stem(&self) -> &str {
        &self.text[..self.text.len() - self.unit_type.suffix().len() - 1]
    }

    /// The part before the first `@`, or the whole stem: `web`.
    pub fn prefix(&self) -> &str {
        self.stem().split_once('@').map_or(self.stem(), |(prefix, _)| prefix)
    }

    /// The part after the first `@`; `Some("")` for a template, `None` for a plain unit.
    pub fn instance(&self) -> Option<&str> {
        self.stem().split_once('@').map(|(_, instance)| instance)
    }

    /// Whether this is `web@.service`, from which instances are made.
    pub fn is_template(&self) -> bool {
        self.instance() == Some("")
    }

    /// The template that an instance is made from: `web@.service` for `web@1.service`.
    pub fn template(&self) -> Option<UnitName> {
        let instance = self.instance().filter(|instance| !instance.is_empty())?;
        let end = self.stem().len() - instance.len();
        let text = format!("{}.{}", &self.text[..end], self.unit_type.suffix());
        Some(Self { text: text.into(), unit_type: self.unit_type })
    }
}

pub(super) fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@')
}

/// Whether systemd accepts a name, of any of its types, also those that sculler does not run: for what a unit refers
/// to (`After=dev-sda1.device`).
pub fn is_systemd_name(text: &str) -> bool {
    const OTHER_TYPES: [&str; 3] = ["device", "swap", "scope"];
    let Some((stem, suffix)) = text.rsplit_once('.') else { return false };
    let known = UnitType::from_suffix(suffix).is_some_and(|t| !t.is_quadlet()) || OTHER_TYPES.contains(&suffix);
    known && !stem.is_empty() && !stem.starts_with('@') && text.len() < 256 && stem.chars().all(is_name_character)
}

/// The name's part that systemd makes of a path (systemd-escape(1) `--path`): `/srv/my data` → `srv-my\x20data`.
pub fn escape_path(path: &str) -> String {
    let mut escaped = String::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if !escaped.is_empty() {
            escaped.push('-');
        }
        for byte in part.bytes() {
            let leading_dot = byte == b'.' && escaped.is_empty();
            if (byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'.')) && !leading_dot {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("\\x{byte:02x}"));
            }
        }
    }
    if escaped.is_empty() { "-".to_owned() } else { escaped }
}

/// What an escaped part of a name stands for (systemd: `unit_name_unescape()`): `-` → `/`, `\x2d` → `-`. `None` if it
/// is not well escaped.
pub fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'-' => bytes.push(b'/'),
            b'\\' => {
                let digits = tail.strip_prefix(b"x")?.get(..2)?;
                let digits = str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &tail[3..];
                continue;
            }
            _ => bytes.push(byte),
        }
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for UnitName {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl std::str::FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    #[test]
    fn parts_of_a_name() {
        // fleet: unit/unit_test.go TestNamedUnit
        let cases = [
            ("foo.service", "foo", None, None),
            ("foo@.service", "foo", Some(""), None),
            ("foo@1.service", "foo", Some("1"), Some("foo@.service")),
            ("foo@bar@baz.service", "foo", Some("bar@baz"), Some("foo@.service")),
            ("foo.1@2.socket", "foo.1", Some("2"), Some("foo.1@.socket")),
            (r"foo\x2dbar.service", r"foo\x2dbar", None, None),
            ("-.mount", "-", None, None),
            ("web@a.container", "web", Some("a"), Some("web@.container")),
        ];
        for (text, prefix, instance, template) in cases {
            let name = name(text);
            assert_eq!(name.prefix(), prefix, "{text}");
            assert_eq!(name.instance(), instance, "{text}");
            assert_eq!(name.template().as_ref().map(UnitName::as_str), template, "{text}");
            assert_eq!(name.is_template(), instance == Some(""), "{text}");
        }
    }

    #[test]
    fn what_is_no_name() {
        for text in
            ["", "foo", "bar@baz", ".service", "@1.service", "foo bar.service", "f\u{f6}.service", "a/b.service"]
        {
            assert!(UnitName::parse(text).is_err(), "{text}");
        }
        assert_eq!(UnitName::parse("foo.scope"), Err(NameError::UnknownType("scope".into())));
        assert_eq!(UnitName::parse("foo."), Err(NameError::UnknownType(String::new())));
    }

    #[test]
    fn names_leave_room_for_their_folder() {
        let of_length = |length: usize, suffix: &str| format!("{}{suffix}", "a".repeat(length - suffix.len()));
        assert!(UnitName::parse(&of_length(253, ".service")).is_ok());
        assert!(UnitName::parse(&of_length(254, ".service")).is_err());
        assert!(UnitName::parse(&of_length(253, ".container")).is_ok());
        assert!(UnitName::parse(&of_length(245, ".volume")).is_ok());
        let error = UnitName::parse(&of_length(246, ".volume")).unwrap_err();
        assert_eq!(error, NameError::TooLong { length: 246, limit: 245 });
    }

    #[test]
    fn paths_and_their_escapes() {
        for (path, escaped) in [
            ("/", "-"),
            ("/srv/data", "srv-data"),
            ("//srv//data/", "srv-data"),
            ("/srv/my data-1", r"srv-my\x20data\x2d1"),
            ("/.cache", r"\x2ecache"),
            ("/a/.b", "a-.b"),
        ] {
            assert_eq!(escape_path(path), escaped, "{path}");
        }
        assert_eq!(unescape(r"a-b\x2dc").as_deref(), Some("a/b-c"));
        assert_eq!(unescape(r"a\x2"), None);
        assert_eq!(unescape(r"a\n"), None);
        assert_eq!(unescape(r"\xff"), None);
    }
}
