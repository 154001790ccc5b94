//! Charges and Charge Permissions on Amazon's side: the acts of the buyer and of Amazon, and a
//! permission's accounts.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::provider::buyer::Card;
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::charge_permission::ClosureReason;
use countersign_domain::provider::ledger::Balances;
use countersign_http::Parameter;
use countersign_protocol::json::Members;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, read_request};

use super::checkout;
use super::errors::ControlRefused;
use crate::book::payment::Accounts;

object! {
    struct ActBody {
        action: String = "action" [..=32],
    }
}

object! {
    struct ActOnPermission {
        action: String = "action" [..=32],
        card: String = "card" [..=32],
    }
}

/// Who acts, other than the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Buyer,
    Amazon,
}

/// What the buyer or Amazon does to a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PermissionAct {
    Close(ClosureReason),
    /// Charges under the permission use this card from now on.
    UpdatePaymentMethod(Card),
}

/// `POST /_sandbox/charge-permissions/{id}/{party}`.
pub(super) fn act_on_permission(party: Party, body: &[u8]) -> Result<PermissionAct, ControlRefused> {
    let request: ActOnPermission = read_request(body, Spellings::Every)?;
    let action = request.action.ok_or_else(|| ControlRefused::missing("action"))?;
    let card = request.card.as_deref().map(checkout::card).transpose()?;
    match (party, &*action) {
        (Party::Buyer, "updatePaymentMethod") => {
            Ok(PermissionAct::UpdatePaymentMethod(card.unwrap_or(Card::Visa1111)))
        }
        (Party::Buyer, "close") | (Party::Amazon, "cancel") if card.is_some() => {
            Err(ControlRefused::combination("card", "only updatePaymentMethod takes it"))
        }
        (Party::Buyer, "close") => Ok(PermissionAct::Close(ClosureReason::BuyerClosed)),
        (Party::Amazon, "cancel") => Ok(PermissionAct::Close(ClosureReason::AmazonCanceled)),
        (Party::Buyer, _) => Err(ControlRefused::not_one_of("action", ["close", "updatePaymentMethod"])),
        (Party::Amazon, _) => Err(ControlRefused::not_one_of("action", ["cancel"])),
    }
}

/// `POST /_sandbox/charges/{id}/{party}`: why the charge is canceled.
pub(super) fn act_on_charge(party: Party, body: &[u8]) -> Result<ChargeCancelReason, ControlRefused> {
    let request: ActBody = read_request(body, Spellings::Every)?;
    let action = request.action.ok_or_else(|| ControlRefused::missing("action"))?;
    match (party, &*action) {
        (Party::Buyer, "cancel") => Ok(ChargeCancelReason::BuyerCanceled),
        (Party::Amazon, "cancel") => Ok(ChargeCancelReason::AmazonCanceled),
        (Party::Buyer | Party::Amazon, _) => Err(ControlRefused::not_one_of("action", ["cancel"])),
    }
}

impl Parameter<ControlRefused> for ChargePermissionId {
    fn from_segment(segment: &str) -> Result<Self, ControlRefused> {
        Self::parse(segment).map_err(|_| ControlRefused::not_found("Charge Permission"))
    }
}

impl Parameter<ControlRefused> for ChargeId {
    fn from_segment(segment: &str) -> Result<Self, ControlRefused> {
        Self::parse(segment).map_err(|_| ControlRefused::not_found("Charge"))
    }
}

/// Reads the query `?chargePermissionId=`.
pub(super) fn ledger_of(query: &str) -> Result<ChargePermissionId, ControlRefused> {
    match query.split_once('=') {
        Some(("chargePermissionId", id)) => ChargePermissionId::from_segment(id),
        Some((name, _)) => Err(ControlRefused::unknown(name)),
        None => Err(ControlRefused::missing("chargePermissionId")),
    }
}

/// A permission's accounts, and every posting that led to them.
pub(super) fn ledger(Accounts { permission, events }: &Accounts) -> Members {
    let postings = events.iter().flat_map(|event| {
        let refund = event.refund_id.as_ref().map(RefundId::as_str);
        let of = refund.or(event.charge_id.as_ref().map(ChargeId::as_str));
        event.postings.iter().map(move |posting| {
            Members::default()
                .with("at", event.at.to_string())
                .with("by", &event.kind)
                .with("of", of)
                .with("from", posting.from.as_str())
                .with("to", posting.to.as_str())
                .with("amount", posting.amount.amount())
        })
    });
    let Balances { available, held, captured, refunded, overcharge, goodwill } = permission.balances;
    let balances = Members::default()
        .with("available", available.amount())
        .with("held", held.amount())
        .with("captured", captured.amount())
        .with("refunded", refunded.amount())
        .with("overcharge", overcharge.amount())
        .with("goodwill", goodwill.amount());
    Members::default()
        .with("chargePermissionId", permission.id.as_str())
        .with("currency", permission.limit.currency().as_str())
        .with("limit", permission.limit.amount())
        .with("balances", balances)
        .with("postings", postings.collect::<Vec<_>>())
}
