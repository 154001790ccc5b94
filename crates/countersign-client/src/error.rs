//! The error of a call. It says whether money may have moved.
//!
//! It is opaque: its content is read through methods. It prints no text of Amazon's, because such a text may
//! quote what the merchant sent.

use core::fmt;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{self, ReasonCode, Word};

use crate::answer::{Answer, Head};
use crate::call::{Call, Effect};
use crate::failure_class::{FailureClass, failure_class};
use crate::retry::{Outcome, RepeatSafety};
use crate::transport::TransportError;

/// The result of a call: its answer, or why there is no usable one.
pub type CallResult<T> = Result<Answer<T>, Error>;

/// Why a call has no usable answer.
///
/// | what came | [`is_definitive`] | [`is_retryable`] | [`is_misuse`] |
/// |---|---|---|---|
/// | no connection | yes | yes | no |
/// | 401, 403, 429, 400 `InvalidHeaderValue` | yes | yes, later or once the cause is fixed | no |
/// | a decline, a mismatch, a limit | yes | no | no |
/// | a wrong request | yes | no | yes |
/// | 404, 408, 425, 5xx, a refused state, an unknown code, an unreadable body, no answer | no | with a key, except after a refused state | no |
///
/// The table applies to a call that was sent once. After an earlier try that may have arrived, no refusal
/// proves that nothing happened, so everything but a success is ambiguous. Calls that only read change
/// nothing and are always definitive.
///
/// [`is_definitive`]: Error::is_definitive
/// [`is_retryable`]: Error::is_retryable
/// [`is_misuse`]: Error::is_misuse
pub struct Error(Box<Failure>);

struct Failure {
    call: &'static str,
    effect: Effect,
    repeatable: RepeatSafety,
    attempts: u32,
    earlier_try_in_doubt: bool,
    cause: Cause,
}

/// How one try ended, other than with a success.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The request could not be built or signed.
    NotBuilt(Box<dyn core::error::Error + Send + Sync>),
    Transport(TransportError),
    Answered(Box<UnusableAnswer>),
}

/// An answer that is not a success, or not a complete one.
#[derive(Debug)]
pub(crate) struct UnusableAnswer {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    /// What the body of a refusal says, as far as it could be read; empty with a success status.
    pub(crate) refusal: wire::Error,
    /// With a success status: why the body is not that of a success.
    pub(crate) flaw: Option<String>,
}

impl Cause {
    pub(crate) fn failure_class(&self) -> FailureClass {
        match self {
            Self::NotBuilt(_) => FailureClass::Misuse,
            Self::Transport(TransportError::NotSent(_)) => FailureClass::NotEvaluated,
            Self::Transport(TransportError::Lost(_) | TransportError::TimedOut) => FailureClass::InDoubt,
            Self::Answered(answer) => failure_class(answer.head.status, answer.refusal.reason_code.as_ref()),
        }
    }

    /// What the retry policy receives; `None` if the call must not be tried again.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::NotBuilt(_) => None,
            Self::Transport(TransportError::NotSent(_)) => Some(Outcome::NotSent),
            Self::Transport(TransportError::Lost(_) | TransportError::TimedOut) => Some(Outcome::NoAnswer),
            Self::Answered(answer) if answer.flaw.is_some() => Some(Outcome::NoAnswer),
            Self::Answered(answer) => {
                let Head { status, retry_after, .. } = answer.head;
                Some(Outcome::Refused { status, retry_after })
            }
        }
    }
}

impl Error {
    pub(crate) fn new(
        &Call { name: call, effect, repeatable, .. }: &Call<'_>,
        (attempts, earlier_try_in_doubt): (u32, bool),
        cause: Cause,
    ) -> Self {
        Self(Box::new(Failure { call, effect, repeatable, attempts, earlier_try_in_doubt, cause }))
    }

    /// A success whose body is not that of a success of this call.
    pub(crate) fn unusable<T>(call: &Call<'_>, answer: Answer<T>, why: &str) -> Self {
        let Answer { status, request_id, date, body, attempts, .. } = answer;
        let head = Head { status, request_id, date, retry_after: None };
        let answer =
            UnusableAnswer { head, body, refusal: wire::Error::default(), flaw: Some(why.to_owned()) };
        Self::new(call, (attempts, false), Cause::Answered(Box::new(answer)))
    }

    fn answer(&self) -> Option<&UnusableAnswer> {
        match &self.0.cause {
            Cause::Answered(answer) => Some(answer),
            Cause::NotBuilt(_) | Cause::Transport(_) => None,
        }
    }

