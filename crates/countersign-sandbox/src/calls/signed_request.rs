//! A request whose signature is valid, as a call reads it.

use countersign_domain::ids::{Environment, Region};
use countersign_http::Request;
use countersign_protocol::wire::{Object, read_request};
use http::HeaderName;

use crate::book::caller::Caller;
use crate::book::session::ReadPoint;
use crate::http::errors::ApiRefused;
use crate::http::origin::Origin;
use crate::settings::Settings;

const SIMULATION_CODE: HeaderName = HeaderName::from_static("x-amz-pay-simulation-code");

/// A request whose signature is valid.
pub(crate) struct SignedRequest<'a> {
    /// The request as it was received.
    pub(crate) received: &'a Request,
    /// The path's segment in the place of the target's id; empty for a call without a target.
    pub(crate) id: &'a str,
    pub(crate) caller: Caller,
    pub(crate) region: Region,
    /// Where the client reaches this server.
    pub(crate) origin: Origin,
    pub(crate) look: ReadPoint,
    pub(crate) settings: &'a Settings,
}

impl SignedRequest<'_> {
    /// The body.
    pub(super) fn body<T: Object>(&self) -> Result<T, ApiRefused> {
        Ok(read_request(self.received.body(), self.settings.flags.spellings)?)
    }

    /// The body of a DELETE, which may be absent: some clients cannot send one.
    pub(super) fn optional_body<T: Object>(&self) -> Result<T, ApiRefused> {
        if self.received.body().is_empty() { Ok(T::default()) } else { self.body() }
    }

    /// The simulation code of the request, if it is in the sandbox environment. The header is not signed. A
    /// value that is not text is read as an empty code, which no call knows.
    pub(crate) fn simulation_code(&self) -> Option<&str> {
        match self.caller.owner.environment {
            Environment::Live => None,
            Environment::Sandbox => {
                let code = self.received.headers().get(SIMULATION_CODE)?;
                Some(code.to_str().map_or("", str::trim))
            }
        }
    }

    /// The simulation that the header asks for; a code that the call does not know is refused.
    pub(super) fn simulation<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ApiRefused> {
        let code = self.simulation_code();
        code.map(|code| parse(code).ok_or(ApiRefused::UnknownSimulation)).transpose()
    }
}
