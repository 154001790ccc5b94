//! The servers under test: this binary, started with what each half needs.

use std::path::Path;

use super::bench_result::BenchResult;
use super::process::Server;
use super::signed::{BenchKey, PUBLIC_KEY_ID};

/// The shop's token at the merchant half.
pub(super) const TOKEN: &str = "the-token-of-the-bench";

/// Whether every answer waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    InMemory,
    Durable,
}

impl Durability {
    pub(super) const BOTH: [Self; 2] = [Self::InMemory, Self::Durable];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InMemory => "memory",
            Self::Durable => "durable",
        }
    }
}

/// A sandbox in a process of its own, empty.
pub(super) fn start_sandbox(folder: &Path, durability: Durability, key: &BenchKey) -> BenchResult<Server> {
    let public = key.public_file.to_string_lossy().into_owned();
    let mut arguments =
        vec!["sandbox", "--listen", "127.0.0.1:0", "--public-key-id", PUBLIC_KEY_ID, "--public-key", &public];
    let data = tempfile::tempdir_in(folder)?.keep();
    let data = data.to_string_lossy().into_owned();
    if durability == Durability::Durable {
        arguments.extend(["--data-dir", &data]);
    }
    Server::start(folder, &arguments)
}

/// A merchant half with a store in this folder, which calls a sandbox.
pub(super) fn start_serve(folder: &Path, sandbox: &str, key: &BenchKey) -> BenchResult<Server> {
    let token_file = folder.join("shop.token");
    let config_file = folder.join("countersign.toml");
    let config = format!(
        r#"listen = "127.0.0.1:0"
store = "sqlite:{store}"

[amazon]
endpoint = "http://{sandbox}"
region = "na"
environment = "sandbox"
merchant_id = "BENCH"
store_id = "amzn1.application-oa2-client.bench"
public_key_id = "{PUBLIC_KEY_ID}"
private_key_file = "{key}"

[shop]
name = "Bench"
token_file = "{token}"
"#,
        store = folder.join("merchant.db").display(),
        key = key.private_file.display(),
        token = token_file.display(),
    );
    for (file, text) in [(&token_file, TOKEN), (&config_file, &config)] {
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Server::start(folder, &["serve", "--config", &config_file.to_string_lossy()])
}
