//! The refund document: which charge a refund is of. The refund itself stands in its charge's document;
//! this one makes its id unique and findable, is written once and never again.

use countersign_document::stored;
use countersign_domain::ids::ChargeId;

use super::Sandbox;

stored! {
    by Sandbox;

    document ChargeId as "refund", format 2;
}
