//! Completions end to end through the official Node.js client, run in a Node process: the speed
//! that a merchant's test suite sees, next to the highest speed that Amazon's own sandbox would
//! allow.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::bench_result::BenchResult;
use super::report::Report;

const COMPLETIONS: usize = 500;
const IN_FLIGHT: usize = 16;
/// How many seconds Amazon's sandbox needs for 500 Checkout Sessions, from the first completion to
/// the last, even with the fastest client: it completes one session a second, and two at the same
/// time after a pause.
const AMAZON_SECONDS: f64 = 498.0;

const SCRIPT: &str = "bench.mjs";

/// What the script prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NodeFigures {
    seconds: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Adds the figures, or the reason why they cannot be measured.
pub(super) fn measure(suite: &Path, report: &mut Report) -> BenchResult {
    if let Some(why) = absent(suite) {
        report.skipped("node_sdk", why);
        return Ok(());
    }
    let binary = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let output = Command::new("node")
        .args([SCRIPT, &COMPLETIONS.to_string(), &IN_FLIGHT.to_string()])
        .env("COUNTERSIGN_BINARY", binary)
        .current_dir(suite)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("node: {error}"))?;
    if !output.status.success() {
        return Err(format!("{SCRIPT}: {}", output.status).into());
    }
    let printed: NodeFigures =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{SCRIPT}: {error}"))?;
    report.add("node_sdk.completions", IN_FLIGHT, COMPLETIONS as f64, "completions");
    report.add("node_sdk.seconds", IN_FLIGHT, printed.seconds, "s");
    report.add("node_sdk.p50", IN_FLIGHT, printed.p50_ms, "ms");
    report.add("node_sdk.p99", IN_FLIGHT, printed.p99_ms, "ms");
    report.add("node_sdk.amazon", IN_FLIGHT, AMAZON_SECONDS, "s at Amazon's documented limit");
    report.add("node_sdk.times", IN_FLIGHT, AMAZON_SECONDS / printed.seconds, "× faster");
    Ok(())
}

fn absent(suite: &Path) -> Option<String> {
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !node.is_ok_and(|status| status.success()) {
        return Some("there is no node".to_owned());
    }
    let needed = [SCRIPT, "node_modules"];
    let missing = needed.iter().find(|name| !suite.join(name).exists());
    missing.map(|name| format!("there is no {}", suite.join(name).display()))
}
