//! Man pages and shell completions from the definition of the command line: `cargo run --example generate DIR`, as
//! `make build` does. An example, so that the binary on the hosts carries none of it.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

fn main() -> io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "target/generated".into()));
    let mut command = sculler::cli::command();
    let name = command.get_name().to_owned();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, &name, make(&folder.join(shell.to_string()))?)?;
    }
    // sculler(8) is written by hand; a page of the same name in section 1 would hide it.
    let pages = make(&folder.join("man1"))?;
    let mut command = sculler::cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, &pages)
}

/// A page for each command below one, and for those below that.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        Man::new(subcommand.clone()).source(concat!("sculler ", env!("CARGO_PKG_VERSION"))).generate_to(folder)?;
        write_pages(subcommand, folder)?;
    }
    Ok(())
}

fn make(folder: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}
