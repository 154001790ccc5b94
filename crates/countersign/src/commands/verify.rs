//! `countersign verify`: whether a signature is valid, and if not, what the signer did wrong.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::{
    Algorithm, Claim, DateWindow, Head, VerifyingKey, explain, verify_button,
};
use countersign_world::{Clock as _, SystemClock};

use super::parse;
use crate::failure::{CommandResult, Failure};
use crate::key_files;
use crate::message::{self, Header};
use crate::output::say;

/// Some servers accept a UUID with its dashes as an idempotency key; only the signature matters here.
const MAX_KEY_LEN: usize = 36;

/// Say whether a signature is valid, and if not, why.
///
/// Shows the canonical request and the string to sign that a server expects. Exits with 0 only if the
/// signature is valid.
#[derive(Args)]
#[command(after_help = "\
Examples:
  countersign verify --public-key merchant-public.pem --request captured.http

  countersign verify POST /v2/checkoutSessions/ID/finalize --body finalize.json \\
      -H 'accept: application/json' -H 'x-amz-pay-date: ...' --public-key merchant-public.pem

  countersign verify --button payload.json --signature BASE64 --public-key merchant-public.pem

captured.http is the request as it was sent: the line with method, path and version, the
headers, an empty line, the body.")]
pub(crate) struct Verify {
    /// The method, such as POST
    #[arg(required_unless_present_any = ["request", "button"], value_parser = parse::method)]
    method: Option<http::Method>,
    /// The path with its query, or the whole URL, as it was sent
    #[arg(required_unless_present_any = ["request", "button"])]
    target: Option<http::Uri>,
    /// The whole request in a file; - reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "target", "header", "body", "button"])]
    request: Option<PathBuf>,
    /// A header of the request; repeatable
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = message::header)]
    header: Vec<Header>,
    /// The request's body; - reads it from standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The merchant's public key, PEM
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// Verify a button's payload instead of a request
    #[arg(long, value_name = "FILE", requires = "signature", conflicts_with_all = ["method", "target", "header", "body"])]
    button: Option<PathBuf>,
    /// The button's signature, Base64
    #[arg(long, value_name = "BASE64", requires = "button")]
    signature: Option<String>,
    /// The button's algorithm
    #[arg(long, value_name = "NAME", default_value = "AMZN-PAY-RSASSA-PSS-V2", value_parser = parse::algorithm)]
    algorithm: Algorithm,
}

impl Verify {
    pub(crate) fn run(self) -> CommandResult {
        let key = key_files::read_public(&self.public_key)?;
        if let (Some(payload), Some(signature)) = (&self.button, &self.signature) {
            return button(&message::read_text(payload)?, signature, &key, self.algorithm);
        }
        let request = match &self.request {
            Some(path) => message::request(&message::read_bytes(path)?)?,
            None => {
                let body = self.body.as_deref().map(message::read_bytes).transpose()?.unwrap_or_default();
                let mut request = http::Request::new(Bytes::from(body));
                *request.method_mut() = self.method.unwrap_or_default();
                *request.uri_mut() = self.target.unwrap_or_default();
                for (name, value) in self.header {
                    request.headers_mut().append(name, value);
                }
                request
            }
        };
        explained(&request, &key, SystemClock.now())
    }
}

fn invalid(why: impl std::fmt::Display) -> Failure {
    Failure::new(format_args!("the signature is not valid: {why}"))
}

fn button(payload: &str, signature: &str, key: &VerifyingKey, algorithm: Algorithm) -> CommandResult {
    let Err(refused) = verify_button(payload, signature, key, algorithm) else {
        say("the signature is valid");
        return Ok(());
    };
    say(format_args!("string to sign, as a server expects it:\n{}\n", refused.string_to_sign));
    let other = Algorithm::ALL.into_iter().find(|other| *other != algorithm);
    match other.filter(|other| verify_button(payload, signature, key, *other).is_ok()) {
        Some(other) => Err(invalid(format_args!("it was made for {other}"))),
        None => Err(invalid("it was made with a different key, or for different bytes")),
    }
}

fn explained(request: &http::Request<Bytes>, key: &VerifyingKey, now: Timestamp) -> CommandResult {
    let head = Head::from(request);
    let told = explain(head, request.body(), MAX_KEY_LEN, key, &[]).map_err(invalid)?;
    let claim = Claim::parse(head, MAX_KEY_LEN).map_err(invalid)?;
    if let Err(stale) = claim.date_within(DateWindow::default(), &[now]) {
        say(format_args!(
            "note: a server would refuse the request now, even if its signature is valid: {stale}"
        ));
    }
    match told.verdict {
        Ok(verified) => {
            say(format_args!(
                "the signature is valid: {} signed the request at {} with {}",
                verified.public_key_id(),
                verified.signed_at(),
                verified.algorithm()
            ));
            Ok(())
        }
        Err(_) => {
            say(format_args!("canonical request, as a server makes it:\n{}\n", told.canonical_request));
            say(format_args!("string to sign:\n{}\n", told.string_to_sign));
            Err(match told.mistake {
                Some(mistake) => invalid(mistake),
                None => invalid(
                    "no common mistake explains it: compare the canonical request above with yours, and the key",
                ),
            })
        }
    }
}
