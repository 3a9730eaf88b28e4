//! `write_files:`

use super::decode::decode;
use super::fields::Fields;
use crate::unit::Diagnostic;
use crate::yaml::Node;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFile {
    /// Absolute.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// `user`, `user:group` or numbers, as chown(1) takes them; root without.
    pub owner: Option<String>,
    /// Its permissions.
    pub mode: u32,
    /// Where the entry stands.
    pub line: usize,
    /// Where the entry stands.
    pub column: usize,
}

impl WriteFile {
    pub(super) fn read(node: &Node, errors: &mut Vec<Diagnostic>, notes: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = errors.len();
        let mut fields = Fields::of(node, errors);
        let path = fields.text("path", errors);
        let content = fields.text("content", errors);
        let owner = fields.string("owner", errors);
        let permissions = fields.text("permissions", errors);
        let encoding = fields.text("encoding", errors);
        fields.rest(notes);
        let Some(path) = path else {
            errors.push(node.error("a file needs a path"));
            return None;
        };
        let name = path.text().unwrap_or_default();
        if !is_whole(name) {
            errors.push(path.error(format!("'{name}' must be an absolute path of a file, without '..'")));
        }
        let mode = permissions.map_or(Some(0o644), |node| permissions_of(node.text().unwrap_or_default()));
        if let (None, Some(permissions)) = (mode, permissions) {
            let text = permissions.text().unwrap_or_default();
            errors.push(permissions.error(format!("permissions '{text}' must be octal, such as 0644")));
        }
        let text = content.and_then(Node::text).unwrap_or_default();
        let encoding_text = encoding.and_then(Node::text).unwrap_or_default();
        // The parser of CoreOS took the base64 of a '!!binary' off; both, people wrote for the same.
        let decoded = match (content.is_some_and(Node::is_binary), encoding_text) {
            (true, "") => decode(text, "base64"),
            (true, "gz" | "gzip") => decode(text, "gzip+base64"),
            (_, encoding) => decode(text, encoding),
        };
        let content = decoded
            .map_err(|message| errors.push(encoding.or(content).unwrap_or(path).error(format!("{name}: {message}"))))
            .ok()?;
        let (line, column) = (path.line, path.column);
        let file = Self { path: name.to_owned(), content, owner, mode: mode?, line, column };
        (errors.len() == before).then_some(file)
    }
}

/// Quoted or not, `0644` and `644` are octal: the parser of CoreOS handed on the text.
fn permissions_of(text: &str) -> Option<u32> {
    let is_octal = (3..=5).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o7777)
}

fn is_whole(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    path.starts_with('/') && !path.ends_with('/') && !path.contains('\0') && parts.all(|part| part != "..")
}
