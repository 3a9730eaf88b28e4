//! Names that Docker Engine takes (distribution/reference: regexp.go; moby: daemon/names/names.go).

/// The name of a container, volume or network, or what is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let is_fine = name.len() > 1
        && name.starts_with(is_plain)
        && name.chars().all(|c| is_plain(c) || matches!(c, '_' | '.' | '-'));
    if is_fine {
        return Ok(());
    }
    Err(format!(
        "'{name}' is no name that Docker accepts: two or more of letters, digits, '_', '.' and '-', a letter or digit first"
    ))
}

/// An image's name with a tag, `latest` if it has neither tag nor digest; image IDs stay as they are.
pub fn image_name(text: &str) -> Result<String, String> {
    const TRANSPORTS: [&str; 7] =
        ["docker", "oci", "oci-archive", "docker-archive", "docker-daemon", "containers-storage", "dir"];
    let hexadecimal = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hexadecimal(text.strip_prefix("sha256:").unwrap_or(text)) {
        return Ok(text.to_owned());
    }
    if let Some((transport, rest)) = text.split_once(':') {
        if transport == "docker" && rest.starts_with("//") {
            return Err(format!("Docker's images have no transport; write '{}'", rest.trim_start_matches('/')));
        }
        if TRANSPORTS.contains(&transport) && (rest.starts_with('/') || rest.starts_with('.')) {
            return Err(format!("Docker cannot run '{transport}:' images; load it ('docker load') and write its name"));
        }
    }
    let invalid = |what: &str| format!("'{text}' is no name of an image: {what}");
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let is_digest = digest.split_once(':').is_some_and(|(algorithm, digits)| {
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | '_');
            !algorithm.is_empty()
                && algorithm.chars().all(is_word)
                && digits.len() >= 32
                && digits.bytes().all(|b| b.is_ascii_hexdigit())
        });
        if !is_digest {
            return Err(invalid("after '@' there has to be a digest such as sha256:…"));
        }
    }
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match name[last..].rfind(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    };
    if let Some(tag) = tag {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_tag =
            tag.starts_with(is_word) && tag.len() <= 128 && tag.chars().all(|c| is_word(c) || matches!(c, '.' | '-'));
        if !is_tag {
            return Err(invalid("after ':' there has to be a tag of letters, digits, '_', '.' and '-'"));
        }
    }
    check_path(path).map_err(invalid)?;
    Ok(if tag.is_none() && digest.is_none() { format!("{text}:latest") } else { text.to_owned() })
}

/// `[REGISTRY[:PORT]/]PART[/PART]…`
fn check_path(path: &str) -> Result<(), &'static str> {
    let (registry, rest) = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, path),
    };
    let is_registry = registry.is_none_or(|registry| {
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
        !registry.starts_with(['.', '-', ':']) && registry.chars().all(is_host)
    });
    if !is_registry {
        return Err("its registry is no hostname with an optional port");
    }
    if rest.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("it has to be in lower case");
    }
    if path.len() > 255 {
        return Err("it is longer than 255 characters");
    }
    let is_part = |part: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let separators: Vec<&str> = part
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .filter(|text| !text.is_empty())
            .collect();
        part.bytes().next().is_some_and(is_plain)
            && part.bytes().last().is_some_and(is_plain)
            && separators.iter().all(|s| matches!(*s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
    };
    if !rest.split('/').all(is_part) {
        return Err("its parts are lower-case letters and digits, with '.', '_', '__' or '-' between them");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["web", "systemd-web", "a.b_c-d", "9a"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "-a", "a@b", r"a\x2db", "a/b", "a b", "\u{e4}a"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn images() {
        let digest = "a".repeat(64);
        let cases = [
            ("nginx", Some("nginx:latest")),
            ("docker.io/library/nginx:1.29", Some("docker.io/library/nginx:1.29")),
            ("localhost:5000/a/b", Some("localhost:5000/a/b:latest")),
            ("localhost/a__b--c.d", Some("localhost/a__b--c.d:latest")),
            ("Nginx", None),
            ("nginx:", None),
            ("nginx:-1", None),
            ("a//b", None),
            ("a___b", None),
            ("", None),
            ("a@sha256:123", None),
            ("docker://nginx", None),
            ("oci-archive:/x.tar", None),
            ("-registry.de/a", None),
        ];
        for (text, expected) in cases {
            assert_eq!(image_name(text).ok().as_deref(), expected, "{text}");
        }
        for whole in [digest.clone(), format!("sha256:{digest}"), format!("a/b@sha256:{digest}")] {
            assert_eq!(image_name(&whole), Ok(whole.clone()));
        }
    }
}
