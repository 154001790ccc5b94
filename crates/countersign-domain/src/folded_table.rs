//! Tables for the tests, folded until a person can read them. Every combination of some conditions' values
//! has an outcome, and combinations with the same outcome share a row, which names their sets of values. The
//! rows are under headings of the first condition's values; values with the same rows share a heading. No
//! combination is lost: each is in exactly one row, or the table is not made.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// The text between two values of a cell.
const SEPARATOR: &str = ", ";
/// The width up to which a cell widens its column.
const WIDEST_CELL: usize = 70;
/// The largest number of exceptions that a cell names. If there are more, it names the values themselves.
const MOST_EXCEPTIONS: usize = 3;

/// One condition of a table, with every value that it takes.
pub(crate) struct Condition {
    noun: &'static str,
    values: Vec<String>,
    is_time: bool,
}

/// Why these values cannot be distinguished in a cell that names several of them, if they cannot.
fn why_not_foldable(values: &[String]) -> Option<&'static str> {
    if values.iter().any(|value| value.contains(SEPARATOR)) {
        return Some("a separator in a value");
    }
    let is_twice = values.iter().collect::<BTreeSet<_>>().len() < values.len();
    is_twice.then_some("a value twice")
}

impl Condition {
    /// A condition whose values have no order: a row may name any of them.
    pub(crate) fn any<T: ToString>(noun: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        assert_eq!(why_not_foldable(&values), None, "{values:?}");
        Self { noun, values, is_time: false }
    }

    /// Instants, the earliest first: a row names a span, from its first instant until its last.
    pub(crate) fn instants<T: ToString>(instants: impl IntoIterator<Item = T>) -> Self {
        Self { is_time: true, ..Self::any("time", instants) }
    }

    /// The text of a cell for these values, as short as possible.
    fn cell(&self, chosen: &BTreeSet<usize>) -> String {
        let named = |wanted: &dyn Fn(usize) -> bool| {
            let values = (0..).zip(&self.values).filter(|(place, _)| wanted(*place));
            values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(SEPARATOR)
        };
        let (first, last) = (chosen.first().copied(), chosen.last().copied());
        let begins = first == Some(0);
        let ends = last.is_some_and(|last| last + 1 == self.values.len());
        if self.values.len() == 1 || (chosen.len() == 1 && !self.is_time) {
            return named(&|place| chosen.contains(&place));
        }
        let named_end = |end: Option<usize>| named(&|place| Some(place) == end);
        match (self.is_time, begins, ends) {
            (true, true, true) => "at any time".to_string(),
            (true, true, false) => format!("until {}", named_end(last)),
            (true, false, true) => format!("from {}", named_end(first)),
            (true, false, false) if first == last => format!("at {}", named_end(first)),
            (true, false, false) => format!("from {} until {}", named_end(first), named_end(last)),
            (false, ..) => {
                let these = named(&|place| chosen.contains(&place));
                let others = named(&|place| !chosen.contains(&place));
                let but = format!("any {} but {others}", self.noun);
                match self.values.len() - chosen.len() {
                    0 => format!("any {}", self.noun),
                    1..=MOST_EXCEPTIONS if but.len() < these.len() => but,
                    _ => these,
                }
            }
        }
    }

    /// The key by which rows are sorted: the first value; of spans that begin at the same instant, the
    /// longest comes first.
    fn place_of(&self, set: &BTreeSet<usize>) -> (Option<usize>, Reverse<usize>) {
        (set.first().copied(), Reverse(if self.is_time { set.len() } else { 0 }))
    }

    /// The values of rows that may become one row: all of them, or each span without a gap.
    fn unions(&self, values: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut unions: Vec<BTreeSet<usize>> = Vec::new();
        for value in values {
            match unions.last_mut() {
                Some(union) if !self.is_time || union.last().is_some_and(|last| last + 1 == *value) => {
                    union.insert(*value);
                }
                Some(_) | None => unions.push(BTreeSet::from([*value])),
            }
        }
        unions
    }
}

