//! The charge permission document. Its timer is the earliest deadline of the permission and its
//! open charges.

use countersign_document::{check_format, decode_member, stored};
use countersign_domain::provider::charge_permission::{
    ChargePermission, ChargePermissionState, ClosureReason, NonChargeableReason,
};
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::ledger::Balances;

use super::{Sandbox, UnreadableDocument};

stored! {
    by Sandbox;

    document ChargePermission as "charge_permission", format 3;

    struct ChargePermission {
        id,
        checkout_session_id,
        owner,
        limit,
        balances,
        charge_count,
        allow_overcharge or default,
        open_charges or default,
        buyer,
        merchant_metadata or default,
        platform_id,
        created_at,
        updated_at,
        expires_at,
        state;
        check |permission| permission.balances.are_of(permission.limit) => "has balances that do not add up to its limit"
    }

    struct Balances { available, held, captured, refunded, overcharge, goodwill }

    enum ChargePermissionState {
        Chargeable,
        NonChargeable { reason },
        Closed { reason },
    }

    text NonChargeableReason: as_str, NonChargeableReason::parse;
    text ClosureReason: as_str, ClosureReason::parse;
}

/// Reads only a permission's owner, which is all that reading a charge needs.
pub(crate) fn decode_owner(format: u16, bytes: &[u8]) -> Result<Owner, UnreadableDocument> {
    check_format(COLLECTION, format, FORMAT)?;
    decode_member::<Sandbox, Owner>(COLLECTION, "owner", bytes)
}
