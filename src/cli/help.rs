//! `sculler help`: a command's own help, or the keys of Quadlet files.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use super::{Arguments, UsageError};
use crate::quadlet::{key_list, options};

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
    let mut command = Arguments::command();
    command.build();
    let mut chosen = &mut command;
    for word in words {
        chosen = chosen.find_subcommand_mut(word).ok_or_else(|| UsageError(format!("there is no command '{word}'")))?;
    }
    std::io::stdout().write_all(chosen.render_long_help().to_string().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
