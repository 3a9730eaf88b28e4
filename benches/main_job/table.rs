//! The figures, and how they are printed.

use std::fmt;
use std::time::Duration;

/// One figure beside its peer and its goal.
pub struct Row {
    /// Rows are printed in this order.
    part: u8,
    figure: String,
    sculler: String,
    peer: String,
    ratio: String,
    goal: String,
    is_met: Option<bool>,
}

impl Row {
    /// A figure without a peer that may be `limit` at most.
    pub fn limit(part: u8, figure: &str, value: f64, unit: &str, limit: f64) -> Self {
        Self {
            part,
            figure: figure.to_owned(),
            sculler: with_unit(value, unit),
            peer: String::new(),
            ratio: String::new(),
            goal: format!("<= {}", with_unit(limit, unit)),
            is_met: Some(value <= limit),
        }
    }

    /// A duration that may be `limit` at most.
    pub fn within(part: u8, figure: String, took: Duration, limit: Duration) -> Self {
        Self {
            part,
            figure,
            sculler: duration(took),
            peer: String::new(),
            ratio: String::new(),
            goal: format!("<= {}", duration(limit)),
            is_met: Some(took <= limit),
        }
    }

    /// So many in a second, beside those of the peer.
    pub fn rate(part: u8, figure: &str, unit: &str, rate: f64, peer: Option<f64>) -> Self {
        Self {
            part,
            figure: figure.to_owned(),
            sculler: with_unit(rate.round(), unit),
            peer: peer.map(|peer| with_unit(peer.round(), unit)).unwrap_or_default(),
            ratio: peer.map(|peer| format!("{:.1}", rate / peer)).unwrap_or_default(),
            goal: String::new(),
            is_met: None,
        }
    }

    /// A figure beside that of its peer, which it must stay below if that `is_limit`.
    pub fn figure(part: u8, figure: String, (ours, peer): (f64, f64), unit: &str, is_limit: bool) -> Self {
        Self {
            part,
            figure,
            sculler: with_unit(ours.round(), unit),
            peer: with_unit(peer.round(), unit),
            ratio: format!("{:.2}", ours / peer),
            goal: if is_limit { "< the peer's".into() } else { String::new() },
            is_met: is_limit.then_some(ours < peer),
        }
    }

    /// A duration beside that of its peer, with the limit that the peer sets, if it sets one.
    pub fn beside(part: u8, figure: String, took: Duration, peer: Duration, limit: Option<(Duration, &str)>) -> Self {
        Self {
            part,
            figure,
            sculler: duration(took),
            peer: duration(peer),
            ratio: format!("{:.2}", took.as_secs_f64() / peer.as_secs_f64()),
            goal: limit.map(|(limit, rule)| format!("<= {} ({rule})", duration(limit))).unwrap_or_default(),
            is_met: limit.map(|(limit, _)| took <= limit),
        }
    }
}

/// All figures.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub fn sort(&mut self) {
        self.0.sort_by_key(|row| row.part);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![["figure", "sculler", "peer", "ratio", "goal", "met"].map(str::to_owned)];
        lines.extend(self.0.iter().map(|row| {
            let met = match row.is_met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            [&row.figure, &row.sculler, &row.peer, &row.ratio, &row.goal, met].map(|cell| cell.to_string())
        }));
        let widths: Vec<usize> =
            (0..6).map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0)).collect();
        for [figure, sculler, peer, ratio, goal, met] in &lines {
            let [a, b, c, d, e] = [widths[0], widths[1], widths[2], widths[3], widths[4]];
            writeln!(f, "{figure:a$}  {sculler:>b$}  {peer:>c$}  {ratio:>d$}  {goal:e$}  {met}")?;
        }
        Ok(())
    }
}

/// Several measurements of one thing.
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    pub fn median(&self) -> Duration {
        let middle = self.0.len() / 2;
        match self.0.len() % 2 {
            0 => (self.0[middle - 1] + self.0[middle]) / 2,
            _ => self.0[middle],
        }
    }

    pub fn max(&self) -> Duration {
        self.0[self.0.len() - 1]
    }

    /// The smallest that 95 of 100 do not exceed.
    pub fn p95(&self) -> Duration {
        self.0[(self.0.len() * 95).div_ceil(100) - 1]
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|sample| format!("{:.1}", sample.as_secs_f64() * 1e3)).collect();
        write!(f, "{} ms", all.join(" "))
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    let number = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    format!("{number} {unit}").trim_end().to_owned()
}
