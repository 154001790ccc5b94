//! What happens to a Charge Permission on Amazon's side: its buyer acts, and its money is accounted for.

use countersign_domain::ids::ChargePermissionId;
use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::ledger::Balances;
use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, read_request};
use serde::Serialize;

use super::errors::Refused;
use crate::app::after_result::Accounts;
use crate::stored::event::LoggedPosting;

object! {
    struct Act {
        action: String = "action" [..=32],
    }
}

/// What a buyer does with a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BuyerAct {
    Close,
    UpdatePaymentMethod,
}

/// `POST /_sandbox/charge-permissions/{id}/buyer`.
pub(super) fn act(body: &[u8]) -> Result<BuyerAct, Refused> {
    let request: Act = read_request(body, Spellings::Every)?;
    match request.action.as_deref() {
        Some("close") => Ok(BuyerAct::Close),
        Some("updatePaymentMethod") => Ok(BuyerAct::UpdatePaymentMethod),
        Some(_) => Err(Refused::not_one_of("action", &["close", "updatePaymentMethod"])),
        None => Err(Refused::Missing("action")),
    }
}

pub(super) fn permission_id(id: &str) -> Result<ChargePermissionId, Refused> {
    ChargePermissionId::parse(id).map_err(|_| Refused::NotFound("Charge Permission"))
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
            let LoggedPosting(from, to, amount) = posting;
            Posting {
                at: Timestamp::from_millis(event.at).to_string(),
                by: &event.kind,
                of: event.refund_id.as_deref().or(event.charge_id.as_deref()),
                from,
                to,
                amount: in_currency(amount.0, currency),
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

fn in_currency(minor: u64, currency: Currency) -> String {
    Money::from_minor(minor, currency).amount()
}
