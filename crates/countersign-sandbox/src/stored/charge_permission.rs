//! The charge permission document. Its timer is the earliest deadline of itself and its open charges.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, MerchantId};
use countersign_domain::money::Money;
use countersign_domain::provider::charge_permission::{
    ChargePermission, ChargePermissionState, ClosureReason, NonChargeableReason,
};
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::ledger::Balances;
use serde::{Deserialize, Serialize};

use super::buyer::StoredBuyer;
use super::money::StoredMoney;
use super::notes::StoredNotes;
use super::{Illegible, Legible as _, Text, Unreadable, environment, from_json, instant, is_false, to_json};

pub(crate) const COLLECTION: &str = "charge_permission";
/// Format 1 counted no charges and knew of no refunds.
pub(crate) const FORMAT: u16 = 2;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredPermission<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    checkout_session_id: Text<'a>,
    #[serde(borrow)]
    merchant_id: Text<'a>,
    #[serde(borrow)]
    environment: Text<'a>,
    #[serde(borrow)]
    limit: StoredMoney<'a>,
    #[serde(borrow)]
    held: StoredMoney<'a>,
    #[serde(borrow)]
    captured: StoredMoney<'a>,
    /// In minor units, as the two below: what is available follows from them and the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    refunded: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    overcharge: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    goodwill: u64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    charge_count: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    allow_overcharge: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open_charges: Vec<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    buyer: Option<StoredBuyer<'a>>,
    #[serde(borrow)]
    merchant_metadata: StoredNotes<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    platform_id: Option<Text<'a>>,
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    #[serde(borrow)]
    state: StoredState<'a>,
}

/// The part that says whose it is: all that reading a charge needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredOwner<'a> {
    #[serde(borrow)]
    merchant_id: Text<'a>,
    #[serde(borrow)]
    environment: Text<'a>,
}

impl StoredOwner<'_> {
    fn read(&self) -> Result<Owner, Illegible> {
        Ok(Owner {
            merchant_id: MerchantId::parse(&self.merchant_id).member("merchantId")?,
            environment: environment(&self.environment).member("environment")?,
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(minor: &u64) -> bool {
    *minor == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_nothing(count: &u32) -> bool {
    *count == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum StoredState<'a> {
    Chargeable,
    NonChargeable {
        #[serde(borrow)]
        reason: Text<'a>,
    },
    Closed {
        #[serde(borrow)]
        reason: Text<'a>,
    },
}

pub(crate) fn encode(permission: &ChargePermission) -> Bytes {
    let ChargePermission {
        id,
        checkout_session_id,
        owner: Owner { merchant_id, environment },
        limit,
        balances: Balances { available: _, held, captured, refunded, overcharge, goodwill },
        charge_count,
        allow_overcharge,
        open_charges,
        buyer,
        merchant_metadata,
        platform_id,
        created_at,
        updated_at,
        expires_at,
        state,
    } = permission;
    to_json(&StoredPermission {
        id: Text::Borrowed(id.as_str()),
        checkout_session_id: Text::Borrowed(checkout_session_id.as_str()),
        merchant_id: Text::Borrowed(merchant_id.as_str()),
        environment: Text::Borrowed(environment.path_segment()),
        limit: (*limit).into(),
        held: (*held).into(),
        captured: (*captured).into(),
        refunded: refunded.minor(),
        overcharge: overcharge.minor(),
        goodwill: goodwill.minor(),
        charge_count: *charge_count,
        allow_overcharge: *allow_overcharge,
        open_charges: open_charges.iter().map(|id| Text::Borrowed(id.as_str())).collect(),
        buyer: buyer.as_deref().map(Into::into),
        merchant_metadata: merchant_metadata.into(),
        platform_id: platform_id.as_deref().map(Text::Borrowed),
        created_at: created_at.as_millis(),
        updated_at: updated_at.as_millis(),
        expires_at: expires_at.as_millis(),
        state: match state {
            ChargePermissionState::Chargeable => StoredState::Chargeable,
            ChargePermissionState::NonChargeable { reason } => {
                StoredState::NonChargeable { reason: Text::Borrowed(reason.as_str()) }
            }
            ChargePermissionState::Closed { reason } => {
                StoredState::Closed { reason: Text::Borrowed(reason.as_str()) }
            }
        },
    })
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<ChargePermission, Unreadable> {
    let stored: StoredPermission<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    let mut permission = read(stored).map_err(|illegible| illegible.of(COLLECTION))?;
    if format == 1 {
        // Only Finalize made charges then. Whether one lapsed or was declined is no longer known.
        let has_charge = !permission.open_charges.is_empty() || !permission.balances.captured.is_zero();
        permission.charge_count = permission.charge_count.max(u32::from(has_charge));
    }
    Ok(permission)
}

/// Whose a permission is, without the rest.
pub(crate) fn decode_owner(format: u16, bytes: &[u8]) -> Result<Owner, Unreadable> {
    let stored: StoredOwner<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    stored.read().map_err(|illegible| illegible.of(COLLECTION))
}

fn read(stored: StoredPermission<'_>) -> Result<ChargePermission, Illegible> {
    let limit = stored.limit.read()?;
    let minor = |minor: u64| Money::from_minor(minor, limit.currency());
    let (held, captured) = (stored.held.read()?, stored.captured.read()?);
    let (refunded, overcharge, goodwill) =
        (minor(stored.refunded), minor(stored.overcharge), minor(stored.goodwill));
    let given = limit.checked_add(overcharge).and_then(|sum| sum.checked_add(goodwill));
    let available = [held, captured, refunded]
        .into_iter()
        .try_fold(given.member("limit")?, Money::checked_sub)
        .member("balances")?;
    let balances = Balances { available, held, captured, refunded, overcharge, goodwill };
    Ok(ChargePermission {
        id: ChargePermissionId::parse(&stored.id).member("id")?,
        checkout_session_id: CheckoutSessionId::parse(&stored.checkout_session_id)
            .member("checkoutSessionId")?,
        owner: StoredOwner { merchant_id: stored.merchant_id, environment: stored.environment }.read()?,
        limit,
        balances,
        charge_count: stored.charge_count,
        allow_overcharge: stored.allow_overcharge,
        open_charges: stored
            .open_charges
            .iter()
            .map(|id| ChargeId::parse(id).member("openCharges"))
            .collect::<Result<_, _>>()?,
        buyer: stored.buyer.map(StoredBuyer::read).transpose()?.map(Box::new),
        merchant_metadata: stored.merchant_metadata.into(),
        platform_id: stored.platform_id.map(Text::into_owned),
        created_at: instant(stored.created_at),
        updated_at: instant(stored.updated_at),
        expires_at: instant(stored.expires_at),
        state: match stored.state {
            StoredState::Chargeable => ChargePermissionState::Chargeable,
            StoredState::NonChargeable { reason } => ChargePermissionState::NonChargeable {
                reason: NonChargeableReason::parse(&reason).member("reason")?,
            },
            StoredState::Closed { reason } => {
                ChargePermissionState::Closed { reason: ClosureReason::parse(&reason).member("reason")? }
            }
        },
    })
}
