//! A further session (two tabs) that arrived while another attempt was live. It shares that attempt's outcome
//! until that one is proved unpaid, or not approved: then it is taken up, if a call that names it comes while
//! its own buyer is still there. Nothing was sent for it, so it is compared from the start.

use super::{Attempt, AttemptState, Bearer, GivenAddresses};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::AttemptEvent;
use crate::merchant::number::AttemptNumber;
use crate::merchant::rules::BUYER_SEEN_GRAIN;
use alloc::vec::Vec;

/// Handles a call that names a surplus session, with the addresses of this call: its buyer is there, and it is
/// taken up if the attempt that it is surplus to is proved unpaid or not approved. Returns whether it was.
///
/// A pause of more than the resend window between two such calls ends that: the buyer has left. Of several
/// surplus sessions whose buyers are there, the one that arrived last goes first.
pub fn ask_for_surplus(
    draft: &mut Draft,
    number: AttemptNumber,
    given: &GivenAddresses,
    bearer: Bearer,
) -> bool {
    let (now, rules) = (draft.now, draft.rules);
    let checkout = draft.checkout();
    let is_here = |it: &Attempt| is_surplus(it) && it.is_buyer_here(now, &rules);
    let Some(attempt) = checkout.attempt(number).filter(|it| is_here(it)) else { return false };
    let is_news = now.since(attempt.buyer_seen_at) >= BUYER_SEEN_GRAIN;
    let is_newer = |it: &&Attempt| it.number > number && is_here(it) && is_let_go(checkout, it);
    let is_next = is_let_go(checkout, attempt) && !checkout.attempts.iter().any(|it| is_newer(&it));
    if !is_next || checkout.cancellation.is_some() || checkout.live_attempt().is_some() || checkout.is_held()
    {
        if is_news && let Some(attempt) = draft.change_attempt(number) {
            attempt.buyer_seen_at = now;
        }
        return false;
    }
    // Nothing below this line may fail.
    let others = checkout.attempts.iter().filter(|it| it.number != number && is_surplus(it));
    let others: Vec<AttemptNumber> =
        others.filter(|it| is_let_go(checkout, it)).map(|it| it.number).collect();
    for other in others {
        // They share the outcome of the one that may be paid now.
        draft.move_on(other, AttemptState::Surplus { of: number });
    }
    let terms_version = draft.checkout().terms_version;
    let retry_at = now.plus(rules.lease);
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.given = given.clone();
        attempt.bearer = bearer;
        attempt.bound_at = now;
        attempt.buyer_seen_at = now;
        attempt.terms_version = terms_version;
    }
    draft.move_on(number, AttemptState::Bound { retry_at, missing: None });
    draft.emit(number, AttemptEvent::SessionBound);
    true
}

const fn is_surplus(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Surplus { .. })
}

/// Whether the attempt that decides about a surplus one is proved unpaid, or not approved.
fn is_let_go(checkout: &Checkout, attempt: &Attempt) -> bool {
    let deciding = checkout.deciding_attempt(attempt.number).map(|it| &it.state);
    matches!(deciding, Some(AttemptState::NotPaid { .. } | AttemptState::NotApproved(_)))
}