    /// What is known of the call's effect, including its earlier tries.
    #[must_use]
    pub fn failure_class(&self) -> FailureClass {
        if self.0.earlier_try_in_doubt { FailureClass::InDoubt } else { self.0.cause.failure_class() }
    }

    /// The call certainly had no effect: no money has moved through it.
    #[must_use]
    pub fn is_definitive(&self) -> bool {
        !self.is_ambiguous()
    }

    /// The call may have taken effect: money may have moved. Look it up before anything else.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.0.effect == Effect::Changes && self.failure_class() == FailureClass::InDoubt
    }

    /// The same call can be sent again without harm, and may then succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let harmless = match self.0.repeatable {
            RepeatSafety::Freely => true,
            RepeatSafety::UnlessSent => self.is_definitive(),
        };
        let may_help = match (self.0.cause.failure_class(), self.0.cause.outcome()) {
            (FailureClass::NotEvaluated, _) => true,
            (FailureClass::InDoubt, Some(Outcome::NoAnswer)) => true,
            (FailureClass::InDoubt, Some(Outcome::Refused { status, .. })) => {
                matches!(status, 408 | 425 | 500..=599)
            }
            _ => false,
        };
        harmless && may_help
    }

    /// The request or the configuration is wrong: a person must fix it.
    #[must_use]
    pub fn is_misuse(&self) -> bool {
        self.0.cause.failure_class() == FailureClass::Misuse
    }

    /// Whether any try may have reached Amazon.
    #[must_use]
    pub fn may_have_been_sent(&self) -> bool {
        let last_may = match &self.0.cause {
            Cause::NotBuilt(_) | Cause::Transport(TransportError::NotSent(_)) => false,
            Cause::Transport(TransportError::Lost(_) | TransportError::TimedOut) | Cause::Answered(_) => true,
        };
        last_may || self.0.earlier_try_in_doubt
    }

    /// Amazon's reason code; `None` if there is no answer or its body is not an error's.
    #[must_use]
    pub fn reason_code(&self) -> Option<&Word<ReasonCode>> {
        self.answer()?.refusal.reason_code.as_ref()
    }

    /// Amazon's message. It may quote what was sent, including a buyer's address, so it must not be logged.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.answer()?.refusal.message.as_deref()
    }

    /// The HTTP status of the last try; `None` if no answer came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.head.status)
    }

    /// Amazon's id of the request, which Amazon's support asks for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.answer()?.head.request_id.as_deref()
    }

    /// The server's clock, to the second. If it differs much from the caller's clock, that explains
    /// `InvalidHeaderValue`.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.answer()?.head.date
    }

    /// The body of the last answer as it came. It may quote what was sent, so it must not be logged.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.answer().map(|answer| &answer.body)
    }

    /// What went wrong in transit, if no answer came.
    #[must_use]
    pub fn transport_error(&self) -> Option<&TransportError> {
        match &self.0.cause {
            Cause::Transport(error) => Some(error),
            Cause::NotBuilt(_) | Cause::Answered(_) => None,
        }
    }

    /// How many times the call was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The call's name, such as `finalizeCheckoutSession`.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.0.call
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.call)?;
        match &self.0.cause {
            Cause::NotBuilt(why) => write!(f, "the request could not be built: {why}")?,
            Cause::Transport(why) => fmt::Display::fmt(why, f)?,
            Cause::Answered(answer) => {
                match (answer.head.status, &answer.flaw, &answer.refusal.reason_code) {
                    (status, Some(why), _) => write!(f, "{status}, but {why}")?,
                    (status, None, Some(Word::Known(code))) => write!(f, "{status} {code}")?,
                    // The code is not one of Amazon's words, and may be any text, so it is not printed.
                    (status, None, Some(Word::Unknown(_))) => {
                        write!(f, "{status} with an unknown reason code")?
                    }
                    (status, None, None) => write!(f, "{status} without a reason code")?,
                }
            }
        }
        if let Some(request_id) = self.request_id() {
            write!(f, ", request {request_id}")?;
        }
        if self.is_ambiguous() {
            f.write_str("; it may have taken effect")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("said", &format_args!("{self}"))
            .field("failure_class", &self.failure_class())
            .field("attempts", &self.0.attempts)
            .finish()
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0.cause {
            Cause::NotBuilt(why) => Some(why.as_ref()),
            Cause::Transport(why) => Some(why),
            Cause::Answered(_) => None,
        }
    }
}
