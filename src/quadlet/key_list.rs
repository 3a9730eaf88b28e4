//! The table of keys, for readers: `sculler help keys`, docs/quadlet-keys.md and docs/sculler-keys.5.

use std::fmt::Write as _;

use super::options::{Handling, Key, Kind, SECTIONS, keys};

/// The keys of a section as plain text, a line or two each.
pub fn text(section: &str) -> String {
    let mut text = format!("[{section}]\n");
    for key in keys(section) {
        let (how, what) = handling(key);
        let _ = writeln!(text, "  {}=  {}", key.name, key.help);
        let _ = writeln!(text, "      {how}: {what}");
    }
    text
}

/// The page docs/quadlet-keys.md.
pub fn markdown() -> String {
    let mut page = "# Quadlet's keys on Docker Engine\n\n\
        Made from the table in `src/quadlet/options.rs`; `UPDATE=1 cargo test --test quadlet` makes it anew.\n\n\
        What is refused makes that file invalid, at its line. How values are read:\n\n\
        | kind | how |\n|---|---|\n"
        .to_owned();
    for (kind, how) in [
        (Kind::Scalar, "the last one counts; an empty one unsets it; one pair of outer quotes is taken off"),
        (Kind::Boolean, "as a scalar; 1, yes, true, on are yes"),
        (Kind::Lines, "one value per line, as it stands; an empty one clears those before it"),
        (Kind::Words, "words; quotes are taken off, escapes stay; an empty line clears those before it"),
        (Kind::Arguments, "words, C escapes resolved; an empty line clears those before it"),
        (Kind::Command, "words, C escapes resolved; the last line counts"),
        (Kind::Assignments, "NAME=VALUE words, C escapes resolved; the last one of a name counts"),
    ] {
        let _ = writeln!(page, "| {} | {how} |", name(kind));
    }
    page.push_str(
        "\nSpecifiers (`%n`, `%i`, …: systemd.unit(5)) and `${VARIABLES}` of `[Service] Environment=` are expanded in all of them, as \
         systemd does on an ExecStart= line; `%y` and `%Y` are the Quadlet file and its folder. What only `EnvironmentFile=` of \
         `[Service]` sets is not known before the start, and using it is an error.\n",
    );
    for (section, keys) in SECTIONS {
        let _ = write!(page, "\n## [{section}]\n\n| key | kind | what it is for | with Docker |\n|---|---|---|---|\n");
        for key in keys {
            let (how, what) = handling(key);
            let line = format!("| {}= | {} | {} | {how}: {what} |", key.name, name(key.kind), escape(key.help));
            page.push_str(&line);
            page.push('\n');
        }
    }
    page
}

/// The manual page docs/sculler-keys.5 (man-pages(7)).
pub fn manual() -> String {
    let mut page = ".\\\" Made from src/quadlet/options.rs; UPDATE=1 cargo test --test quadlet makes it anew.\n\
        .TH SCULLER-KEYS 5 \"\" \"sculler\" \"File formats\"\n.SH NAME\n\
        sculler-keys \\- keys of .container, .volume, .network, .image and .build files\n.SH DESCRIPTION\n\
        The files are those of\n.BR podman-systemd.unit (5);\n\
        this is what becomes of each key with Docker Engine. What is refused makes the file invalid, at its line.\n"
        .to_owned();
    for (section, keys) in SECTIONS {
        let _ = writeln!(page, ".SH [{}]", section.to_uppercase());
        for key in keys {
            let (how, what) = handling(key);
            let _ = writeln!(page, ".TP\n.BR {}=\n{}.", key.name, roff(key.help));
            let _ = writeln!(page, ".br\n{how}: {}", roff(what));
        }
    }
    page.push_str(".SH SEE ALSO\n.BR sculler (8),\n.BR podman-systemd.unit (5),\n.BR systemd.unit (5)\n");
    page
}

/// A `\` begins a request of roff, a `'` or `.` at the beginning of a line too.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn handling(key: &Key) -> (&'static str, &'static str) {
    match key.handling {
        Handling::Field(field) => ("API", field),
        Handling::Own(how) => ("sculler", how),
        Handling::Warned(what) => ("warning", what),
        Handling::Refused(reason) => ("refused", reason),
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar => "scalar",
        Kind::Boolean => "boolean",
        Kind::Lines => "lines",
        Kind::Words => "words",
        Kind::Arguments => "arguments",
        Kind::Command => "command",
        Kind::Assignments => "assignments",
    }
}

/// `|` would end the table's cell, `*` and `[` begin something else.
fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('[', "\\[")
}
