//! Instants for people: one spelling on every page, in UTC.

use countersign_domain::time::Timestamp;

/// An instant from one of the halves, for an HTML `time` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instant {
    /// The spelling of the attribute `datetime`.
    pub(super) machine: String,
    pub(super) words: String,
}

impl Instant {
    /// Reads `20261231T235959Z`; `None` for any other text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let millis = Timestamp::parse(text).ok()?.as_millis();
        let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
        let words = instant.strftime("%-d %b %Y, %H:%M:%S UTC").to_string();
        Some(Self { machine: instant.to_string(), words })
    }
}

/// A sentence in which every instant is written for people.
pub(super) fn sentence(text: &str) -> String {
    let words = text.split(' ').map(|word| match Instant::read(word) {
        Some(instant) => instant.words,
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_a_spelling_for_people_and_one_for_machines() {
        let instant = Instant::read("20260103T040506Z").unwrap();
        assert_eq!(instant.words, "3 Jan 2026, 04:05:06 UTC");
        assert_eq!(instant.machine, "2026-01-03T04:05:06Z");
        for none in ["", "20261301T000000Z", "soon", "<b>"] {
            assert_eq!(Instant::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_sentence_keeps_its_other_words() {
        let told = sentence("the charge has not been captured yet: expiry at 20261231T235959Z");
        assert_eq!(told, "the charge has not been captured yet: expiry at 31 Dec 2026, 23:59:59 UTC");
        assert_eq!(sentence("  two  blanks "), "  two  blanks ");
    }
}
