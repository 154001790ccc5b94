//! The document with the number of failed attempts to send a notification, by the message's
//! sequence number. A message that was never tried, or only once, has no such document.

use countersign_document::stored;

use super::Sandbox;

stored! {
    by Sandbox;

    document u32 as "notification_attempts", format 2;
}
