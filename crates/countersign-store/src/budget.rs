//! The table of what operations cost, which a test keeps as its snapshot. For tests: a server counts nothing.
//!
//! Calls of the store are exact. Allocations change a little with another compiler or library, so they are
//! rounded up.

use std::fmt::{self, Write as _};

use crate::intercept::Counts;

/// A table with a row for each operation.
#[derive(Debug, Clone)]
pub struct Budget {
    heading: &'static str,
    width: usize,
    table: String,
}

/// What an operation has cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost<'a> {
    /// Its calls of the store, and what they wrote.
    pub store: Counts,
    /// Other exact figures, each with its heading.
    pub others: &'a [(&'a str, u64)],
    /// The number of its allocations.
    pub allocations: u64,
    /// Their size in bytes.
    pub allocated_bytes: u64,
}

impl Budget {
    /// An empty table, whose first column has this heading and this width in characters.
    #[must_use]
    pub const fn new(heading: &'static str, width: usize) -> Self {
        Self { heading, width, table: String::new() }
    }

    /// Appends the row of an operation. Rows of one table have the same headings.
    pub fn add(&mut self, operation: &str, cost: &Cost<'_>) {
        let figures = cost.figures();
        if self.table.is_empty() {
            self.append(self.heading, figures.iter().map(|(heading, _)| (*heading, *heading)));
        }
        self.append(operation, figures.into_iter());
    }

    /// Appends a line: the first cell, and each other cell with the heading that determines its column's
    /// width.
    fn append<'a>(&mut self, first: &str, cells: impl Iterator<Item = (&'a str, impl fmt::Display)>) {
        let _ = write!(self.table, "{first:<width$}", width = self.width);
        for (heading, cell) in cells {
            let _ = write!(self.table, "{cell:>width$}", width = heading.len() + 2);
        }
        self.table.push('\n');
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table)
    }
}

impl<'a> Cost<'a> {
    fn figures(&self) -> Vec<(&'a str, u64)> {
        let store = [
            ("loads", self.store.loads),
            ("documents loaded", self.store.documents_loaded),
            ("other reads", self.store.other_reads),
            ("commits", self.store.commits),
            ("documents written", self.store.documents_written),
            ("index entries", self.store.index_entries),
            ("messages", self.store.messages),
        ];
        let allocated = [
            ("allocations", rounded_up(self.allocations)),
            ("bytes allocated", rounded_up(self.allocated_bytes)),
        ];
        [&store, self.others, &allocated].concat()
    }
}

/// The number rounded up by at most 5 %: 1,000, 1,050, 1,100 … 2,000, 2,100 … 5,000, 5,250 ….
fn rounded_up(number: u64) -> u64 {
    let power = 10_u64.pow(number.max(1).ilog10());
    let step = match number / power {
        0..=1 => power / 20,
        2..=4 => power / 10,
        _ => power / 4,
    };
    number.next_multiple_of(step.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_each_figure_below_its_heading() {
        let mut budget = Budget::new("call", 6);
        let store = Counts { loads: 1, commits: 12, ..Counts::default() };
        let cost = Cost { store, others: &[("signed", 3)], allocations: 1_001, allocated_bytes: 7 };
        budget.add("get", &cost);
        budget.add("post", &cost);
        let expected = "\
call    loads  documents loaded  other reads  commits  documents written  index entries  messages  signed  allocations  bytes allocated
get         1                 0            0       12                  0              0         0       3         1050                7
post        1                 0            0       12                  0              0         0       3         1050                7
";
        assert_eq!(budget.to_string(), expected);
    }

    #[test]
    fn a_number_is_rounded_up_by_at_most_5_percent() {
        let cases = [
            (0, 0),
            (19, 19),
            (101, 105),
            (1_000, 1_000),
            (1_001, 1_050),
            (2_001, 2_100),
            (5_001, 5_250),
            (9_999, 10_000),
        ];
        for (number, expected) in cases {
            assert_eq!(rounded_up(number), expected, "{number}");
        }
    }
}
