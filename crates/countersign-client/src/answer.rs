//! What a successful call returns in addition to the object: everything that is needed to log it, to compare
//! clocks, and to keep the evidence.

use core::fmt;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::MalformedMember;

/// The answer to a successful call.
#[derive(Clone, PartialEq)]
pub struct Answer<T> {
    /// The object. Members that Amazon adds later are among its unknown members.
    pub value: T,
    /// Members that could not be read. A caller that needs one of them must treat it as unknown.
    pub malformed: Vec<MalformedMember>,
    /// The HTTP status: 202 if an authorization is pending.
    pub status: u16,
    /// Amazon's id of the request, which Amazon's support asks for.
    pub request_id: Option<String>,
    /// The server's clock, from its `Date` header, to the second.
    pub date: Option<Timestamp>,
    /// The body as it came.
    pub body: Bytes,
    /// How many times the call was sent.
    pub attempts: u32,
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("value", &self.value)
            .field("malformed", &self.malformed)
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("date", &self.date)
            .field("body_len", &self.body.len())
            .field("attempts", &self.attempts)
            .finish()
    }
}

/// The head of an answer, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) date: Option<Timestamp>,
    pub(crate) retry_after: Option<std::time::Duration>,
}

/// The longest request id that is kept, in bytes. Amazon's have 36.
const MAX_REQUEST_ID_LEN: usize = 128;

impl Head {
    pub(crate) fn read(answer: &http::Response<Bytes>) -> Self {
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let request_id = header("x-amz-pay-request-id").filter(|id| id.len() <= MAX_REQUEST_ID_LEN);
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        Self {
            status: answer.status().as_u16(),
            request_id: request_id.map(str::to_owned),
            date: header("date").and_then(read_http_date),
            retry_after: retry_after.map(std::time::Duration::from_secs),
        }
    }
}

/// Reads an HTTP date in its only modern form: `Mon, 23 Nov 2026 15:47:00 GMT`.
#[must_use]
pub fn read_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)?.checked_add(1)?;
    if words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_date_is_read_to_the_second() {
        let date = read_http_date("Mon, 23 Nov 2026 15:47:00 GMT").map(|date| date.to_string());
        assert_eq!(date.as_deref(), Some("20261123T154700Z"));
        for text in [
            "",
            "Mon",
            "Mon, 23 Nov 2026 15:47:00",
            "Mon, 23 Nov 2026 15:47:00 CET",
            "Monday, 23-Nov-26 15:47:00 GMT",
            "Mon Nov 23 15:47:00 2026",
            "Mon, 32 Nov 2026 15:47:00 GMT",
            "Mon, 23 Foo 2026 15:47:00 GMT",
        ] {
            assert_eq!(read_http_date(text), None, "{text}");
        }
    }
}
