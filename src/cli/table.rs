//! Tables as fleetctl prints them: upper-case headers, columns aligned by blanks; or JSON.

use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};

/// Options of every listing.
#[derive(Debug, Clone, Args)]
pub struct ListOptions {
    /// Show whole machine IDs and hashes
    #[arg(long, short = 'l')]
    pub full: bool,
    /// Leave out the header
    #[arg(long)]
    pub no_legend: bool,
    /// Columns to show, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub fields: Vec<String>,
    /// table, or json: an array with an object for each row
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// A cell, with the colour that a terminal shows it in.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    colour: Colour,
}

/// What a cell means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Good,
    Bad,
    Dim,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Dim => "\x1b[2m",
        }
    }

    /// The colour of a state in systemd's or sculler's words.
    pub fn of_state(state: &str) -> Self {
        match state {
            "active" | "launched" | "taken" => Self::Good,
            "failed" | "invalid" | "not-found" => Self::Bad,
            "inactive" | "not-taken" => Self::Dim,
            _ => Self::Plain,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, colour: Colour::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A cell that is coloured by the state in it.
pub fn state(text: impl Into<String>) -> Cell {
    let text = text.into();
    Cell { colour: Colour::of_state(&text), text }
}

/// A cell that says that all is well.
pub fn good(text: &str) -> Cell {
    Cell { text: text.to_owned(), colour: Colour::Good }
}

/// A cell that says that something is not.
pub fn bad(text: &str) -> Cell {
    Cell { text: text.to_owned(), colour: Colour::Bad }
}

/// A table that one host prints, or many together.
#[derive(Clone, Copy)]
pub struct Listing<'a> {
    /// Every column.
    pub known: &'a [&'a str],
    /// How many of them are shown if nobody asks for others.
    pub default: usize,
    /// What was asked for.
    pub options: &'a ListOptions,
}

impl Listing<'_> {
    /// The arguments by which another host prints all columns for [`Listing::rows`].
    pub fn arguments(&self, command: &str) -> Vec<String> {
        let mut arguments: Vec<String> = [command, "--output", "json", "--fields"].map(str::to_owned).into();
        arguments.push(self.known.join(","));
        arguments.extend(self.options.full.then(|| "--full".to_owned()));
        arguments
    }

    /// What another host printed.
    pub fn rows(&self, text: &str) -> anyhow::Result<Vec<Vec<Cell>>> {
        let objects: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(text)?;
        let cell = |object: &serde_json::Map<String, serde_json::Value>, column: &str| {
            state(object.get(column).and_then(|value| value.as_str()).unwrap_or("-"))
        };
        Ok(objects.iter().map(|object| self.known.iter().map(|column| cell(object, column)).collect()).collect())
    }

    /// Prints rows that have all columns.
    pub fn print(&self, rows: &[Vec<Cell>]) -> anyhow::Result<()> {
        print(self.known, self.default, rows, self.options)
    }
}

impl Cell {
    /// What is in it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Prints `rows`, which have a cell for each of `known` columns; `default` says how many of them are shown if nobody
/// asks for others.
fn print(known: &[&str], default: usize, rows: &[Vec<Cell>], options: &ListOptions) -> anyhow::Result<()> {
    let mut columns: Vec<usize> = (0..default).collect();
    if !options.fields.is_empty() {
        columns.clear();
        for field in &options.fields {
            let field = match field.as_str() {
                // fleet: deprecated since 0.10
                "tmachine" => "target",
                field => field,
            };
            match known.iter().position(|known| *known == field) {
                Some(column) => columns.push(column),
                None => {
                    let message = format!("there is no column '{field}'; there are {}", known.join(", "));
                    return Err(super::UsageError(message).into());
                }
            }
        }
    }
    let mut out = std::io::stdout().lock();
    if options.output == Format::Json {
        let objects: Vec<serde_json::Map<String, serde_json::Value>> = rows
            .iter()
            .map(|row| {
                columns.iter().map(|&column| (known[column].to_owned(), row[column].text.clone().into())).collect()
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&objects)?)?;
        return Ok(());
    }
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let header: Vec<Cell> = known.iter().map(|name| name.to_uppercase().into()).collect();
    let lines: Vec<&Vec<Cell>> = (!options.no_legend).then_some(&header).into_iter().chain(rows).collect();
    let widths: Vec<usize> = columns
        .iter()
        .map(|&column| lines.iter().map(|line| line[column].text.chars().count()).max().unwrap_or_default())
        .collect();
    for line in lines {
        let mut text = String::new();
        for (&column, &width) in columns.iter().zip(&widths) {
            let cell = &line[column];
            let is_coloured = colours && cell.colour != Colour::Plain;
            let padding = " ".repeat(width - cell.text.chars().count() + 2);
            match is_coloured {
                true => text += &format!("{}{}\x1b[0m{padding}", cell.colour.code(), cell.text),
                false => text += &format!("{}{padding}", cell.text),
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}
