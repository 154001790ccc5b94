//! The charge document. It has no timer of its own: its permission's timer speaks for both.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::provider::charge::{
    Charge, ChargeCancelReason, ChargeDeclineReason, ChargeState, PendingOutcome,
};
use serde::{Deserialize, Serialize};

use super::money::StoredMoney;
use super::{Illegible, Legible as _, Text, Unreadable, from_json, instant, is_false, to_json};

pub(crate) const COLLECTION: &str = "charge";
pub(crate) const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredCharge<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    charge_permission_id: Text<'a>,
    #[serde(borrow)]
    amount: StoredMoney<'a>,
    #[serde(default, skip_serializing_if = "is_false")]
    can_handle_pending_authorization: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    capture_now: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    soft_descriptor: Option<Text<'a>>,
    created_at: i64,
    updated_at: i64,
    /// In an Authorized charge it stands in the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(borrow)]
    state: StoredState<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredState<'a> {
    AuthorizationInitiated {
        /// The reason of a decline to come; absent for an authorization to come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decline: Option<Text<'a>>,
        decided_at: i64,
    },
    Authorized {
        expires_at: i64,
    },
    Captured {
        #[serde(borrow)]
        captured: StoredMoney<'a>,
    },
    Canceled {
        #[serde(borrow)]
        reason: Text<'a>,
    },
    Declined {
        #[serde(borrow)]
        reason: Text<'a>,
    },
}

pub(crate) fn encode(charge: &Charge) -> Bytes {
    let Charge {
        id,
        charge_permission_id,
        amount,
        can_handle_pending_authorization,
        capture_now,
        soft_descriptor,
        created_at,
        updated_at,
        expires_at,
        state,
    } = charge;
    to_json(&StoredCharge {
        id: Text::Borrowed(id.as_str()),
        charge_permission_id: Text::Borrowed(charge_permission_id.as_str()),
        amount: (*amount).into(),
        can_handle_pending_authorization: *can_handle_pending_authorization,
        capture_now: *capture_now,
        soft_descriptor: soft_descriptor.as_deref().map(Text::Borrowed),
        created_at: created_at.as_millis(),
        updated_at: updated_at.as_millis(),
        expires_at: (*state != ChargeState::Authorized).then(|| expires_at.as_millis()),
        state: match state {
            ChargeState::AuthorizationInitiated { outcome, decided_at } => {
                StoredState::AuthorizationInitiated {
                    decline: match outcome {
                        PendingOutcome::Authorized => None,
                        PendingOutcome::Declined(reason) => Some(Text::Borrowed(reason.as_str())),
                    },
                    decided_at: decided_at.as_millis(),
                }
            }
            ChargeState::Authorized => StoredState::Authorized { expires_at: expires_at.as_millis() },
            ChargeState::Captured { captured } => StoredState::Captured { captured: (*captured).into() },
            ChargeState::Canceled { reason } => {
                StoredState::Canceled { reason: Text::Borrowed(reason.as_str()) }
            }
            ChargeState::Declined { reason } => {
                StoredState::Declined { reason: Text::Borrowed(reason.as_str()) }
            }
        },
    })
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Charge, Unreadable> {
    let stored: StoredCharge<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    read(stored).map_err(|illegible| illegible.of(COLLECTION))
}

fn read(stored: StoredCharge<'_>) -> Result<Charge, Illegible> {
    let declined = |reason: &str| ChargeDeclineReason::parse(reason).member("reason");
    let expires_at = match stored.state {
        StoredState::Authorized { expires_at } => Some(expires_at),
        StoredState::AuthorizationInitiated { .. }
        | StoredState::Captured { .. }
        | StoredState::Canceled { .. }
        | StoredState::Declined { .. } => stored.expires_at,
    };
    Ok(Charge {
        id: ChargeId::parse(&stored.id).member("id")?,
        charge_permission_id: ChargePermissionId::parse(&stored.charge_permission_id)
            .member("chargePermissionId")?,
        amount: stored.amount.read()?,
        can_handle_pending_authorization: stored.can_handle_pending_authorization,
        capture_now: stored.capture_now,
        soft_descriptor: stored.soft_descriptor.map(Text::into_owned),
        created_at: instant(stored.created_at),
        updated_at: instant(stored.updated_at),
        expires_at: instant(expires_at.member("expiresAt")?),
        state: match stored.state {
            StoredState::AuthorizationInitiated { decline, decided_at } => {
                ChargeState::AuthorizationInitiated {
                    outcome: match decline {
                        None => PendingOutcome::Authorized,
                        Some(reason) => PendingOutcome::Declined(declined(&reason)?),
                    },
                    decided_at: instant(decided_at),
                }
            }
            StoredState::Authorized { .. } => ChargeState::Authorized,
            StoredState::Captured { captured } => ChargeState::Captured { captured: captured.read()? },
            StoredState::Canceled { reason } => {
                ChargeState::Canceled { reason: ChargeCancelReason::parse(&reason).member("reason")? }
            }
            StoredState::Declined { reason } => ChargeState::Declined { reason: declined(&reason)? },
        },
    })
}
