//! What a build prints → lines for the journal, and the step that it is at.

/// A line longer than this is cut.
const LONGEST: usize = 4096;

/// Text that comes in pieces.
#[derive(Debug, Default)]
pub struct Lines {
    rest: String,
    /// `step 2/5: RUN make`
    pub step: String,
    is_new: bool,
    /// The ID, or its beginning, of the image that came out, for Engines that do not say it in another way.
    pub built: Option<String>,
}

impl Lines {
    /// The lines that are whole now.
    pub fn take(&mut self, text: &str) -> Vec<String> {
        self.rest.push_str(text);
        let mut lines = Vec::new();
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            lines.extend(self.line(&line));
        }
        if self.rest.len() > LONGEST {
            let line = std::mem::take(&mut self.rest);
            lines.extend(self.line(&line));
        }
        lines
    }

    /// What came after the last whole line.
    pub fn rest(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.rest);
        self.line(&line)
    }

    /// Whether another step has begun since the last call.
    pub fn step_is_new(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    fn line(&mut self, line: &str) -> Option<String> {
        let line = plain(line);
        if let Some(step) = line.strip_prefix("Step ") {
            self.step = format!("step {}", step.replacen(" : ", ": ", 1));
            self.is_new = true;
        }
        if let Some(id) = line.strip_prefix("Successfully built ") {
            self.built = Some(id.to_owned());
        }
        (!line.is_empty()).then_some(line)
    }
}

/// Without colours and what else moves a terminal's cursor; of what was written over itself, the last.
fn plain(line: &str) -> String {
    let line = line.trim_end();
    let line = line.rsplit('\r').next().unwrap_or_default();
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next_if_eq(&'[').is_some() {
                while characters.next_if(|next| !('@'..='~').contains(next)).is_some() {}
                characters.next();
            }
        } else if character == '\t' || !character.is_control() {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_plain() {
        let mut lines = Lines::default();
        assert!(lines.take("Step 1/2 : FROM bu").is_empty());
        assert_eq!(lines.take("sybox\n\n ---> 0123\nrest"), ["Step 1/2 : FROM busybox", " ---> 0123"]);
        assert_eq!(lines.step, "step 1/2: FROM busybox");
        assert!(lines.step_is_new() && !lines.step_is_new());
        assert_eq!(lines.take(" of it\r\n 10%\r 20%\r\u{1b}[32mdone\u{1b}[0m\u{7}\n"), ["rest of it", "done"]);
        lines.take("Successfully built 0a1b2c\nend");
        assert_eq!(lines.built.as_deref(), Some("0a1b2c"));
        assert_eq!(lines.rest().as_deref(), Some("end"));
        assert_eq!(lines.rest(), None);
        assert_eq!(lines.take(&"x".repeat(5000)).len(), 1);
    }
}
