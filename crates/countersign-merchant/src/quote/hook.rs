//! One question to the shop's quote hook: sent once, signed as webhooks are, answered within five seconds or
//! not at all. What was wrong is told without anything of the answer's own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Clock, TransportError, within};
use countersign_domain::merchant::quote::QuoteRefused;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{CartDetails, Spellings, read_request};
use http::{HeaderValue, Request, header};

use super::{MAX_ANSWER_LEN, QuoteHook};

/// How long the shop may take. Amazon's page gives an event's handler ten seconds in all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the shop's answer is no CartDetails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub(crate) refused: QuoteRefused,
    /// The member of the answer that is to blame, if one is.
    pub(crate) field: Option<String>,
    /// For the operator: nothing of the answer's content.
    pub(crate) why: String,
    /// Whether the shop has said nothing at all: asked again, it may.
    pub(crate) is_silence: bool,
}

impl Unanswered {
    fn because(refused: QuoteRefused, why: impl Into<String>) -> Self {
        Self { refused, field: None, why: why.into(), is_silence: false }
    }

    fn silence(refused: QuoteRefused, why: impl Into<String>) -> Self {
        Self { is_silence: true, ..Self::because(refused, why) }
    }
}

impl QuoteHook {
    /// Asks once, for a checkout. `id` and the wall clock are signed with the body.
    pub(crate) async fn ask(
        &self,
        clock: &Arc<dyn Clock>,
        id: &str,
        checkout_id: &str,
        body: Bytes,
    ) -> Result<CartDetails, Unanswered> {
        let unanswered = |refused, why: &str| Unanswered::silence(refused, why);
        let Some(_place) = self.place(checkout_id) else {
            return Err(unanswered(QuoteRefused::Timeout, "too many questions are with the shop already"));
        };
        let request = self.request(id, clock.now(), body);
        let request =
            request.map_err(|error| Unanswered::because(QuoteRefused::UnknownError, error.to_string()))?;
        let sending = self.transport.send(request, TIMEOUT);
        let answer = match within(clock, TIMEOUT, sending).await {
            Some(Ok(answer)) => answer,
            Some(Err(TransportError::TimedOut)) | None => {
                return Err(unanswered(QuoteRefused::Timeout, "the hook has not answered in time"));
            }
            Some(Err(TransportError::NotSent(_))) => {
                return Err(unanswered(QuoteRefused::UnknownError, "the hook cannot be reached"));
            }
            Some(Err(TransportError::Lost(_))) => {
                return Err(unanswered(
                    QuoteRefused::UnknownError,
                    "the hook's answer was lost, or is too long",
                ));
            }
        };
        let status = answer.status();
        if !status.is_success() {
            let why = format!("the hook has answered {}", status.as_u16());
            let is_silence = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            return Err(Unanswered { is_silence, ..Unanswered::because(QuoteRefused::UnknownError, why) });
        }
        read(answer.body())
    }

    fn request(&self, id: &str, now: Timestamp, body: Bytes) -> Result<Request<Bytes>, http::Error> {
        let timestamp = (now.as_millis() / 1_000).to_string();
        let signature = self.secrets.sign(id, &timestamp, &body);
        let json = HeaderValue::from_static("application/json");
        Request::post(self.url.clone())
            .header(header::CONTENT_TYPE, json.clone())
            .header(header::ACCEPT, json)
            .header(header::USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body)
    }
}

fn read(body: &[u8]) -> Result<CartDetails, Unanswered> {
    if body.len() > MAX_ANSWER_LEN {
        return Err(Unanswered::because(QuoteRefused::UnknownError, "the hook's answer is too long"));
    }
    let details: CartDetails = read_request(body, Spellings::Every).map_err(|refused| Unanswered {
        refused: QuoteRefused::UnknownError,
        why: refused.why,
        field: refused.field,
        is_silence: false,
    })?;
    if let Some(code) = details.refusal() {
        let refused = QuoteRefused::parse(code);
        let why = if refused.is_some() { "the shop refuses" } else { "the shop refuses by an unknown code" };
        return Err(Unanswered::because(refused.unwrap_or(QuoteRefused::UnknownError), why));
    }
    Ok(details)
}
