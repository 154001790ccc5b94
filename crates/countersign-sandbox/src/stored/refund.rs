//! The refund document: which charge a refund belongs to. The refund itself is in its charge's document; this
//! one makes its id unique, and lets it be found. It is written once and never changed.

use countersign_document::stored;
use countersign_domain::ids::ChargeId;

use super::Sandbox;

stored! {
    by Sandbox;

    document ChargeId as "refund", format 2;
}
