//! Writes `docs/performance.md` from the benchmark's figures: the machine and the date, the parts of a completion's
//! CPU time, and all figures.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::Deserialize;

const DOCUMENT: &str = "docs/performance.md";
const FIGURES: &str = "target/bench.json";

/// A figure as the benchmark writes it.
#[derive(Debug, Deserialize)]
struct Figure {
    name: String,
    concurrency: usize,
    value: f64,
    unit: String,
    #[serde(default)]
    wanted: Option<String>,
}

/// The parts of a completion's CPU time, in the order of the table: the figure's name, and what it
/// measures.
const PARTS: [(&str, &str); 7] = [
    ("signatures", "the four signatures themselves"),
    ("requests", "building the four requests, up to the text that is signed"),
    ("answers", "reading the four answers"),
    (
        "merchant",
        "deciding, and reading and writing documents, events, the sealed snapshot and the shop's answer",
    ),
    ("store_writer", "the store's writer: SQL, the write-ahead log, waiting for the disk"),
    ("store_checkpoints", "moving the log into the store's file"),
    (
        "rest",
        "sockets, HTTP, the runtime's threads, reads of the store, and what the parts above cost more than when timed alone",
    ),
];

/// Writes the document from the figures of the last run.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let figures = std::fs::read(root.join(FIGURES)).map_err(|error| format!("{FIGURES}: {error}"))?;
    let figures: Vec<Figure> =
        serde_json::from_slice(&figures).map_err(|error| format!("{FIGURES}: {error}"))?;
    let text = rendered(&figures, &machine(), &today());
    std::fs::write(root.join(DOCUMENT), text).map_err(|error| format!("{DOCUMENT}: {error}"))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{cores} cores, {}", model.map_or("of an unknown model", |(_, model)| model.trim()))
}

#[expect(clippy::disallowed_methods, reason = "a measurement is dated")]
fn today() -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or_default().strftime("%F").to_string()
}

fn rendered(figures: &[Figure], machine: &str, date: &str) -> String {
    let mut text = format!(
        "# Performance\n\n\
         `cargo xtask bench` measures these figures and writes this page; do not edit it. The servers run as separate\n\
         processes, the load comes from the same machine, and CPU times are those of the server alone. Compare figures\n\
         within one run only: each ratio is to a figure of the same run, such as the raw cryptography, which every server\n\
         of this protocol needs.\n\n\
         What each operation reads, writes, signs and allocates is counted by tests, and recorded in\n\
         [`merchant__counting__what_each_operation_costs.snap`](../crates/countersign-merchant/tests/merchant/snapshots/merchant__counting__what_each_operation_costs.snap)\n\
         and [`sandbox__api__counting__what_each_call_costs.snap`](../crates/countersign-sandbox/tests/sandbox/api/snapshots/sandbox__api__counting__what_each_call_costs.snap).\n\n\
         Measured on {date}: {machine}.\n"
    );
    let part = |name: &str| figures.iter().find(|it| it.name == format!("completion.part.{name}"));
    if let Some(signatures) = part("signatures").map(|signatures| signatures.value) {
        text.push_str(
            "\n## What a completion spends\n\n\
             CPU time of `countersign serve` for one completion with its snapshot, while many run at the same time. The\n\
             parts that can be timed alone are; the parts of the store are the times of its threads.\n\n\
             | part | µs | × signatures |\n|---|---:|---:|\n",
        );
        let rows = PARTS.iter().filter_map(|(name, what)| Some((*what, part(name)?.value)));
        let all: f64 = rows.clone().map(|(_, value)| value).sum();
        for (what, value) in rows.chain([("all", all)]) {
            let _ = writeln!(text, "| {what} | {value:.0} | {:.2} |", value / signatures);
        }
    }
    text.push_str(
        "\n## All figures\n\n| figure | in parallel | value | unit | target |\n|---|---:|---:|---|---|\n",
    );
    for Figure { name, concurrency, value, unit, wanted } in figures {
        let in_parallel = if *concurrency == 0 { String::new() } else { concurrency.to_string() };
        let wanted = wanted.as_deref().unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | {in_parallel} | {value:.2} | {unit} | {wanted} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completions_parts_are_a_table_of_their_own() {
        let figure = |name: &str, value: f64| Figure {
            name: name.to_owned(),
            concurrency: 64,
            value,
            unit: "µs".to_owned(),
            wanted: None,
        };
        let figures = [figure("completion.part.signatures", 800.0), figure("completion.part.rest", 200.0)];
        let text = rendered(&figures, "2 cores", "2026-11-30");
        assert!(text.contains("| the four signatures themselves | 800 | 1.00 |"), "{text}");
        assert!(text.contains("| all | 1000 | 1.25 |"), "{text}");
        assert!(text.contains("| `completion.part.rest` | 64 | 200.00 | µs |  |"), "{text}");
    }
}
