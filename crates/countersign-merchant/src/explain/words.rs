//! The sentences: what an entry of the timeline says, and by which rule it came to be.

use countersign_domain::merchant::checkout::Terms;

use crate::book::lookup::Event;

/// What was asked for, in one line.
pub(super) fn terms(terms: &Terms) -> String {
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

/// What an entry says and why it came to be, by what happened to the same attempt before it.
pub(super) fn what_and_why(event: &Event, before: Option<&Event>) -> (String, String) {
    let detail = event.detail.as_deref().unwrap_or_default();
    let (what, why): (String, String) = match event.kind.as_str() {
        "Registered" => ("the order is registered".into(), "the shop asked for it with these terms".into()),
        "TermsChanged" => {
            (format!("the terms change: {detail}"), "the shop asked, and nothing was under way".into())
        }
        "Quoted" => (
            format!("the buyer's page is given a quote: {detail}"),
            "it is what the order costs from now on, and Finalize sends nothing else".into(),
        ),
        "QuoteRefused" => (
            format!("the buyer's page is given no quote: {detail}"),
            "what was quoted before stands; the log tells what was wrong".into(),
        ),
        "QuoteLapsed" => (
            "the quote has lapsed".into(),
            "a day has passed, and Amazon's session with it: the terms are those that the shop has set"
                .into(),
        ),
        "PageCanceled" => {
            ("the buyer leaves Amazon's page".into(), "the button says so; nothing is decided by it".into())
        }
        "PageError" => (
            format!("the button reports an error: {detail}").trim_end_matches([':', ' ']).to_owned(),
            "the buyer's page says so; nothing is decided by it".into(),
        ),
        "SessionBound" => (
            "the buyer is back from Amazon's page".into(),
            "this session is bound to this order for ever".into(),
        ),
        "SurplusRecorded" => (
            format!("a further session is set aside: {detail}"),
            "one order is paid once: it is never finalized, and gets the other's outcome".into(),
        ),
        "Approved" => (
            "the session agrees with the terms".into(),
            "Get Checkout Session shows the amount, intent, product and address that the shop recorded"
                .into(),
        ),
        "FinalizeSent" => (
            format!("Finalize is sent: {detail}"),
            why_sent(
                detail,
                "the session is still open, which proves nothing: the same bytes go out under the same key",
            )
            .into(),
        ),
        "NotSent" => {
            ("Finalize found no connection".into(), "nothing left this machine: it may be sent again".into())
        }
        "NotEvaluated" => (
            format!("Amazon did not look at it: {detail}"),
            "this answer proves no effect: it is sent again under the next key".into(),
        ),
        "DoubtBegan" => (
            format!("in doubt: {detail}"),
            "neither a yes nor a no: the money may have moved, so it is looked up and no other session is \
             finalized"
                .into(),
        ),
        "DoubtAlarm" => {
            (format!("still {detail}"), "a person should know; time alone decides nothing".into())
        }
        "LookedUp" => (format!("looked up: the session is {detail}"), why_looked_up(detail).into()),
        "AuthorizationPending" => (
            "Amazon has accepted the order".into(),
            "it still decides on the authorization, for up to 24 hours".into(),
        ),
        "Completed" => (completed(detail).into(), proved_by(before).into()),
        "NotPaid" => (format!("not paid: {detail}"), why_not_paid(detail).into()),
        "Unresolved" => (format!("nobody can say: {detail}"), why_unresolved(detail).into()),
        "Contradiction" => (
            format!("Amazon contradicts what was proved: {detail}"),
            "the first outcome stands, and a person must look".into(),
        ),
        "OperationRecorded" => (
            format!("{} is asked for: {detail}", by(event)),
            "it is on disk, with what it reserves, before anything is sent".into(),
        ),
        "OperationSent" => (
            format!("{} is sent: {detail}", by(event)),
            why_sent(
                detail,
                "nothing has proved what became of it: the same bytes go out under the same key",
            )
            .into(),
        ),
        "OperationNotSent" => (
            format!("{} found no connection: {detail}", by(event)),
            "nothing left this machine: it is sent again".into(),
        ),
        "OperationNotEvaluated" => (
            format!("Amazon did not look at {}: {detail}", by(event)),
            "this answer proves no effect: it is sent again".into(),
        ),
        "OperationDoubtBegan" => (
            format!("{} is in doubt: {detail}", by(event)),
            "it may have had its effect: what it reserves stays reserved until that is proved".into(),
        ),
        "OperationAlarm" => (
            format!("{}: still {detail}", by(event)),
            "a person should know; time alone decides nothing".into(),
        ),
        "OperationDone" => {
            (format!("{} has had its effect: {detail}", by(event)), proved_effect(before).into())
        }
        "OperationRefused" => (
            format!("{} has had no effect: {detail}", by(event)),
            "Amazon's own answer or the object's state proves it: what it reserved is free again".into(),
        ),
        "ChargePending" => {
            (format!("the charge is accepted: {detail}"), "Amazon still decides on the authorization".into())
        }
        "ChargeAuthorized" => (format!("the charge is authorized: {detail}"), SHOWN.into()),
        "CapturePending" => (
            format!("the capture is under way: {detail}"),
            "Amazon carries it out later: neither a success nor a failure yet".into(),
        ),
        "ChargeCaptured" => (format!("the charge is captured: {detail}"), SHOWN.into()),
        "ChargeCanceled" => (format!("the charge is canceled: {detail}"), SHOWN.into()),
        "ChargeDeclined" => (format!("the charge is declined: {detail}"), SHOWN.into()),
        "ChargeAdopted" => (
            format!("a charge that nobody asked for here: {detail}"),
            "it is under our permission, so it counts in every budget".into(),
        ),
        "RefundPending" => (
            format!("the refund is under way: {detail}"),
            "Amazon carries it out later; its part of the budget is taken".into(),
        ),
        "Refunded" => (format!("the buyer has the refund: {detail}"), SHOWN.into()),
        "RefundDeclined" => (
            format!("the refund is declined: {detail}"),
            "the buyer has nothing of it: its part of the budget is free again".into(),
        ),
        "PermissionChargeable" => ("the permission can be charged again".into(), SHOWN.into()),
        "PermissionNonChargeable" => {
            (format!("the permission cannot be charged now: {detail}"), SHOWN.into())
        }
        "PermissionClosed" => (format!("the permission is closed: {detail}"), SHOWN.into()),
        "CaptureDue" => (
            format!("the charge is not captured yet: {detail}"),
            "what is not captured in time is lost to the shop".into(),
        ),
        "CancelRequested" => (
            format!("the order is to be canceled: {}", by(event)),
            "the shop asked: nothing new is sent, and what is proved to be paid is undone".into(),
        ),
        "CheckoutCanceled" => (
            "the order is canceled".into(),
            "nothing is held any more, and what was taken is given back".into(),
        ),
        "CancellationStuck" => (
            format!("the cancellation cannot be finished: {detail}"),
            "a person must look; what is open stays open".into(),
        ),
        "NotificationHeard" => (
            format!("Amazon notifies of something: {detail}"),
            "a notification is a hint and proves nothing: what it is about is asked for".into(),
        ),
        "SnapshotTaken" => (
            "the buyer's and the transaction's data are kept, sealed".into(),
            "Amazon forgets them after 30 days".into(),
        ),
        "SnapshotMissed" => (
            "the buyer's and the transaction's data are lost".into(),
            "they could not be fetched before Amazon forgot them".into(),
        ),
        "SnapshotErased" => {
            ("the buyer's and the transaction's data are erased".into(), "the shop asked for it".into())
        }
        other if detail.is_empty() => (other.to_owned(), String::new()),
        other => (format!("{other}: {detail}"), String::new()),
    };
    (what, why)
}

/// What Amazon has shown is so.
const SHOWN: &str = "Amazon's own account, in its answer or when it was asked";

/// What was asked for, by the name that it was given.
fn by(event: &Event) -> String {
    event.reference.as_deref().map_or("what was asked for".to_owned(), |reference| format!("{reference:?}"))
}

fn why_sent(detail: &str, why_again: &'static str) -> &'static str {
    if detail.ends_with("send 1") { "its bytes and its key are on disk before it leaves" } else { why_again }
}

fn why_looked_up(found: &str) -> &'static str {
    match found {
        "Open" => "open is proof of nothing: the lost request may still arrive",
        "Completed" => "that alone is no proof of payment: the charge is asked for",
        "Canceled" => "a canceled session was not paid",
        "ResourceNotFound" => "a session that is gone ends only what was never sent",
        _ => "",
    }
}

fn completed(word: &str) -> &'static str {
    match word {
        "Captured" => "paid: the money is captured",
        "CaptureInitiated" => "authorized: the money is reserved, and its capture under way",
        "Authorized" => "authorized: the money is reserved",
        _ => "confirmed: a charge permission, and no charge yet",
    }
}

