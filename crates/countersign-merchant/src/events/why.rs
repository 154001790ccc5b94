//! Why Amazon's answers leave an outcome open or contradict it, in words, for the table of events.

use countersign_domain::merchant::attempt::UnresolvedReason;
use countersign_domain::merchant::payment::misfit::Misfit;

use super::about::EventSubject;

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
            "Amazon shows an object that was created by another request for this order"
        }
        Some(Misfit::StateDiffers) => "Amazon shows a state that excludes what was proved",
        Some(Misfit::AmountUnreadable) => "three times, Amazon has shown an amount that cannot be read",
        Some(Misfit::PaidTwice) => "another session of the order is paid, or may be",
        Some(Misfit::TermsMoved) => "it was paid under terms that are no longer the order's",
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
        Some(UnresolvedReason::CompletedElsewhere) => "the session was completed before Finalize was sent",
        Some(UnresolvedReason::IdsMissing) => {
            "Amazon shows that it is completed, but without the ids that would prove a payment"
        }
        None => "",
    }
}
