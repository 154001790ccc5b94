//! Asking a running `serve`, as the shop does: its address and token come from the same configuration.
//! Reads only.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::config::Door;
use crate::failure::{Failure, Outcome};
use crate::json::Api;
use crate::key_files;

/// How long an answer may take: `serve` answers reads from its own disk.
const ANSWER: Duration = Duration::from_secs(30);

/// A running `serve`.
pub(crate) struct ServeApi {
    api: Api,
    token_file: PathBuf,
}

impl ServeApi {
    /// Where the configuration says that it runs.
    pub(crate) fn at(door: Door) -> Outcome<Self> {
        let token = key_files::read_token(&door.token_file)?;
        Ok(Self { api: Api::at(&door.url, Some(token), ANSWER)?, token_file: door.token_file })
    }

    /// The answer to a read; none when there is nothing at that path.
    pub(crate) async fn get(&self, path: &str) -> Outcome<Option<Value>> {
        let url = &self.api.url;
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format_args!("serve at {url} does not answer: {why}"));
        let answer = self.api.exchange(Method::GET, path, Bytes::new()).await;
        let answer = answer.map_err(|error| failed(&error))?;
        match answer.status().as_u16() {
            200 => {}
            401 => {
                let file = self.token_file.display();
                return Err(Failure::new(format_args!(
                    "serve at {url} wants another token than the one in {file}"
                )));
            }
            404 => return Ok(None),
            status => return Err(failed(&format_args!("status {status}"))),
        }
        serde_json::from_slice(answer.body()).map(Some).map_err(|error| failed(&error))
    }
}