fn proved_by(before: Option<&Event>) -> &'static str {
    match before.map(|before| before.kind.as_str()) {
        Some("FinalizeSent") => "proved by Amazon's answer to Finalize, whole and with its ids",
        Some("AuthorizationPending" | "CapturePending") => "proved by Get Charge",
        Some("LookedUp") => "proved by Get Checkout Session, and Get Charge where there is a charge",
        _ => "proved by Amazon's own account",
    }
}

fn proved_effect(before: Option<&Event>) -> &'static str {
    match before.map(|before| before.kind.as_str()) {
        Some("OperationSent") => "proved by Amazon's answer, whole and with its ids",
        Some("OperationDoubtBegan" | "OperationAlarm") => "proved by asking Amazon for the object",
        _ => "proved by Amazon's own account",
    }
}

fn why_not_paid(code: &str) -> &'static str {
    match code {
        "TermsMismatch" => "the session disagrees with the terms; nothing was sent, or Amazon refused it",
        "AddressDrift" => "the session's address is not the one that the shop knows; nothing was sent",
        "SessionGone" => "the session does not exist, and nothing was ever sent for it",
        "Abandoned" => {
            "nothing left this machine, and the buyer has been away for too long to be charged now"
        }
        "CheckoutSessionCanceled" => "the session is canceled at Amazon, which proves that it was not paid",
        _ => "Amazon's own answer says so, by this code",
    }
}

fn why_unresolved(code: &str) -> &'static str {
    match code {
        "SessionGone" => "it was sent, and now Amazon has forgotten the session: no proof either way",
        "AmountDiffers" => "Amazon says that another amount was paid than the shop asked for",
        "CompletedElsewhere" => "the session was completed before anything was sent from here",
        "IdsMissing" => "Amazon says that it is completed and gives no ids to prove a payment by",
        _ => "",
    }
}

/// What the word of a fulfilment means.
pub(super) fn fulfilment(reason: &str) -> &'static str {
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
