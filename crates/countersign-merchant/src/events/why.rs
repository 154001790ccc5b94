//! What an event means and why it happened, where its detail decides: the longer texts of the table of events.

use countersign_domain::merchant::attempt::UnresolvedReason;
use countersign_domain::merchant::checkout::unexplained::{UnexplainedEnd, UnexplainedReason};
use countersign_domain::merchant::payment::misfit::Misfit;
use countersign_domain::merchant::payment::send::DECIDED;
use countersign_protocol::wire::{ChargeState as ChargeWord, CheckoutSessionState};

use super::about::{Detail, EventSubject, UnpaidProof};

pub(super) fn why_sent(about: &EventSubject, why_again: &'static str) -> &'static str {
    match about.detail {
        Some(Detail::Sent { send_count: 1, .. }) => "its bytes and its key are stored before it is sent",
        _ => why_again,
    }
}

pub(super) fn why_looked_up(about: &EventSubject) -> &'static str {
    match about.plain_word().and_then(CheckoutSessionState::parse) {
        Some(CheckoutSessionState::Open) => {
            "an open session proves nothing: the lost request may still arrive"
        }
        Some(CheckoutSessionState::Completed) => {
            "that alone does not prove a payment: the charge is looked up"
        }
        Some(CheckoutSessionState::Canceled) => "a canceled session was not paid",
        None => "this proves nothing about a Finalize that was sent",
    }
}

pub(super) fn completed(about: &EventSubject) -> &'static str {
    match about.plain_word().and_then(ChargeWord::parse) {
        Some(ChargeWord::Captured) => "paid: the money is captured",
        Some(ChargeWord::CaptureInitiated) => {
            "authorized: the money is reserved, and its capture is in progress"
        }
        Some(ChargeWord::Authorized) => "authorized: the money is reserved",
        Some(ChargeWord::AuthorizationInitiated | ChargeWord::Declined | ChargeWord::Canceled) | None => {
            "confirmed: there is a charge permission and no charge yet"
        }
    }
}

/// That an operation has had no effect, in the log.
pub(super) fn without_effect(about: &EventSubject) -> &'static str {
    match about.plain_word() {
        Some(DECIDED) => "persons have decided that an operation had no effect",
        Some(_) | None => "Amazon refused an operation",
    }
}

pub(super) fn why_without_effect(about: &EventSubject) -> &'static str {
    match about.plain_word() {
        Some(DECIDED) => "persons have decided it: the reserved amount is free again",
        Some(_) | None => {
            "Amazon's answer or the object's state proves it: the reserved amount is free again"
        }
    }
}

pub(super) fn why_not_paid(about: &EventSubject) -> &'static str {
    match about.unpaid() {
        Some(UnpaidProof::Mismatch) => {
            "the session does not match the terms; nothing was sent, or Amazon refused what was sent"
        }
        Some(UnpaidProof::AddressDrift) => {
            "the session's address differs from the one that the shop expects; nothing was sent"
        }
        Some(UnpaidProof::SessionGone) => {
            "Amazon has answered repeatedly that it has no such session, and Finalize was never sent"
        }
        Some(UnpaidProof::Abandoned) => {
            "nothing left this machine, and the buyer left too long ago to be charged now"
        }
        Some(UnpaidProof::SessionCanceled) => {
            "the session is canceled at Amazon, which proves that it was not paid"
        }
        Some(UnpaidProof::Decided) => "persons have decided it",
        Some(UnpaidProof::Misuse | UnpaidProof::Amazon) | None => "Amazon's answer proves it, with this code",
    }
}

pub(super) fn why_contradicted(about: &EventSubject) -> &'static str {
    match about.plain_word().and_then(Misfit::parse) {
        Some(Misfit::ChargePermissionDiffers) => "Amazon shows a charge under another permission",
        Some(Misfit::CurrencyDiffers) => "Amazon shows an amount in another currency",
        Some(Misfit::ChargeAmountDiffers) => "Amazon shows a charge of a different amount than was asked for",
        Some(Misfit::CaptureAmountDiffers) => {
            "Amazon shows a capture of a different amount than was asked for"
        }
        Some(Misfit::RefundAmountDiffers) => "Amazon shows a refund of a different amount than was asked for",
        Some(Misfit::OfAnotherAct) => {
            "Amazon shows an object that another request has created, or that another order holds"
        }
        Some(Misfit::StateDiffers) => "Amazon shows a state that excludes what was proved",
        Some(Misfit::AmountUnreadable) => "three times, Amazon has shown an amount that cannot be read",
        Some(Misfit::PaidTwice) => "another session of the order is paid, or may be",
        Some(Misfit::TermsMoved) => "it was paid under terms that are no longer the order's",
        Some(Misfit::IdsDiffer) => {
            "Amazon answers with an id other than the one that was asked for or proved"
        }
        Some(Misfit::ReferenceDiffers) => "Amazon shows the reference of another order at its permission",
        None => "",
    }
}

pub(super) fn why_unresolved(about: &EventSubject) -> &'static str {
    match about.plain_word().and_then(UnresolvedReason::parse) {
        Some(UnresolvedReason::SessionGone) => {
            "Finalize was sent, and Amazon no longer has the session: neither result can be proved"
        }
        Some(UnresolvedReason::Contradicted) => {
            "Amazon shows a payment of a different amount than the shop asked for"
        }
        Some(UnresolvedReason::CompletedElsewhere) => {
            "the session is Completed, and nothing proves that this server completed it"
        }
        Some(UnresolvedReason::IdsMissing) => {
            "Amazon shows that it is completed, but without the ids that would prove a payment"
        }
        Some(UnresolvedReason::Refunding) => "persons have decided that its money is refunded",
        None => "",
    }
}

pub(super) fn why_unexplained(about: &EventSubject) -> &'static str {
    match about.plain_word().and_then(UnexplainedReason::parse) {
        Some(UnexplainedReason::NoSession) => {
            "no session of this order names it: it was captured, or still held after 25 hours"
        }
        Some(UnexplainedReason::PaidTwice) => {
            "a session of this order was paid in addition to another payment of the order"
        }
        Some(UnexplainedReason::CompletedElsewhere) => {
            "a session of this order was completed, though not by this shop's Finalize"
        }
        None => "",
    }
}

pub(super) fn why_noted(about: &EventSubject) -> &'static str {
    match about.plain_word().and_then(UnexplainedEnd::parse) {
        Some(UnexplainedEnd::Noted) => "Amazon shows no money under it, or has not shown any in 31 days",
        Some(UnexplainedEnd::Returned) => "its money was returned",
        Some(UnexplainedEnd::OfAnotherOrder) => "another order is paid by it",
        Some(UnexplainedEnd::Ours | UnexplainedEnd::NotOurs) => "a person has decided",
        None => "",
    }
}

/// Why a decision of persons was made: Amazon was asked, if it can be.
pub(super) fn why_decided(about: &EventSubject) -> &'static str {
    match about.dispute_id {
        Some(_) => "as many persons agree as it needs; Amazon cannot be asked how a dispute ended",
        None => {
            "as many persons agree as it needs, and Amazon, asked in the same act, shows nothing to the contrary"
        }
    }
}
