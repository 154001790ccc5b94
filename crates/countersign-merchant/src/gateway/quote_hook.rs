//! Asks the shop what an order costs. A question is sent once, is signed as webhooks are, and must be
//! answered within five seconds. If an answer cannot be used, the reason is logged without the answer's
//! content. The caller decides what follows from an answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Transport, TransportError};
use countersign_domain::merchant::checkout::quote::QuoteRefused;
use countersign_protocol::wire::{CartDetails, Spellings, read_request};
use countersign_world::{Clock, within};
use http::{HeaderValue, header};

use super::signed_post::{signed_post, to_the_shop};
use super::webhook::SigningSecrets;

/// The longest answer of the hook that is read, in bytes: ample for the longest cart.
pub const MAX_ANSWER_LEN: usize = 256 << 10;

/// The largest number of questions that wait for the shop at a time, and so the most that a hook that hangs
/// can tie up. The next caller learns immediately that there is no answer.
const AT_A_TIME: usize = 64;
/// The largest number of these for one checkout: enough for a buyer's two tabs. Without this limit, one
/// caller with a token could take every place.
const OF_ONE_CHECKOUT: usize = 2;

/// How long the shop may take. Amazon's page gives an event's handler ten seconds in all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The shop's endpoint for quotes.
#[derive(Clone)]
pub struct QuoteHook {
    url: http::Uri,
    secrets: SigningSecrets,
    transport: Arc<dyn Transport>,
    asking: OpenQuestions,
}

impl QuoteHook {
    /// The hook at a URL, reached over the network.
    #[must_use]
    pub fn at(url: http::Uri, secrets: SigningSecrets) -> Self {
        let transport = to_the_shop(&url).with_longest_answer(MAX_ANSWER_LEN);
        Self::new(url, secrets, Arc::new(transport))
    }

    /// The hook at a URL, reached by a transport. The transport must follow no redirect and should read no
    /// more than [`MAX_ANSWER_LEN`].
    #[must_use]
    pub fn new(url: http::Uri, secrets: SigningSecrets, transport: Arc<dyn Transport>) -> Self {
        Self { url, secrets, transport, asking: Arc::default() }
    }

    /// Asks once, for a checkout. `id` and the wall clock's time are signed with the body.
    pub(crate) async fn ask(
        &self,
        clock: &Arc<dyn Clock>,
        id: &str,
        checkout_id: &str,
        body: Bytes,
    ) -> Result<CartDetails, QuoteFailure> {
        let unanswered = |refused, why: &str| QuoteFailure::silence(refused, why);
        let Some(_place) = self.place(checkout_id) else {
            return Err(unanswered(
                QuoteRefused::Timeout,
                "too many questions are already waiting for the shop",
            ));
        };
        let mut request = signed_post(self.url.clone(), &self.secrets, id, clock.now(), body)
            .map_err(|error| QuoteFailure::because(QuoteRefused::UnknownError, error.to_string()))?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let sending = self.transport.send(request, TIMEOUT);
        let answer = match within(clock, TIMEOUT, sending).await {
            Some(Ok(answer)) => answer,
            Some(Err(TransportError::TimedOut)) | None => {
                return Err(unanswered(QuoteRefused::Timeout, "the hook did not answer in time"));
            }
            Some(Err(TransportError::NotSent(_))) => {
                return Err(unanswered(QuoteRefused::UnknownError, "the hook could not be reached"));
            }
            Some(Err(TransportError::Lost(_))) => {
                return Err(unanswered(
                    QuoteRefused::UnknownError,
                    &format!("the hook's answer was lost, or is longer than {MAX_ANSWER_LEN} bytes"),
                ));
            }
        };
        let status = answer.status();
        if !status.is_success() {
            let why = format!("the hook answered with status {}", status.as_u16());
            let is_silence = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            return Err(QuoteFailure {
                is_silence,
                ..QuoteFailure::because(QuoteRefused::UnknownError, why)
            });
        }
        read(answer.body())
    }

    /// A place among the questions that wait for the shop, if there is one for this checkout. Dropping it
    /// frees the place.
    fn place(&self, checkout_id: &str) -> Option<QuestionSlot> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = asking.iter().filter(|other| *other == checkout_id).count();
        if asking.len() >= AT_A_TIME || of_this >= OF_ONE_CHECKOUT {
            return None;
        }
        asking.push(checkout_id.to_owned());
        Some(QuestionSlot { asking: Arc::clone(&self.asking), checkout_id: checkout_id.to_owned() })
    }
}

/// The checkouts whose questions are waiting for the shop, once for each question.
type OpenQuestions = Arc<Mutex<Vec<String>>>;

struct QuestionSlot {
    asking: OpenQuestions,
    checkout_id: String,
}

impl Drop for QuestionSlot {
    fn drop(&mut self) {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = asking.iter().position(|other| *other == self.checkout_id) {
            asking.swap_remove(position);
        }
    }
}

/// The URL is not printed: it may contain a token of the shop's.
impl fmt::Debug for QuoteHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuoteHook").field("host", &self.url.host()).finish_non_exhaustive()
    }
}

/// Why there are no `CartDetails` from the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuoteFailure {
    pub(crate) refused: QuoteRefused,
    /// The wrong member of the answer, if a single member is wrong.
    pub(crate) field: Option<String>,
    /// The reason, for the operator, without the answer's content.
    pub(crate) why: String,
    /// Whether the shop gave no answer, so that asking again may help.
    pub(crate) is_silence: bool,
}

impl QuoteFailure {
    pub(crate) fn because(refused: QuoteRefused, why: impl Into<String>) -> Self {
        Self { refused, field: None, why: why.into(), is_silence: false }
    }

    fn silence(refused: QuoteRefused, why: impl Into<String>) -> Self {
        Self { is_silence: true, ..Self::because(refused, why) }
    }
}

fn read(body: &[u8]) -> Result<CartDetails, QuoteFailure> {
    if body.len() > MAX_ANSWER_LEN {
        let why = format!("the hook's answer is longer than {MAX_ANSWER_LEN} bytes");
        return Err(QuoteFailure::because(QuoteRefused::UnknownError, why));
    }
    let details: CartDetails = read_request(body, Spellings::Every).map_err(|refused| QuoteFailure {
        refused: QuoteRefused::UnknownError,
        why: refused.why,
        field: refused.field,
        is_silence: false,
    })?;
    if let Some(code) = details.refusal() {
        let refused = QuoteRefused::parse(code);
        let why = match refused {
            Some(_) => "the shop refused a quote",
            None => "the shop refused a quote with an unknown code",
        };
        return Err(QuoteFailure::because(refused.unwrap_or(QuoteRefused::UnknownError), why));
    }
    Ok(details)
}
