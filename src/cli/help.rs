//! `sculler help` on one screen: commands by what they are for.

use clap::Command;

/// Every command that people type, in the order in which they are shown.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Change", &["submit", "load", "start", "stop", "restart", "unload", "destroy"]),
    ("Look", &["list-units", "list-unit-files", "list-machines", "status", "explain", "cat", "diff", "journal", "ssh"]),
    ("Check", &["verify", "render", "convert", "plan", "doctor"]),
    ("Agent", &["reconcile", "agent"]),
];

const LABEL: usize = 7;
const NAME: usize = 16;

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
        assert!(help.lines().count() <= 32, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}
