//! The refund document: which charge a refund belongs to. The refund itself is in its charge's
//! document; this document makes the refund's id unique, and leads from the id to the charge. It is
//! written once and never changed.

use countersign_document::stored;
use countersign_domain::ids::ChargeId;

use super::Sandbox;

stored! {
    by Sandbox;

    document ChargeId as "refund", format 2;
}
