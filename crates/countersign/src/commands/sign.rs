//! `countersign sign`: the signature of a request or of a button's payload. With `--explain` it
//! shows every stage of making it, for people who write a signer of their own.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use countersign_domain::ids::{IdempotencyKey, PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::{Algorithm, Head, KeySigner, explain, string_to_sign_of_button};
use countersign_world::{Clock as _, SystemClock};

use super::parse;
use crate::failure::CommandResult;
use crate::key_files;
use crate::message::{self, Header};
use crate::output::say;

/// Sign a request, or a button's payload, with the merchant's key.
///
/// Prints the headers to send, or the button's signature.
#[derive(Args)]
#[command(after_help = "\
Examples:
  countersign sign GET http://127.0.0.1:8100/v2/charges/S01-1234567-1234567-C123456 \\
      --key merchant.pem --public-key-id SANDBOX-MYSHOP > headers
  curl -H @headers http://127.0.0.1:8100/v2/charges/S01-1234567-1234567-C123456

  countersign sign POST http://127.0.0.1:8100/v2/checkoutSessions/ID/finalize \\
      --body finalize.json --key merchant.pem --public-key-id SANDBOX-MYSHOP --explain

  countersign sign --button payload.json --key merchant.pem --public-key-id SANDBOX-MYSHOP

The body that is sent must be the very bytes that were signed. Two signatures of the same text
differ: the padding has random bytes in it.")]
pub(crate) struct Sign {
    /// The method, such as POST
    #[arg(required_unless_present = "button", value_parser = parse::method)]
    method: Option<http::Method>,
    /// The whole URL, as it is sent
    #[arg(required_unless_present = "button", value_parser = parse::url)]
    url: Option<http::Uri>,
    /// Sign a button's payload instead of a request: the JSON text that the page gives to checkout.js
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "url", "body", "date", "idempotency_key", "header"])]
    button: Option<PathBuf>,
    /// The merchant's private key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The key's id at Amazon, or at the sandbox
    #[arg(long, value_name = "ID", value_parser = parse::told(PublicKeyId::parse))]
    public_key_id: PublicKeyId,
    /// AMZN-PAY-RSASSA-PSS-V2 (salt of 32 bytes) or AMZN-PAY-RSASSA-PSS (salt of 20 bytes)
    #[arg(long, value_name = "NAME", default_value = "AMZN-PAY-RSASSA-PSS-V2", value_parser = parse::algorithm)]
    algorithm: Algorithm,
    /// The region that the request names: na, eu or jp
    #[arg(long, default_value = "na", value_parser = parse::region)]
    region: Region,
    /// The date that the request carries, such as 20260901T120000Z [default: now]
    #[arg(long, value_parser = parse::told(Timestamp::parse))]
    date: Option<Timestamp>,
    /// The request's body; - reads it from standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The idempotency key: up to 32 of A-Z a-z 0-9 - _
    #[arg(long, value_name = "KEY", value_parser = parse::told(IdempotencyKey::parse))]
    idempotency_key: Option<IdempotencyKey>,
    /// One more header; repeatable
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = message::header)]
    header: Vec<Header>,
    /// Print the canonical request and the string to sign too
    #[arg(long)]
    explain: bool,
}

impl Sign {
    pub(crate) fn run(self) -> CommandResult {
        let key = key_files::read_private(&self.key)?;
        let verifying = key.verifying_key()?;
        let signer = KeySigner::new(self.public_key_id, key, self.algorithm);
        if let Some(payload) = &self.button {
            let payload = message::read_text(payload)?;
            let signature = signer.sign_button(&payload)?;
            say(format_args!("signature: {signature}"));
            say(format_args!("algorithm: {}", self.algorithm));
            if self.explain {
                say(format_args!(
                    "\nstring to sign:\n{}",
                    string_to_sign_of_button(self.algorithm, &payload)
                ));
            }
            return Ok(());
        }
        let body = self.body.as_deref().map(message::read_bytes).transpose()?.unwrap_or_default();
        let mut request = http::Request::new(Bytes::from(body));
        *request.method_mut() = self.method.unwrap_or_default();
        *request.uri_mut() = self.url.unwrap_or_default();
        request.headers_mut().extend(self.header.into_iter().map(|(name, value)| (Some(name), value)));
        if let Some(key) = &self.idempotency_key {
            let value = http::HeaderValue::from_str(key.as_str())?;
            request.headers_mut().insert("x-amz-pay-idempotency-key", value);
        }
        let date = self.date.unwrap_or_else(|| SystemClock.now());
        signer.sign(&mut request, self.region, date)?;
        for (name, value) in request.headers() {
            say(format_args!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
        if self.explain {
            let head = Head::from(&request);
            let told = explain(head, request.body(), IdempotencyKey::MAX_LEN, &verifying, &[])?;
            say(format_args!("\ncanonical request:\n{}", told.canonical_request));
            say(format_args!("\nstring to sign:\n{}", told.string_to_sign));
        }
        Ok(())
    }
}
