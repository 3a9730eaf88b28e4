//! `sculler help`: on one screen, the commands by what they are for; a command's own help; the keys of Quadlet files.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Command};

use super::UsageError;
use crate::quadlet::{key_list, options};

/// Every command that people type, in the order in which they are shown.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Change", &["submit", "load", "start", "stop", "restart", "rollback", "recreate", "unload", "destroy", "sync"]),
    (
        "Look",
        &[
            "list-units",
            "list-unit-files",
            "list-machines",
            "status",
            "explain",
            "cat",
            "diff",
            "history",
            "user",
            "journal",
            "ssh",
        ],
    ),
    ("Check", &["verify", "render", "plan", "doctor", "help"]),
    ("Move in", &["import", "convert", "bootstrap"]),
    ("Leave", &["eject"]),
    ("Agent", &["reconcile", "agent"]),
];

const LABEL: usize = 8;
const NAME: usize = 16;

#[derive(Debug, Args)]
pub struct Help {
    /// A command; or 'keys' and a section such as Container, for the keys of Quadlet files
    #[arg(value_name = "COMMAND | keys [SECTION]")]
    words: Vec<String>,
}

impl Help {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        match words[..] {
            ["keys", ref sections @ ..] => keys(sections),
            _ => help(&words),
        }
    }
}

fn keys(sections: &[&str]) -> anyhow::Result<ExitCode> {
    let all = options::SECTIONS.map(|(section, _)| section);
    let mut chosen = Vec::new();
    for section in sections {
        let plain = section.trim_matches(['[', ']']);
        match all.iter().find(|known| known.eq_ignore_ascii_case(plain)) {
            Some(known) => chosen.push(*known),
            None => {
                let message = format!("'{section}' is no section of Quadlet files; there are {}", all.join(", "));
                return Err(UsageError(message).into());
            }
        }
    }
    if chosen.is_empty() {
        chosen = all.to_vec();
    }
    let text: Vec<String> = chosen.into_iter().map(key_list::text).collect();
    std::io::stdout().write_all(text.join("\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn help(words: &[&str]) -> anyhow::Result<ExitCode> {
    let mut command = super::command();
    command.build();
    let mut chosen = &mut command;
    for word in words {
        chosen = chosen.find_subcommand_mut(word).ok_or_else(|| UsageError(format!("there is no command '{word}'")))?;
    }
    std::io::stdout().write_all(chosen.render_long_help().to_string().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Gives `command` a help text by groups.
pub fn grouped(command: Command) -> Command {
    let mut lines = String::new();
    for (label, names) in GROUPS {
        for (index, name) in names.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            lines += &format!("{label:LABEL$}{name:NAME$} {about}\n");
        }
    }
    command.help_template(format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{lines}\n{{options}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command_and_fits_a_screen() {
        let command = crate::cli::command();
        let mut shown: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut known: Vec<&str> =
            command.get_subcommands().filter(|known| !known.is_hide_set()).map(Command::get_name).collect();
        shown.sort_unstable();
        known.sort_unstable();
        assert_eq!(shown, known);
        let help = command.clone().render_help().to_string();
        assert!(help.lines().count() <= 40, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}