/// All combinations of one value of each set have this outcome. The first set is that of the heading.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    sets: Vec<BTreeSet<usize>>,
    outcome: String,
}

/// The table of the outcomes of every combination of the conditions' values; `outcome` gets the place of each
/// value among those of its condition.
pub(crate) fn folded<const N: usize>(
    conditions: &[Condition; N],
    mut outcome: impl FnMut([usize; N]) -> String,
) -> String {
    let cases: Vec<([usize; N], String)> =
        combinations(conditions).into_iter().map(|places| (places, outcome(places))).collect();
    let rows = cases.iter().map(|(places, outcome)| Row {
        sets: places.iter().map(|place| BTreeSet::from([*place])).collect(),
        outcome: outcome.clone(),
    });
    let rows = under_shared_headings(with_merged_rows(rows.collect(), conditions));
    for (places, outcome) in &cases {
        let has = |row: &&Row| row.sets.iter().zip(places).all(|(set, place)| set.contains(place));
        let of_case: Vec<&Row> = rows.iter().filter(has).collect();
        assert!(
            matches!(of_case.as_slice(), [row] if row.outcome == *outcome),
            "{places:?} is in {of_case:?}"
        );
    }
    rendered(&rows, conditions)
}

/// Every combination, in the order of the values; the last condition's values change fastest.
fn combinations<const N: usize>(conditions: &[Condition; N]) -> Vec<[usize; N]> {
    let mut combinations = vec![[0; N]];
    for (dimension, condition) in conditions.iter().enumerate() {
        let longer = combinations.into_iter().flat_map(|places| {
            (0..condition.values.len()).map(move |place| {
                let mut places = places;
                places[dimension] = place;
                places
            })
        });
        combinations = longer.collect();
    }
    combinations
}

/// Merges rows that differ in only one condition, beginning with the last condition, until no two do. Rows
/// under different headings are not merged.
fn with_merged_rows(mut rows: Vec<Row>, conditions: &[Condition]) -> Vec<Row> {
    loop {
        let before = rows.len();
        for dimension in (1..conditions.len()).rev() {
            let mut alike: BTreeMap<Row, BTreeSet<usize>> = BTreeMap::new();
            for mut row in rows {
                let values = core::mem::take(&mut row.sets[dimension]);
                alike.entry(row).or_default().extend(values);
            }
            rows = alike
                .into_iter()
                .flat_map(|(row, values)| {
                    conditions[dimension].unions(&values).into_iter().map(move |union| {
                        let mut row = row.clone();
                        row.sets[dimension] = union;
                        row
                    })
                })
                .collect();
        }
        if rows.len() == before {
            rows.sort_by_key(|row| {
                let places = row.sets.iter().zip(conditions).map(|(set, condition)| condition.place_of(set));
                places.collect::<Vec<_>>()
            });
            return rows;
        }
    }
}

/// Joins headings that have the same rows, at the place of the first.
fn under_shared_headings(rows: Vec<Row>) -> Vec<Row> {
    let mut headings: BTreeMap<BTreeSet<usize>, Vec<Row>> = BTreeMap::new();
    for mut row in rows {
        let heading = core::mem::take(&mut row.sets[0]);
        headings.entry(heading).or_default().push(row);
    }
    let mut shared: Vec<(BTreeSet<usize>, Vec<Row>)> = Vec::new();
    for (heading, rows) in headings {
        match shared.iter_mut().find(|(_, others)| *others == rows) {
            Some((headings, _)) => headings.extend(heading),
            None => shared.push((heading, rows)),
        }
    }
    let of_heading = |(heading, rows): (BTreeSet<usize>, Vec<Row>)| {
        rows.into_iter().map(move |mut row| {
            row.sets[0].clone_from(&heading);
            row
        })
    };
    shared.into_iter().flat_map(of_heading).collect()
}

