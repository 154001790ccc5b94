//! The refund document: which charge a refund is of. The refund itself stands in its charge's document;
//! this one makes its id unique and findable, is written once and never again.

use bytes::Bytes;
use countersign_domain::ids::ChargeId;
use serde::{Deserialize, Serialize};

use super::{Legible as _, Text, Unreadable, from_json, to_json};

pub(crate) const COLLECTION: &str = "refund";
pub(crate) const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredRefund<'a> {
    #[serde(borrow)]
    charge_id: Text<'a>,
}

pub(crate) fn encode(charge_id: &ChargeId) -> Bytes {
    to_json(&StoredRefund { charge_id: Text::Borrowed(charge_id.as_str()) })
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<ChargeId, Unreadable> {
    let stored: StoredRefund<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    ChargeId::parse(&stored.charge_id).member("chargeId").map_err(|illegible| illegible.of(COLLECTION))
}
