//! What Amazon's half keeps, one file a document: the form on disk, its format number, and the
//! exhaustive conversions to and from the domain. A form that was once written is never changed: it
//! gets a successor, and the document's file reads both.

pub(crate) mod buyer;
pub(crate) mod charge;
pub(crate) mod charge_permission;
pub(crate) mod checkout_session;
pub(crate) mod event;
pub(crate) mod money;
pub(crate) mod notes;
pub(crate) mod notification;
pub(crate) mod notification_attempts;
pub(crate) mod notification_endpoint;
pub(crate) mod refund;
pub(crate) mod reply;
#[cfg(test)]
mod tests;
pub(crate) mod visit;

use std::borrow::Cow;

use bytes::Bytes;
use countersign_domain::ids::Environment;
use countersign_domain::time::Timestamp;

/// A text that is borrowed when it is written, and owned or borrowed when it is read.
type Text<'a> = Cow<'a, str>;

/// Room for most documents.
const USUAL_LEN: usize = 768;

/// What is stored cannot be read back: a newer version wrote it, or the disk lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The collection.
    pub(crate) document: &'static str,
    /// What is wrong, without the document's content.
    pub(crate) why: String,
}

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a stored {} cannot be read: {}", self.document, self.why)
    }
}

/// A member of a stored document that holds what it cannot hold.
struct Illegible(&'static str);

impl Illegible {
    fn of(self, document: &'static str) -> Unreadable {
        Unreadable { document, why: format!("its {} is none", self.0) }
    }
}

/// Names the member that could not be read.
trait Legible<T> {
    fn member(self, name: &'static str) -> Result<T, Illegible>;
}

impl<T> Legible<T> for Option<T> {
    fn member(self, name: &'static str) -> Result<T, Illegible> {
        self.ok_or(Illegible(name))
    }
}

impl<T, E> Legible<T> for Result<T, E> {
    fn member(self, name: &'static str) -> Result<T, Illegible> {
        self.map_err(|_| Illegible(name))
    }
}

/// Writes the JSON of a document. These forms hold texts, numbers and lists only, which always
/// serialise.
fn to_json(form: &impl serde::Serialize) -> Bytes {
    let mut json = Vec::with_capacity(USUAL_LEN);
    let _ = serde_json::to_writer(&mut json, form);
    // Copied, so that what is kept in memory takes no more room than it needs.
    Bytes::copy_from_slice(&json)
}

/// Reads the JSON of a document in its present format or a former one, saying where it is wrong and never
/// what it holds.
fn from_json<'a, T: serde::Deserialize<'a>>(
    document: &'static str,
    (format, present): (u16, u16),
    bytes: &'a [u8],
) -> Result<T, Unreadable> {
    if !(1..=present).contains(&format) {
        let known = if present == 1 { "1".to_owned() } else { format!("1 to {present}") };
        let why = format!("its format is {format}, and this version reads {known}");
        return Err(Unreadable { document, why });
    }
    serde_json::from_slice(bytes).map_err(|error| Unreadable {
        document,
        why: format!("{:?} at line {} column {}", error.classify(), error.line(), error.column()),
    })
}

fn environment(word: &str) -> Option<Environment> {
    [Environment::Sandbox, Environment::Live].into_iter().find(|known| known.path_segment() == word)
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
