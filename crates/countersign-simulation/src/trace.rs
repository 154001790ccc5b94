//! What happened, line by line: read when a run fails, and hashed to compare two runs.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// The record of one run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Vec<Line>,
    hasher: DefaultHasher,
}

#[derive(Debug)]
struct Line {
    at: Duration,
    /// The order that the line is about; `None` if it is about the whole world.
    order: Option<usize>,
    text: String,
}

impl Trace {
    pub(crate) fn note(&mut self, at: Duration, order: Option<usize>, text: String) {
        (at, order, text.as_str()).hash(&mut self.hasher);
        self.lines.push(Line { at, order, text });
    }

    /// A hash of the trace: equal for two runs in which the same happened at the same times.
    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// The lines of one order, and those about the whole world since the order began.
    pub(crate) fn excerpt(&self, order: Option<usize>) -> String {
        use fmt::Write as _;
        let first = order.and_then(|_| self.lines.iter().position(|line| line.order == order)).unwrap_or(0);
        let mut text = String::new();
        for line in self.lines.iter().skip(first) {
            if order.is_none() || line.order.is_none() || line.order == order {
                let seconds = line.at.as_secs();
                let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
                let _ = write!(text, "{days:>3}d {hours:02}:{minutes:02}:{:02}", seconds % 60);
                let _ = write!(text, ".{:03}  ", line.at.subsec_millis());
                if let Some(number) = line.order.filter(|_| order.is_none()) {
                    let _ = write!(text, "order {number}: ");
                }
                let _ = writeln!(text, "{}", line.text);
            }
        }
        text
    }
}
