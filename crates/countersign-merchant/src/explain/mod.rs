//! What happened to one order and why, in plain words: the answer of `…/explanation`, which `countersign
//! explain` prints. It decides nothing; each sentence gives the reason for a decision of the rules.

mod awaited;
mod needs;

use countersign_domain::merchant::after::fulfilment::{Fulfilment, Reason};
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::rules::MerchantRules;
use countersign_domain::time::Timestamp;

use crate::book::lookup::TimelinePage;
use crate::events::entry::Entry;
use crate::events::table::EventKind;
use crate::registration::Registration;
use countersign_protocol::json::Members;

/// Explains a checkout: a page of its timeline, what happens next, and whether it may be shipped.
pub(crate) fn explanation(
    registration: &Registration,
    page: &TimelinePage,
    rules: &MerchantRules,
    fulfilment: &Fulfilment,
    now: Timestamp,
) -> Members {
    let checkout = &registration.checkout;
    let standing = checkout.standing(now);
    let needs = registration.needs();
    let Fulfilment { may_ship, reason, seen_at, .. } = *fulfilment;
    Members::default()
        .with("checkoutId", checkout.id.as_str())
        .with("orderId", &checkout.order_id)
        .with("terms", in_one_line(&checkout.terms))
        .with("state", checkout.verdict().outcome())
        .with("standing", standing.word())
        .some("standingUntil", standing.until().map(|until| until.to_string()))
        .with("standingInWords", standing_in_words(standing))
        .with("needsPerson", needs.iter().map(|need| need.as_str()).collect::<Vec<_>>())
        .with("needsInWords", needs.into_iter().map(|it| needs::in_words(it, checkout)).collect::<Vec<_>>())
        .with("timeline", timeline(&page.entries))
        .with("after", page.next_after.map(|after| after.to_string()))
        .with("awaited", awaited::entries(registration, rules))
        .with("mayShip", may_ship)
        .with("reason", reason.as_str())
        .with("reasonInWords", in_words(reason))
        .with("seenAt", seen_at.map(|seen_at| seen_at.to_string()))
}

fn timeline(entries: &[Entry]) -> Vec<Members> {
    let mut timeline = Vec::with_capacity(entries.len());
    for (index, Entry { at, kind, about }) in entries.iter().enumerate() {
        // An outcome is proved by the previous event of the same attempt or operation.
        let earlier = entries.get(..index).unwrap_or_default();
        let is_of_something = about.attempt.is_some() || about.reference.is_some();
        let is_of_the_same = |it: &&Entry| {
            let is_its_decision = it.kind == EventKind::DecisionMade && it.about.attempt == about.attempt;
            is_its_decision || (it.about.attempt, &it.about.reference) == (about.attempt, &about.reference)
        };
        let before = earlier.iter().rev().filter(|_| is_of_something).find(is_of_the_same);
        let (what, why) = kind.row().words(about, before.map(|before| before.kind));
        timeline.push(about.ids(Members::default().with("at", at).with("what", what).with("why", why)));
    }
    timeline
}

/// The terms in one line.
fn in_one_line(terms: &Terms) -> String {
    let Terms { product_type, payment_intent, charge_amount, .. } = terms;
    let mut line = format!("{product_type}, {payment_intent}, {charge_amount}");
    if let Some(total) = terms.total_order_amount {
        line.push_str(&format!(" of {total}"));
    }
    if terms.can_handle_pending_authorization {
        line.push_str(", the authorization may be pending");
    }
    line
}

/// The meaning of a standing.
fn standing_in_words(standing: Standing) -> &'static str {
    match standing {
        Standing::AwaitingPayment => "no buyer has come back from Amazon's page yet",
        Standing::Checking => {
            "it is not known yet whether it is paid, or whether a call to Amazon had its effect"
        }
        Standing::Pending => "Amazon has not decided yet",
        Standing::Reserved { .. } => "money is reserved, and none is kept",
        Standing::Capturing => "a capture is in progress",
        Standing::PartlyCaptured => "a part of the order's total is captured",
        Standing::Captured => "the order's total is captured",
        Standing::PartlyRefunded => "a part of what was captured has gone back to the buyer",
        Standing::Refunded => "all of what was captured has gone back to the buyer",
        Standing::Confirmed => "there is a charge permission, and nothing is reserved or captured",
        Standing::Lapsed => "what was reserved is not reserved any more, and nothing is captured",
        Standing::Canceling => "the order is being canceled, and not everything is undone yet",
        Standing::Canceled => "the order is canceled, and no money is held or kept",
        Standing::NotPaid => "proved unpaid; the buyer may try again",
        Standing::Contradicted => "Amazon contradicts what was proved about the payment",
        Standing::Unresolved => "nobody can tell whether it was paid",
        Standing::Disputed => "a buyer disputes the payment, and nobody has said how that ended",
    }
}

/// The meaning of a fulfilment's reason.
fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Authorized => "the money is reserved",
        Reason::Captured => "the money is captured",
        Reason::AuthorizationInitiated => "Amazon has not decided on the authorization yet",
        Reason::AuthorizationExpired => "the authorization has expired",
        Reason::GuaranteeEnded => "the authorization is older than seven days: a capture may be declined",
        Reason::CaptureInitiated => "the capture is in progress and may still fail",
        Reason::CancelInitiated => "the charge is being canceled",
        Reason::PartlyCaptured => "less was captured than the shop asked for",
        Reason::Refunded => "the money was refunded",
        Reason::ChargeCanceled => "the charge is canceled",
        Reason::ChargeDeclined => "the charge is declined",
        Reason::ConfirmedOnly => "nothing is authorized yet: create a charge first",
        Reason::Disputed => "a buyer disputes the payment, or its money was lost by a dispute",
        Reason::CancelRequested => "the order is being canceled",
        Reason::Canceled => "the order is canceled",
        Reason::Contradicted => "Amazon contradicts what was proved about the payment",
        Reason::Unexplained => {
            "a permission at Amazon names this order, and nothing of the order explains its money"
        }
        Reason::DecisionDisputed => "a person disputes what was decided, and no two persons agree yet",
        Reason::Unresolved => "the outcome of the payment cannot be determined",
        Reason::Checking => "it is not known yet whether this was paid: ask again",
        Reason::NotPaid => "this was not paid",
        Reason::Registered => "the buyer has not come back from Amazon's page yet",
    }
}
