//! What happens to Charges and Charge Permissions on Amazon's side: the buyer or Amazon acts, and a
//! permission's money is accounted for.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::provider::buyer::Card;
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::charge_permission::ClosureReason;
use countersign_domain::provider::ledger::Balances;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, read_request};
use serde::Serialize;

use super::checkout;
use super::errors::Refused;
use crate::app::after_result::Accounts;

object! {
    struct Act {
        action: String = "action" [..=32],
    }
}

object! {
    struct ActOnPermission {
        action: String = "action" [..=32],
        card: String = "card" [..=32],
    }
}

/// Who acts without the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    Buyer,
    Amazon,
}

impl Party {
    /// Reads the last segment of the path.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "buyer" => Some(Self::Buyer),
            "amazon" => Some(Self::Amazon),
            _ => None,
        }
    }
}

/// What is done with a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PermissionAct {
    Close(ClosureReason),
    /// By this card from now on.
    UpdatePaymentMethod(Card),
}

/// `POST /_sandbox/charge-permissions/{id}/{party}`.
pub(super) fn act_on_permission(party: Party, body: &[u8]) -> Result<PermissionAct, Refused> {
    let request: ActOnPermission = read_request(body, Spellings::Every)?;
    let action = request.action.ok_or(Refused::Missing("action"))?;
    let card = request.card.as_deref().map(checkout::card).transpose()?;
    match (party, &*action) {
        (Party::Buyer, "updatePaymentMethod") => {
            Ok(PermissionAct::UpdatePaymentMethod(card.unwrap_or(Card::Visa1111)))
        }
        (Party::Buyer, "close") | (Party::Amazon, "cancel") if card.is_some() => {
            Err(Refused::combination("card", "only updatePaymentMethod takes it"))
        }
        (Party::Buyer, "close") => Ok(PermissionAct::Close(ClosureReason::BuyerClosed)),
        (Party::Amazon, "cancel") => Ok(PermissionAct::Close(ClosureReason::AmazonCanceled)),
        (Party::Buyer, _) => Err(Refused::not_one_of("action", &["close", "updatePaymentMethod"])),
        (Party::Amazon, _) => Err(Refused::not_one_of("action", &["cancel"])),
    }
}

/// `POST /_sandbox/charges/{id}/{party}`: why the charge is canceled.
pub(super) fn act_on_charge(party: Party, body: &[u8]) -> Result<ChargeCancelReason, Refused> {
    match (party, &*action(body)?) {
        (Party::Buyer, "cancel") => Ok(ChargeCancelReason::BuyerCanceled),
        (Party::Amazon, "cancel") => Ok(ChargeCancelReason::AmazonCanceled),
        (Party::Buyer | Party::Amazon, _) => Err(Refused::not_one_of("action", &["cancel"])),
    }
}

fn action(body: &[u8]) -> Result<String, Refused> {
    let request: Act = read_request(body, Spellings::Every)?;
    request.action.ok_or(Refused::Missing("action"))
}

pub(super) fn permission_id(id: &str) -> Result<ChargePermissionId, Refused> {
    ChargePermissionId::parse(id).map_err(|_| Refused::NotFound("Charge Permission"))
}

pub(super) fn charge_id(id: &str) -> Result<ChargeId, Refused> {
    ChargeId::parse(id).map_err(|_| Refused::NotFound("Charge"))
}

/// `?chargePermissionId=`.
pub(super) fn ledger_of(query: &str) -> Result<ChargePermissionId, Refused> {
    match query.split_once('=') {
        Some(("chargePermissionId", id)) => permission_id(id),
        Some((name, _)) => Err(Refused::Unknown(name.chars().take(64).collect())),
        None => Err(Refused::Missing("chargePermissionId")),
    }
}

/// A permission's accounts and every posting that led there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ledger<'a> {
    charge_permission_id: &'a str,
    currency: &'static str,
    limit: String,
    balances: Shown,
    postings: Vec<Posting<'a>>,
}

#[derive(Serialize)]
struct Shown {
    available: String,
    held: String,
    captured: String,
    refunded: String,
    overcharge: String,
    goodwill: String,
}

#[derive(Serialize)]
struct Posting<'a> {
    at: String,
    by: &'a str,
    of: Option<&'a str>,
    from: &'a str,
    to: &'a str,
    amount: String,
}

pub(super) fn ledger(accounts: &Accounts) -> Ledger<'_> {
    let Accounts { permission, events } = accounts;
    let currency = permission.limit.currency();
    let Balances { available, held, captured, refunded, overcharge, goodwill } = permission.balances;
    let postings = events.iter().flat_map(|event| {
        event.postings.iter().map(|posting| {
            let refund = event.refund_id.as_deref().map(RefundId::as_str);
            let charge = event.charge_id.as_deref().map(ChargeId::as_str);
            Posting {
                at: event.at.to_string(),
                by: &event.kind,
                of: refund.or(charge),
                from: posting.from.as_str(),
                to: posting.to.as_str(),
                amount: posting.amount.amount(),
            }
        })
    });
    Ledger {
        charge_permission_id: permission.id.as_str(),
        currency: currency.code(),
        limit: permission.limit.amount(),
        balances: Shown {
            available: available.amount(),
            held: held.amount(),
            captured: captured.amount(),
            refunded: refunded.amount(),
            overcharge: overcharge.amount(),
            goodwill: goodwill.amount(),
        },
        postings: postings.collect(),
    }
}
