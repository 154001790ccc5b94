//! What happens to Charges and Charge Permissions on Amazon's side: the buyer or Amazon acts, and a
//! permission's money is accounted for.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::money::Currency;
use countersign_domain::provider::buyer::Card;
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::charge_permission::ClosureReason;
use countersign_domain::provider::ledger::Balances;
use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, Word, read_request};

use super::checkout;
use super::errors::Refused;
use crate::book::payment::Accounts;

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
    let action = request.action.ok_or_else(|| Refused::missing("action"))?;
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
        (Party::Buyer, _) => Err(Refused::not_one_of("action", ["close", "updatePaymentMethod"])),
        (Party::Amazon, _) => Err(Refused::not_one_of("action", ["cancel"])),
    }
}

/// `POST /_sandbox/charges/{id}/{party}`: why the charge is canceled.
pub(super) fn act_on_charge(party: Party, body: &[u8]) -> Result<ChargeCancelReason, Refused> {
    let request: Act = read_request(body, Spellings::Every)?;
    let action = request.action.ok_or_else(|| Refused::missing("action"))?;
    match (party, &*action) {
        (Party::Buyer, "cancel") => Ok(ChargeCancelReason::BuyerCanceled),
        (Party::Amazon, "cancel") => Ok(ChargeCancelReason::AmazonCanceled),
        (Party::Buyer | Party::Amazon, _) => Err(Refused::not_one_of("action", ["cancel"])),
    }
}

pub(super) fn permission_id(id: &str) -> Result<ChargePermissionId, Refused> {
    ChargePermissionId::parse(id).map_err(|_| Refused::not_found("Charge Permission"))
}

pub(super) fn charge_id(id: &str) -> Result<ChargeId, Refused> {
    ChargeId::parse(id).map_err(|_| Refused::not_found("Charge"))
}

/// `?chargePermissionId=`.
pub(super) fn ledger_of(query: &str) -> Result<ChargePermissionId, Refused> {
    match query.split_once('=') {
        Some(("chargePermissionId", id)) => permission_id(id),
        Some((name, _)) => Err(Refused::unknown(name)),
        None => Err(Refused::missing("chargePermissionId")),
    }
}

object! {
    /// A permission's accounts and every posting that led there.
    pub(super) struct Ledger {
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        currency: Word<Currency> = "currency",
        limit: String = "limit",
        balances: ShownBalances = "balances",
        postings: Vec<Posting> = "postings",
    }
}

object! {
    pub(super) struct ShownBalances {
        available: String = "available",
        held: String = "held",
        captured: String = "captured",
        refunded: String = "refunded",
        overcharge: String = "overcharge",
        goodwill: String = "goodwill",
    }
}

object! {
    pub(super) struct Posting {
        at: Timestamp = "at",
        by: String = "by",
        of: String = "of",
        from: String = "from",
        to: String = "to",
        amount: String = "amount",
    }
}

pub(super) fn ledger(accounts: &Accounts) -> Ledger {
    let Accounts { permission, events } = accounts;
    let currency = permission.limit.currency();
    let text = |text: &str| Some(text.to_owned());
    let postings = events.iter().flat_map(|event| {
        let refund = event.refund_id.as_ref().map(RefundId::as_str);
        let of = refund.or(event.charge_id.as_ref().map(ChargeId::as_str));
        event.postings.iter().map(move |posting| Posting {
            at: Some(event.at),
            by: text(&event.kind),
            of: of.and_then(text),
            from: text(posting.from.as_str()),
            to: text(posting.to.as_str()),
            amount: Some(posting.amount.amount()),
            ..Posting::default()
        })
    });
    let Balances { available, held, captured, refunded, overcharge, goodwill } = permission.balances;
    Ledger {
        charge_permission_id: Some(permission.id.clone()),
        currency: Some(currency.into()),
        limit: Some(permission.limit.amount()),
        balances: Some(ShownBalances {
            available: Some(available.amount()),
            held: Some(held.amount()),
            captured: Some(captured.amount()),
            refunded: Some(refunded.amount()),
            overcharge: Some(overcharge.amount()),
            goodwill: Some(goodwill.amount()),
            ..ShownBalances::default()
        }),
        postings: Some(postings.collect()),
        ..Ledger::default()
    }
}
