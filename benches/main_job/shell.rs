//! A shell that waits in the host: what it is told begins at once, without the time that entering the host takes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use crate::clock;
use crate::host::Host;

pub struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Shell {
    pub fn new(host: &Host) -> Self {
        let mut command = host.command(&["sh"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the host's script can be run");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut shell = Self { child, input, output };
        shell.run("true");
        shell
    }

    /// Runs a line that prints nothing; the clock's reading just before.
    pub fn run(&mut self, line: &str) -> Duration {
        let input = self.input.as_mut().expect("it is there until the end");
        let since = clock::now();
        writeln!(input, "{line} && echo done || echo failed").expect("the shell reads its input");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the shell prints text");
        assert_eq!(answer, "done\n", "in the host: {line}");
        since
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The end of its input ends the shell
        self.input = None;
        let _ = self.child.wait();
    }
}
