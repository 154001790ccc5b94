//! What happened to one order and why, in plain words: the answer of `…/explanation`, which
//! `countersign explain` prints. It decides nothing; each sentence says what the rules decided by.

mod awaited;

use countersign_domain::merchant::checkout::Terms;
use countersign_domain::merchant::completion::CompletionRules;
use countersign_domain::merchant::fulfilment::Fulfilment;
use serde::Serialize;

use crate::book::lookup::TimelinePage;
use crate::events::about::Ids;
use crate::events::entry::Entry;
use crate::registration::Registration;

/// The whole answer; of a long timeline one page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation<'a> {
    checkout_id: &'a str,
    order_id: &'a str,
    /// What was asked for, in one line.
    terms: String,
    state: &'static str,
    timeline: Vec<Told<'a>>,
    /// Where the next page of the timeline begins.
    after: Option<String>,
    awaited: Vec<Awaited>,
    may_ship: bool,
    /// One word, and what it means.
    reason: &'static str,
    reason_in_words: &'static str,
}

/// One line of the timeline.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    at: &'a str,
    what: String,
    why: &'static str,
    #[serde(flatten)]
    ids: Ids<'a>,
}

/// What comes next, and when it is looked for.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Awaited {
    what: String,
    at: String,
}

/// Explains a checkout by a page of its timeline and by whether it may be shipped.
pub(crate) fn explanation<'a>(
    registration: &'a Registration,
    page: &'a TimelinePage,
    rules: &CompletionRules,
    fulfilment: &Fulfilment,
) -> Explanation<'a> {
    let checkout = &registration.checkout;
    let Fulfilment { may_ship, reason, .. } = *fulfilment;
    Explanation {
        checkout_id: checkout.id.as_str(),
        order_id: &checkout.order_id,
        terms: in_one_line(&checkout.terms),
        state: checkout.verdict().outcome(),
        timeline: told(&page.entries),
        after: page.next_after.map(|after| after.to_string()),
        awaited: awaited::of(registration, rules),
        may_ship,
        reason,
        reason_in_words: in_words(reason),
    }
}

fn told(entries: &[Entry]) -> Vec<Told<'_>> {
    let mut told = Vec::with_capacity(entries.len());
    for (index, Entry { at, kind, about }) in entries.iter().enumerate() {
        // What an outcome rests on is what happened last to the same attempt or operation.
        let earlier = entries.get(..index).unwrap_or_default();
        let is_of_something = about.attempt.is_some() || about.reference.is_some();
        let is_of_the_same =
            |it: &&Entry| (it.about.attempt, &it.about.reference) == (about.attempt, &about.reference);
        let before = earlier.iter().rev().filter(|_| is_of_something).find(is_of_the_same);
        let (what, why) = kind.row().words(about, before.map(|before| before.kind));
        told.push(Told { at, what, why, ids: about.ids() });
    }
    told
}

/// What was asked for, in one line.
fn in_one_line(terms: &Terms) -> String {
    let amount = terms.charge_amount;
    let mut line = format!(
        "{}, {}, {} {}",
        terms.product_type.as_str(),
        terms.payment_intent.as_str(),
        amount.amount(),
        amount.currency().code()
    );
    if let Some(total) = terms.total_order_amount {
        line.push_str(&format!(" of {} {}", total.amount(), total.currency().code()));
    }
    if terms.can_handle_pending_authorization {
        line.push_str(", can wait for the authorization");
    }
    line
}

/// What the word of a fulfilment means.
fn in_words(reason: &str) -> &'static str {
    match reason {
        "Authorized" => "the money is reserved",
        "Captured" => "the money is captured",
        "AuthorizationInitiated" => "Amazon still decides on the authorization",
        "AuthorizationExpired" => "the authorization has lapsed",
        "CaptureInitiated" => "the capture is under way, and may still fail",
        "CancelInitiated" => "the charge is being canceled",
        "Refunded" => "the money was given back",
        "ChargeCanceled" => "the charge is canceled",
        "ChargeDeclined" => "the charge is declined",
        "ConfirmedOnly" => "nothing is authorized yet: create a charge first",
        "CancelRequested" => "the order is being canceled",
        "Canceled" => "the order is canceled",
        "Unresolved" => "nobody can say whether this was paid",
        "Checking" => "nobody knows now whether this is paid: ask again",
        "NotPaid" => "it is not paid",
        "Registered" => "no buyer has come back from Amazon's page yet",
        _ => "",
    }
}
