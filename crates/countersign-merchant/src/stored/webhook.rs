//! The webhook document: how often a fact's webhook has failed. There is one only while a fact that has
//! failed is still to be sent: what is taken at once, as nearly all are, costs no write.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Unreadable, from_json};

pub(crate) const COLLECTION: &str = "webhook";
const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    failure_count: u32,
}

/// The document's format and bytes.
pub(crate) fn encode(failure_count: u32) -> (u16, Bytes) {
    (FORMAT, Bytes::from(serde_json::to_vec(&Stored { failure_count }).unwrap_or_default()))
}

/// Reads a document of any format that was ever released.
pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<u32, Unreadable> {
    if format != FORMAT {
        return Err(Unreadable { document: COLLECTION, why: format!("format {format} is not known") });
    }
    let Stored { failure_count } = from_json(COLLECTION, bytes)?;
    Ok(failure_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_comes_back_as_it_went_in_the_released_form() {
        let (format, bytes) = encode(3);
        assert_eq!((format, &bytes[..]), (1, &br#"{"failureCount":3}"#[..]));
        assert_eq!(decode(format, &bytes), Ok(3));
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for (format, form) in [(2, r#"{"failureCount":3}"#), (1, "{}"), (1, r#"{"failureCount":-1}"#)] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
