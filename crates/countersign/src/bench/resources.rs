//! What the servers hold and how soon they are ready, with nothing to do.

use std::path::Path;

use super::process::Server;
use super::report::{Report, microseconds};
use super::servers::write_config;
use super::signed::{PUBLIC_KEY_ID, make_key};

const MEGABYTE: f64 = 1_048_576.0;

pub(super) async fn measure(folder: &Path, report: &mut Report) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let size = std::fs::metadata(&program).map_err(|error| error.to_string())?.len();
    report.add("binary.size", 0, size as f64 / MEGABYTE, "MB");
    let key = make_key(folder)?;
    let public = key.public_file.to_string_lossy().into_owned();
    let arguments =
        ["sandbox", "--listen", "127.0.0.1:0", "--public-key-id", PUBLIC_KEY_ID, "--public-key", &public];
    let sandbox = Server::start(folder, &arguments)?;
    let config = write_config(folder, &sandbox.address, &key)?;
    let serve = Server::start(folder, &["serve", "--config", &config.to_string_lossy()])?;
    for (name, server) in [("sandbox", &sandbox), ("serve", &serve)] {
        report.add(format!("{name}.ready"), 0, microseconds(server.ready_after) / 1e3, "ms");
        report.add(format!("{name}.idle_memory"), 0, server.resident_bytes()? as f64 / MEGABYTE, "MB");
    }
    Ok(())
}
