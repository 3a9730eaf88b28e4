//! `--volume` and `--mount` → `Volume=` and `Mount=`.

use super::draft::{Draft, Used};
use super::quote::Grammar;

const MISSING_SOURCE: &str = "a source that does not exist is an error now; docker run made a folder of root's";

/// `[SOURCE:]DESTINATION[:OPTIONS]`
pub(super) fn volume(draft: &mut Draft, used: &Used, all: &[Used]) {
    let parts: Vec<&str> = used.value.splitn(3, ':').collect();
    let line = match parts[..] {
        [source, destination, ref options @ ..] => {
            // Docker Desktop's promises; on Linux they mean nothing.
            let kept: Vec<&str> = options
                .iter()
                .flat_map(|options| options.split(','))
                .filter(|option| !matches!(*option, "" | "cached" | "delegated" | "consistent" | "default"))
                .collect();
            let is_path = source.starts_with(['/', '.', '%']);
            if is_path && is_first_bind(used, all) {
                draft.note(used, MISSING_SOURCE);
            }
            let source = if source.starts_with('.') { draft.absolute(source) } else { source.to_owned() };
            let separator = if kept.is_empty() { "" } else { ":" };
            format!("{source}:{destination}{separator}{}", kept.join(","))
        }
        _ => used.value.clone(),
    };
    draft.set(used, "Volume", Grammar::Line, &line);
}

/// The same holds for all of them: it is said once.
fn is_first_bind(used: &Used, all: &[Used]) -> bool {
    let is_bind = |other: &&Used| {
        other.flag.long == "volume" && other.value.starts_with(['/', '.', '%']) && other.value.contains(':')
    };
    all.iter().find(is_bind).is_some_and(|first| first.place == used.place)
}

/// `type=bind,source=…,target=…`, comma-separated with quotes.
pub(super) fn mount(draft: &mut Draft, used: &Used, _: &[Used]) {
    let Some(fields) = fields(&used.value) else { return draft.not_mapped(used, "a quote in it is not closed") };
    let mut kind = "volume".to_owned();
    let mut kept: Vec<String> = Vec::new();
    let (mut source, mut destination) = (String::new(), String::new());
    let (mut is_read_only, mut is_without_copy) = (false, false);
    for field in &fields {
        let (key, value) = field.split_once('=').unwrap_or((field, "true"));
        let is_on = matches!(value, "true" | "1");
        match key.to_ascii_lowercase().as_str() {
            "type" => value.clone_into(&mut kind),
            "source" | "src" => source = if value.starts_with('.') { draft.absolute(value) } else { value.to_owned() },
            "target" | "dst" | "destination" => value.clone_into(&mut destination),
            "readonly" | "ro" => is_read_only = is_on,
            "volume-nocopy" => is_without_copy = is_on,
            "consistency" => {}
            "bind-nonrecursive" if !is_on => {}
            "bind-recursive" if value == "enabled" => {}
            "bind-recursive" if value == "disabled" => kept.push("bind-nonrecursive=true".to_owned()),
            "bind-propagation" | "bind-nonrecursive" | "tmpfs-size" | "tmpfs-mode" | "relabel" | "u" | "chown"
            | "idmap" => {
                kept.push(field.clone());
            }
            "volume-driver" | "volume-opt" | "volume-label" => {
                let reason = format!(
                    "'{key}' belongs into a .volume file, as Driver=, Options= or Label=; then write source=NAME.volume"
                );
                draft.not_mapped(used, &reason);
            }
            _ => draft.not_mapped(used, &format!("Mount= has no option for '{key}'")),
        }
    }
    if !matches!(kind.as_str(), "bind" | "volume" | "tmpfs" | "image") {
        return draft.not_mapped(used, "it takes the types bind, volume, tmpfs and image");
    }
    if is_without_copy && !source.is_empty() && kept.is_empty() {
        let read_only = if is_read_only { ",ro" } else { "" };
        return draft.set(used, "Volume", Grammar::Line, &format!("{source}:{destination}:nocopy{read_only}"));
    }
    let mut fields = vec![format!("type={kind}")];
    if !source.is_empty() {
        fields.push(format!("source={source}"));
    }
    fields.push(format!("destination={destination}"));
    fields.extend(is_read_only.then(|| "ro=true".to_owned()));
    fields.extend(kept);
    let line: Vec<String> = fields.into_iter().map(quoted_field).collect();
    draft.set(used, "Mount", Grammar::Arguments, &line.join(","));
}

fn quoted_field(field: String) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

/// Comma-separated fields, of which some are in `"…"` with `""` for a quote (RFC 4180).
fn fields(text: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    (!is_quoted).then_some(fields)
}
