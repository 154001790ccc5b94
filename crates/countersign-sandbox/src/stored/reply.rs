//! A remembered reply, under the merchant's account and the idempotency key. It is kept forever.
//! The buyer's data in it are dropped when its timer is due, and the short form is replayed from
//! then on.

use countersign_document::stored;

use super::Sandbox;
use crate::book::answer::{ApiAnswer, Reply, WithBuyer};

stored! {
    by Sandbox;

    document Reply<'_> as "reply", format 2;

    struct Reply<'a> { fingerprint, answer }

    struct ApiAnswer { status, body, with_buyer }

    struct WithBuyer { body, until }
}
