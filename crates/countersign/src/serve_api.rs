//! Reads from a running `serve` over its shop API. The address and the token come from the configuration of
//! `serve`.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Endpoint, Https, Transport as _};
use http::Request;
use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::config::ServeAccess;
use crate::failure::{CommandResult, Failure};
use crate::key_files;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: `serve` answers reads from its own disk.
const ANSWER: Duration = Duration::from_secs(30);

/// A running `serve`.
pub(crate) struct ServeApi {
    https: Https,
    /// The URL of `serve`, without a slash at the end.
    url: String,
    token: String,
    token_file: PathBuf,
}

impl ServeApi {
    /// The `serve` that the configuration describes.
    pub(crate) fn at(door: ServeAccess) -> CommandResult<Self> {
        let token = key_files::read_token(&door.token_file)?;
        let ServeAccess { url, token_file } = door;
        let endpoint =
            Endpoint::parse(&url).map_err(|refused| Failure::new(format_args!("{url}: {refused}")))?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { https: Https::new(&endpoint, CONNECT), url, token, token_file })
    }

    /// The answer to a read, or `None` if there is nothing at that path.
    pub(crate) async fn get(&self, path: &str) -> CommandResult<Option<Value>> {
        let url = &self.url;
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format_args!("serve at {url} does not answer: {why}"));
        let request = Request::get(format!("{url}{path}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Bytes::new())
            .map_err(|error| failed(&error))?;
        let answer = self.https.send(request, ANSWER).await.map_err(|error| failed(&error))?;
        match answer.status().as_u16() {
            200 => {}
            401 => {
                let file = self.token_file.display();
                return Err(Failure::new(format_args!("serve at {url} does not accept the token in {file}")));
            }
            404 => return Ok(None),
            status => return Err(failed(&format_args!("status {status}"))),
        }
        serde_json::from_slice(answer.body()).map(Some).map_err(|error| failed(&error))
    }
}