fn rendered(rows: &[Row], conditions: &[Condition]) -> String {
    let sections = rows.chunk_by(|row, next| row.sets[0] == next.sets[0]);
    let sections = sections.map(|rows| {
        let cells = |row: &Row| -> Vec<String> {
            conditions.iter().zip(&row.sets).skip(1).map(|(condition, set)| condition.cell(set)).collect()
        };
        let lines: Vec<(Vec<String>, &str)> =
            rows.iter().map(|row| (cells(row), row.outcome.as_str())).collect();
        let width = |column: usize| {
            let widths = lines.iter().map(|(cells, _)| cells[column].chars().count());
            widths.filter(|width| *width <= WIDEST_CELL).max().unwrap_or_default()
        };
        let lines = lines.iter().map(|(cells, outcome)| {
            let cells = cells.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}  ", width(column)));
            format!("{}{outcome}\n", cells.collect::<String>())
        });
        format!("## {}\n{}", conditions[0].cell(&rows[0].sets[0]), lines.collect::<String>())
    });
    sections.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(states: &[&str], commands: &[&str], hours: &[u32]) -> String {
        let conditions = [
            Condition::any("state", states),
            Condition::instants(hours.iter().map(|hour| format!("{hour} h"))),
            Condition::any("command", commands),
        ];
        folded(&conditions, |[state, hour, command]| match (states[state], commands[command], hours[hour]) {
            ("sealed" | "walled", _, _) => "refused".to_string(),
            (state, "look", _) => state.to_string(),
            (_, _, 6..=21) => "turned".to_string(),
            _ => "refused".to_string(),
        })
    }

    #[test]
    fn combinations_with_one_outcome_are_one_row_that_names_them() {
        let table =
            door(&["open", "sealed", "shut", "walled"], &["open", "shut", "look"], &[5, 6, 7, 21, 22, 23]);
        let expected = "\
## open
at any time          look        open
until 5 h            open, shut  refused
from 6 h until 21 h  open, shut  turned
from 22 h            open, shut  refused

## sealed, walled
at any time  any command  refused

## shut
at any time          look        shut
until 5 h            open, shut  refused
from 6 h until 21 h  open, shut  turned
from 22 h            open, shut  refused
";
        assert_eq!(table, expected);
    }

    #[test]
    fn what_is_left_out_is_named_where_that_is_shorter() {
        let condition = Condition::any("card", ["1111", "4444", "9424", "0000", "3064"]);
        let cell = |places: &[usize]| condition.cell(&places.iter().copied().collect());
        assert_eq!(cell(&[2]), "9424");
        assert_eq!(cell(&[0, 1, 3]), "1111, 4444, 0000");
        assert_eq!(cell(&[0, 1, 3, 4]), "any card but 9424");
        assert_eq!(cell(&[0, 1, 2, 3, 4]), "any card");
        let instants = Condition::instants(["1 h", "2 h", "3 h"]);
        assert_eq!(instants.cell(&BTreeSet::from([1])), "at 2 h");
        assert_eq!(Condition::any("card", ["1111"]).cell(&BTreeSet::from([0])), "1111");
    }

    #[test]
    fn every_combination_is_decided_once_and_only_spans_without_a_gap_are_merged() {
        let mut decided = Vec::new();
        let conditions = [
            Condition::any("day", ["Monday", "Sunday"]),
            Condition::instants(["9 h", "12 h", "15 h"]),
            Condition::any("door", ["front", "back"]),
        ];
        let table = folded(&conditions, |places| {
            decided.push(places);
            if places[1] == 1 { "shut" } else { "open" }.to_string()
        });
        assert_eq!(decided.len(), 12);
        assert_eq!(decided.iter().collect::<BTreeSet<_>>().len(), 12);
        let expected =
            "## any day\nuntil 9 h  any door  open\nat 12 h    any door  shut\nfrom 15 h  any door  open\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn values_that_a_cell_could_not_tell_apart_are_not_folded() {
        let why_not = |values: [&str; 2]| why_not_foldable(&values.map(ToString::to_string));
        assert_eq!(why_not(["Approved", "Bound"]), None);
        assert_eq!(why_not(["Approved", "Approved"]), Some("a value twice"));
        assert_eq!(why_not(["Approved, sent", "Bound"]), Some("a separator in a value"));
    }
}
