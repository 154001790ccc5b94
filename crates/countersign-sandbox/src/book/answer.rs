//! An answer of the API in the form that is remembered for an idempotency key.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use countersign_domain::time::Timestamp;

/// An answer's status and body: the short form, which is kept forever, and for a while also the
/// full one. Its `Debug` prints no body.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiAnswer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) with_buyer: Option<WithBuyer>,
}

/// The body with the buyer's data.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WithBuyer {
    pub(crate) body: String,
    /// When this body is dropped. The answer without the buyer's data stays.
    pub(crate) until: Timestamp,
}

/// A remembered reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) fingerprint: Cow<'a, str>,
    pub(crate) answer: Cow<'a, ApiAnswer>,
}

impl fmt::Debug for ApiAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for WithBuyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithBuyer").field("until", &self.until).finish_non_exhaustive()
    }
}

impl ApiAnswer {
    /// An answer without the buyer's data.
    pub(crate) fn new(status: u16, body: String) -> Self {
        Self { status, body, with_buyer: None }
    }

    /// The body as it is sent at this instant.
    pub(crate) fn into_body(self, now: Timestamp) -> Bytes {
        match self.with_buyer {
            Some(with_buyer) if now < with_buyer.until => with_buyer.body.into(),
            Some(_) | None => self.body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_be_printed_with_its_bodies() {
        let until = Timestamp::from_millis(0);
        let with_buyer = Some(WithBuyer { body: "Robin Tester".to_owned(), until });
        let answer = ApiAnswer { status: 200, body: "Robin".to_owned(), with_buyer };
        let reply = Reply { fingerprint: "f".into(), answer: Cow::Borrowed(&answer) };
        for shown in [format!("{answer:?}"), format!("{:?}", answer.with_buyer), format!("{reply:?}")] {
            assert!(!shown.contains("Robin"), "{shown}");
        }
    }
}
