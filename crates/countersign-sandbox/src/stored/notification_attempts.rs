//! The document that says how often a notification was tried in vain, by the message's sequence number. A
//! message that was never tried, or whose first try was the last, has none.

use countersign_document::stored;

use super::Sandbox;

stored! {
    by Sandbox;

    document u32 as "notification_attempts", format 2;
}
