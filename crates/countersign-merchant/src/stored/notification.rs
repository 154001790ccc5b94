//! A notification document: what Amazon's message says, in Amazon's own form, and whether it is taken in.
//! It is kept on as a tombstone for as long as the same message may come again.

use bytes::Bytes;
use countersign_client::notification::Message;
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Unreadable, from_json};

pub(crate) const COLLECTION: &str = "notification";
const FORMAT: u16 = 1;

/// What was received, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) received_at: Timestamp,
    /// None of a confirmation: there is nothing to look at.
    pub(crate) message: Option<Message>,
    pub(crate) progress: Progress,
}

/// How far a notification is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its order is to be found, and what it is about to be looked at.
    Waiting {
        try_count: u32,
        /// The checkout that its Charge Permission names, once Amazon was asked.
        reference: Option<String>,
    },
    /// Nothing is left to do; a copy is known by it.
    Over,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    received_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    progress: StoredProgress,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredProgress {
    Waiting { try_count: u32, reference: Option<String> },
    Over,
}

/// The document's format and bytes.
pub(crate) fn encode(notification: &Notification) -> (u16, Bytes) {
    let stored = Stored {
        received_at: notification.received_at.as_millis(),
        message: notification.message.as_ref().map(Message::to_json),
        progress: match &notification.progress {
            Progress::Waiting { try_count, reference } => {
                StoredProgress::Waiting { try_count: *try_count, reference: reference.clone() }
            }
            Progress::Over => StoredProgress::Over,
        },
    };
    (FORMAT, Bytes::from(serde_json::to_vec(&stored).unwrap_or_default()))
}

/// Reads a document of any format that was ever released.
pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Notification, Unreadable> {
    let wrong = |why: String| Unreadable { document: COLLECTION, why };
    if format != FORMAT {
        return Err(wrong(format!("format {format} is not known")));
    }
    let stored: Stored = from_json(COLLECTION, bytes)?;
    let message = stored.message.as_deref().map(Message::parse).transpose();
    Ok(Notification {
        received_at: Timestamp::from_millis(stored.received_at),
        message: message.map_err(|refused| wrong(refused.to_string()))?,
        progress: match stored.progress {
            StoredProgress::Waiting { try_count, reference } => Progress::Waiting { try_count, reference },
            StoredProgress::Over => Progress::Over,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::parse(
            r#"{"MerchantID":"M1","ObjectType":"CHARGE","ObjectId":"S01-5105180-0000001-C000001",
            "ChargePermissionId":"S01-5105180-0000001","NotificationType":"STATE_CHANGE",
            "NotificationId":"n1","NotificationVersion":"V2"}"#,
        )
        .unwrap()
    }

    #[test]
    fn each_notification_comes_back_as_it_went_in_the_released_form() {
        let received_at = Timestamp::from_millis(1_795_448_820_000);
        let reference = Some("5f0c".to_owned());
        for (notification, form) in [
            (
                Notification { received_at, message: None, progress: Progress::Over },
                r#"{"receivedAt":1795448820000,"progress":{"is":"Over"}}"#,
            ),
            (
                Notification {
                    received_at,
                    message: Some(message()),
                    progress: Progress::Waiting { try_count: 3, reference },
                },
                r#"{"receivedAt":1795448820000,"message":"{\"MerchantID\":\"M1\",\"ObjectType\":\"CHARGE\",\"ObjectId\":\"S01-5105180-0000001-C000001\",\"ChargePermissionId\":\"S01-5105180-0000001\",\"NotificationType\":\"STATE_CHANGE\",\"NotificationId\":\"n1\",\"NotificationVersion\":\"V2\"}","progress":{"is":"Waiting","tryCount":3,"reference":"5f0c"}}"#,
            ),
        ] {
            let (format, bytes) = encode(&notification);
            assert_eq!((format, core::str::from_utf8(&bytes).unwrap()), (1, form));
            assert_eq!(decode(format, &bytes).unwrap(), notification);
        }
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        for (format, form) in [
            (2, r#"{"receivedAt":1,"progress":{"is":"Over"}}"#),
            (1, "{}"),
            (1, r#"{"receivedAt":1,"message":"{}","progress":{"is":"Over"}}"#),
            (1, r#"{"receivedAt":1,"progress":{"is":"Lost"}}"#),
        ] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
