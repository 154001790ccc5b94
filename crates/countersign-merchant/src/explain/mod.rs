//! What happened to one order and why, in plain words: the answer of `…/explanation`, which
//! `countersign explain` prints. It decides nothing; each sentence says what the rules decided by.

mod awaited;
mod words;

use countersign_domain::merchant::completion::CompletionRules;
use countersign_domain::merchant::fulfilment::Fulfilment;
use serde::Serialize;

use crate::book::lookup::{Event, TimelinePage};
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
    timeline: Vec<Entry<'a>>,
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
struct Entry<'a> {
    at: &'a str,
    what: String,
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amazon_checkout_session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_permission_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<&'a str>,
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
        terms: words::terms(&checkout.terms),
        state: checkout.verdict().outcome(),
        timeline: entries(&page.events),
        after: page.next_after.map(|after| after.to_string()),
        awaited: awaited::of(registration, rules),
        may_ship,
        reason,
        reason_in_words: words::fulfilment(reason),
    }
}

fn entries(events: &[Event]) -> Vec<Entry<'_>> {
    let mut entries = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        // What an outcome rests on is what happened last to the same attempt or operation.
        let earlier = events.get(..index).unwrap_or_default();
        let is_of_something = event.attempt.is_some() || event.reference.is_some();
        let is_of_the_same = |it: &&Event| (it.attempt, &it.reference) == (event.attempt, &event.reference);
        let before = earlier.iter().rev().filter(|_| is_of_something).find(is_of_the_same);
        let (what, why) = words::what_and_why(event, before);
        entries.push(Entry {
            at: &event.at,
            what,
            why,
            attempt: event.attempt,
            amazon_checkout_session_id: event.amazon_checkout_session_id.as_deref(),
            charge_permission_id: event.charge_permission_id.as_deref(),
            charge_id: event.charge_id.as_deref(),
            refund_id: event.refund_id.as_deref(),
        });
    }
    entries
}
