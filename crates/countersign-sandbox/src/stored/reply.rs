//! A remembered reply, under merchant account and idempotency key. Kept forever; what it holds of the
//! buyer is dropped when its timer says so, and the short form is replayed from then on.

use countersign_document::stored;

use super::Sandbox;
use crate::book::answer::{Answer, Reply, WithBuyer};

stored! {
    by Sandbox;

    document Reply<'_> as "reply", format 2;

    struct Reply<'a> { fingerprint, answer }

    struct Answer { status, body, with_buyer }

    struct WithBuyer { body, until }
}
