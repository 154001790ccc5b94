//! The charge document, with its refunds. It has no timer of its own: its permission's timer speaks for
//! both.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::provider::charge::{
    Charge, ChargeCancelReason, ChargeDeclineReason, ChargeState, PendingOutcome,
};
use countersign_domain::provider::refund::{Refund, RefundDeclineReason, RefundState};
use countersign_domain::terms::MerchantMetadata;
use serde::{Deserialize, Serialize};

use super::money::StoredMoney;
use super::notes::StoredNotes;
use super::{Illegible, Legible as _, Text, Unreadable, from_json, instant, is_false, to_json};

pub(crate) const COLLECTION: &str = "charge";
/// Format 1 had fewer members and no `CaptureInitiated`: what it has means the same.
pub(crate) const FORMAT: u16 = 2;

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
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    merchant_metadata: Option<StoredNotes<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_reference_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform_id: Option<Text<'a>>,
    created_at: i64,
    updated_at: i64,
    /// Absent where it is the creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorized_at: Option<i64>,
    /// In an Authorized charge it stands in the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(borrow)]
    state: StoredState<'a>,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<StoredRefund<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredRefund<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    amount: StoredMoney<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    soft_descriptor: Option<Text<'a>>,
    created_at: i64,
    updated_at: i64,
    #[serde(borrow)]
    state: StoredRefundState<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredRefundState<'a> {
    RefundInitiated {
        /// The reason of a decline to come; absent for a refund to come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decline: Option<Text<'a>>,
        decided_at: i64,
    },
    Refunded,
    Declined {
        #[serde(borrow)]
        reason: Text<'a>,
    },
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
    CaptureInitiated {
        #[serde(borrow)]
        capturing: StoredMoney<'a>,
        /// The reason of a decline to come; absent for a capture to come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decline: Option<Text<'a>>,
        decided_at: i64,
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
        merchant_metadata,
        provider_reference_id,
        platform_id,
        created_at,
        updated_at,
        authorized_at,
        expires_at,
        state,
        refunds,
    } = charge;
    to_json(&StoredCharge {
        id: Text::Borrowed(id.as_str()),
        charge_permission_id: Text::Borrowed(charge_permission_id.as_str()),
        amount: (*amount).into(),
        can_handle_pending_authorization: *can_handle_pending_authorization,
        capture_now: *capture_now,
        soft_descriptor: soft_descriptor.as_deref().map(Text::Borrowed),
        merchant_metadata: (*merchant_metadata != MerchantMetadata::default())
            .then(|| merchant_metadata.into()),
        provider_reference_id: provider_reference_id.as_deref().map(Text::Borrowed),
        platform_id: platform_id.as_deref().map(Text::Borrowed),
        created_at: created_at.as_millis(),
        updated_at: updated_at.as_millis(),
        authorized_at: (authorized_at != created_at).then(|| authorized_at.as_millis()),
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
            ChargeState::CaptureInitiated { capturing, decline, decided_at } => {
                StoredState::CaptureInitiated {
                    capturing: (*capturing).into(),
                    decline: decline.map(|reason| Text::Borrowed(reason.as_str())),
                    decided_at: decided_at.as_millis(),
                }
            }
            ChargeState::Captured { captured } => StoredState::Captured { captured: (*captured).into() },
            ChargeState::Canceled { reason } => {
                StoredState::Canceled { reason: Text::Borrowed(reason.as_str()) }
            }
            ChargeState::Declined { reason } => {
                StoredState::Declined { reason: Text::Borrowed(reason.as_str()) }
            }
        },
        refunds: refunds.iter().map(store_refund).collect(),
    })
}

fn store_refund(refund: &Refund) -> StoredRefund<'_> {
    let Refund { id, amount, soft_descriptor, created_at, updated_at, state } = refund;
    StoredRefund {
        id: Text::Borrowed(id.as_str()),
        amount: (*amount).into(),
        soft_descriptor: soft_descriptor.as_deref().map(Text::Borrowed),
        created_at: created_at.as_millis(),
        updated_at: updated_at.as_millis(),
        state: match state {
            RefundState::RefundInitiated { decline, decided_at } => StoredRefundState::RefundInitiated {
                decline: decline.map(|reason| Text::Borrowed(reason.as_str())),
                decided_at: decided_at.as_millis(),
            },
            RefundState::Refunded => StoredRefundState::Refunded,
            RefundState::Declined { reason } => {
                StoredRefundState::Declined { reason: Text::Borrowed(reason.as_str()) }
            }
        },
    }
}

fn read_refund(stored: StoredRefund<'_>) -> Result<Refund, Illegible> {
    let reason = |reason: &str| RefundDeclineReason::parse(reason).member("reason");
    Ok(Refund {
        id: RefundId::parse(&stored.id).member("id")?,
        amount: stored.amount.read()?,
        soft_descriptor: stored.soft_descriptor.map(Text::into_owned),
        created_at: instant(stored.created_at),
        updated_at: instant(stored.updated_at),
        state: match stored.state {
            StoredRefundState::RefundInitiated { decline, decided_at } => RefundState::RefundInitiated {
                decline: decline.map(|decline| reason(&decline)).transpose()?,
                decided_at: instant(decided_at),
            },
            StoredRefundState::Refunded => RefundState::Refunded,
            StoredRefundState::Declined { reason: declined } => {
                RefundState::Declined { reason: reason(&declined)? }
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
        | StoredState::CaptureInitiated { .. }
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
        merchant_metadata: stored.merchant_metadata.map(Into::into).unwrap_or_default(),
        provider_reference_id: stored.provider_reference_id.map(Text::into_owned),
        platform_id: stored.platform_id.map(Text::into_owned),
        created_at: instant(stored.created_at),
        updated_at: instant(stored.updated_at),
        authorized_at: instant(stored.authorized_at.unwrap_or(stored.created_at)),
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
            StoredState::CaptureInitiated { capturing, decline, decided_at } => {
                ChargeState::CaptureInitiated {
                    capturing: capturing.read()?,
                    decline: decline.map(|reason| declined(&reason)).transpose()?,
                    decided_at: instant(decided_at),
                }
            }
            StoredState::Captured { captured } => ChargeState::Captured { captured: captured.read()? },
            StoredState::Canceled { reason } => {
                ChargeState::Canceled { reason: ChargeCancelReason::parse(&reason).member("reason")? }
            }
            StoredState::Declined { reason } => ChargeState::Declined { reason: declined(&reason)? },
        },
        refunds: stored.refunds.into_iter().map(read_refund).collect::<Result<_, _>>()?,
    })
}
