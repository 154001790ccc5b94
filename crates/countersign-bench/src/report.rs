//! The figures: a table for people, `bench.json` for scripts.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::bench_result::BenchResult;
use super::crypto::CryptoCost;
use super::load::LoadResult;

/// One figure.
#[derive(Debug, serde::Serialize)]
pub(super) struct Figure {
    name: String,
    concurrency: usize,
    value: f64,
    unit: &'static str,
    /// What the figure should be, if a bound is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<&'static str>,
}

impl Figure {
    /// Says what the figure should be, such as `< 20`.
    pub(super) fn wanted(&mut self, bound: &'static str) {
        self.wanted = Some(bound);
    }
}

#[derive(Debug, Default)]
pub(super) struct Report {
    figures: Vec<Figure>,
    /// The figures that could not be measured on this machine, and why.
    skipped: Vec<(&'static str, String)>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        name: impl Into<String>,
        concurrency: usize,
        value: f64,
        unit: &'static str,
    ) -> &mut Figure {
        self.figures.push_mut(Figure { name: name.into(), concurrency, value, unit, wanted: None })
    }

    pub(super) fn skipped(&mut self, name: &'static str, why: String) {
        self.skipped.push((name, why));
    }

    pub(super) fn crypto(&mut self, cost: CryptoCost) {
        self.add("crypto.verify", 1, microseconds(cost.verify), "µs");
        self.add("crypto.sign", 1, microseconds(cost.sign), "µs");
    }

    /// Adds the throughput, the latencies, and the CPU time per operation, also as a multiple of the raw crypto.
    pub(super) fn operation(
        &mut self,
        name: &str,
        concurrency: usize,
        seen: &LoadResult,
        cpu: Duration,
        raw_crypto: Duration,
    ) {
        let per_operation = cpu.as_secs_f64() / seen.latencies.len() as f64;
        self.add(format!("{name}.throughput"), concurrency, seen.per_second(), "1/s");
        self.add(format!("{name}.p50"), concurrency, microseconds(seen.percentile(50)), "µs");
        self.add(format!("{name}.p99"), concurrency, microseconds(seen.percentile(99)), "µs");
        self.add(format!("{name}.cpu"), concurrency, per_operation * 1e6, "µs");
        let ratio = per_operation / raw_crypto.as_secs_f64();
        self.add(format!("{name}.ratio"), concurrency, ratio, "× raw crypto");
    }

    pub(super) fn write(&self, file: &Path) -> BenchResult {
        let failed = |error: std::io::Error| format!("{}: {error}", file.display());
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let json = serde_json::to_string_pretty(&self.figures)?;
        Ok(std::fs::write(file, json + "\n").map_err(failed)?)
    }
}

pub(super) fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The value in the middle, or the greater one of the two in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<38} {:>11} {:>14}  unit", "figure", "concurrency", "value")?;
        for Figure { name, concurrency, value, unit, wanted } in &self.figures {
            write!(f, "{name:<38} {concurrency:>11} {value:>14.2}  {unit}")?;
            match wanted {
                Some(wanted) => writeln!(f, " (target {wanted})")?,
                None => writeln!(f)?,
            }
        }
        for (name, why) in &self.skipped {
            writeln!(f, "{name:<38} skipped: {why}")?;
        }
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        write!(
            f,
            "the load and the servers shared {cores} cores: compare ratios between runs, but times only \
             within one run"
        )
    }
}
