//! A notification document: Amazon's message in its own form, and its progress. Once nothing is left to do,
//! it is kept as a tombstone for as long as the same message may arrive again.

use countersign_client::notification::Message;
use countersign_document::stored;
use countersign_domain::time::Timestamp;

use super::{Merchant, earlier};

/// A notification that was received, and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) received_at: Timestamp,
    /// `None` for a confirmation, which has no object to look up.
    pub(crate) message: Option<Message>,
    pub(crate) progress: Progress,
}

/// The progress of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its object must be looked up, or its order found.
    Waiting { try_count: u32 },
    /// No order is known to have its permission, whose document has the timer.
    Parked,
    /// Nothing is left to do; it is kept to recognize copies.
    Over,
}

stored! {
    by Merchant;

    document Notification as "notification", format 3, upcast earlier::notification;

    struct Notification { received_at, message, progress }

    enum Progress { Waiting { try_count }, Parked, Over }

    text Message: to_json, Message::parse;
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
    fn each_notification_comes_back_as_it_went_in_its_form() {
        let received_at = Timestamp::from_millis(1_795_448_820_000);
        for (notification, form) in [
            (
                Notification { received_at, message: None, progress: Progress::Over },
                r#"{"received_at":1795448820000,"progress":"Over"}"#,
            ),
            (
                Notification { received_at, message: None, progress: Progress::Parked },
                r#"{"received_at":1795448820000,"progress":"Parked"}"#,
            ),
            (
                Notification {
                    received_at,
                    message: Some(message()),
                    progress: Progress::Waiting { try_count: 3 },
                },
                r#"{"received_at":1795448820000,"message":"{\"MerchantID\":\"M1\",\"ObjectType\":\"CHARGE\",\"ObjectId\":\"S01-5105180-0000001-C000001\",\"ChargePermissionId\":\"S01-5105180-0000001\",\"NotificationType\":\"STATE_CHANGE\",\"NotificationId\":\"n1\",\"NotificationVersion\":\"V2\"}","progress":{"Waiting":{"try_count":3}}}"#,
            ),
        ] {
            let (format, bytes) = encode(&notification);
            assert_eq!((format, core::str::from_utf8(&bytes).unwrap()), (3, form));
            assert_eq!(decode(format, &bytes).unwrap(), notification);
        }
    }

    #[test]
    fn a_notification_of_the_earlier_format_is_read() {
        let received_at = Timestamp::from_millis(1);
        for (form, progress) in [
            (r#"{"received_at":1,"progress":"Over"}"#, Progress::Over),
            (
                r#"{"received_at":1,"progress":{"Waiting":{"try_count":3,"reference":"5f0c"}}}"#,
                Progress::Waiting { try_count: 3 },
            ),
            (
                r#"{"received_at":1,"progress":{"Waiting":{"try_count":0}}}"#,
                Progress::Waiting { try_count: 0 },
            ),
        ] {
            let read = decode(2, form.as_bytes()).unwrap();
            assert_eq!(read, Notification { received_at, message: None, progress });
        }
    }

    #[test]
    fn what_is_not_a_notification_is_refused() {
        for (format, form) in [
            (1, r#"{"received_at":1,"progress":"Over"}"#),
            (3, "{}"),
            (3, r#"{"received_at":1,"message":"{}","progress":"Over"}"#),
            (3, r#"{"received_at":1,"progress":"Lost"}"#),
            (4, r#"{"received_at":1,"progress":"Over"}"#),
        ] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
