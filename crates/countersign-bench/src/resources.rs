//! The size of the binary, the time that the servers take to start, and their memory while they are idle.

use std::path::Path;

use super::bench_result::BenchResult;
use super::report::{Report, microseconds};
use super::servers::{Durability, start_sandbox, start_serve};
use super::signed::make_key;

const MEGABYTE: f64 = 1_048_576.0;

pub(super) async fn measure(folder: &Path, report: &mut Report) -> BenchResult {
    let program = std::env::current_exe()?;
    let size = std::fs::metadata(&program)?.len();
    report.add("binary.size", 0, size as f64 / MEGABYTE, "MB");
    let key = make_key(folder)?;
    let sandbox = start_sandbox(folder, Durability::InMemory, &key)?;
    let serve = start_serve(folder, &sandbox.address, &key)?;
    for (name, server) in [("sandbox", &sandbox), ("serve", &serve)] {
        report.add(format!("{name}.ready"), 0, microseconds(server.ready_after) / 1e3, "ms");
        report.add(format!("{name}.idle_memory"), 0, server.resident_bytes()? as f64 / MEGABYTE, "MB");
    }
    Ok(())
}
