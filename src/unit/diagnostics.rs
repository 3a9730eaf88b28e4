//! What is wrong with a unit file, and where.

use std::fmt;

/// Whether a diagnostic keeps the unit from being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is invalid: it could not work as written.
    Error,
    /// The file is used, but a line of it does not do what it seems to.
    Warning,
}

/// One finding in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// From 1; 0 stands for the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 if `line` is 0.
    pub column: usize,
    /// Lower case: what is wrong; what to do.
    pub message: String,
}

impl Diagnostic {
    /// An error at a place; line 0 for the file as a whole.
    pub fn error(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, line, column, message: message.into() }
    }

    /// A warning at a place; line 0 for the file as a whole.
    pub fn warning(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, line, column, message: message.into() }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Shows the diagnostic as compilers do: `PATH:LINE:COL: message`, `PATH:LINE:COL: warning: message`,
    /// or without the place if it is about the whole file.
    pub fn at<P: fmt::Display>(&self, path: P) -> impl fmt::Display {
        Located { path, diagnostic: self }
    }
}

struct Located<'a, P> {
    path: P,
    diagnostic: &'a Diagnostic,
}

impl<P: fmt::Display> fmt::Display for Located<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { severity, line, column, message } = self.diagnostic;
        write!(f, "{}:", self.path)?;
        if *line > 0 {
            write!(f, "{line}:{column}:")?;
        }
        if *severity == Severity::Warning {
            f.write_str(" warning:")?;
        }
        write!(f, " {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_with_a_path_as_compilers_do() {
        assert_eq!(Diagnostic::error(3, 7, "bad").at("a/b.service").to_string(), "a/b.service:3:7: bad");
        assert_eq!(Diagnostic::warning(3, 7, "odd").at("b.service").to_string(), "b.service:3:7: warning: odd");
        assert_eq!(Diagnostic::error(0, 0, "empty").at("b.service").to_string(), "b.service: empty");
        assert_eq!(Diagnostic::warning(0, 0, "empty").at("b.service").to_string(), "b.service: warning: empty");
    }
}
