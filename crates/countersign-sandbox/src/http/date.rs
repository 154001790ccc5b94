//! The `date` header of every answer. From it, clients compute how far their own clock is off.

use std::sync::{Mutex, PoisonError};

use countersign_domain::time::Timestamp;
use http::HeaderValue;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_SECS: i64 = 86_400;

/// Formats the header at most once a second.
#[derive(Debug, Default)]
pub(crate) struct DateHeader(Mutex<Option<(i64, HeaderValue)>>);

impl DateHeader {
    pub(super) fn at(&self, now: Timestamp) -> HeaderValue {
        let second = now.as_millis() / 1_000;
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, header)) = &*latest
            && *of == second
        {
            return header.clone();
        }
        // This never fails: the text has only ASCII letters, digits, commas, spaces and colons.
        let header = HeaderValue::try_from(http_date(now))
            .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
        *latest = Some((second, header.clone()));
        header
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`. 1970 began on a Thursday.
fn http_date(now: Timestamp) -> String {
    let text = now.to_string();
    let digits = |from: usize, len: usize| text.get(from..from + len).unwrap_or_default();
    let pick = |names: &[&'static str], index: usize| names.get(index).copied().unwrap_or_default();
    let day = usize::try_from(now.as_millis() / 1_000 / DAY_SECS).unwrap_or_default();
    let month = digits(4, 2).parse::<usize>().unwrap_or(1);
    format!(
        "{}, {} {} {} {}:{}:{} GMT",
        pick(&WEEKDAYS, day % 7),
        digits(6, 2),
        pick(&MONTHS, month.saturating_sub(1)),
        digits(0, 4),
        digits(9, 2),
        digits(11, 2),
        digits(13, 2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_the_http_date_format() {
        for (instant, expected) in [
            ("19941106T084937Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("20281231T235959Z", "Sun, 31 Dec 2028 23:59:59 GMT"),
        ] {
            let header = DateHeader::default().at(Timestamp::parse(instant).unwrap());
            assert_eq!(header.to_str().unwrap(), expected);
        }
    }
}
