//! The buyer's return: a session arrives and is recorded as an attempt, and so is the caller who waits for it.
//! It is bound later, once Amazon has shown whose it is; a session of another order is released.

use crate::merchant::number::AttemptNumber;
use alloc::string::ToString;

use super::not_approved::stand_back;
use super::sends::Sends;
use super::{Attempt, AttemptState, Bearer, GivenAddresses, NotPaidReason};
use crate::ids::CheckoutSessionId;
use crate::merchant::call::{InFlight, LookSchedule};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::AttemptEvent;
use crate::merchant::rules::{BUYER_SEEN_GRAIN, MAX_ATTEMPTS, MerchantRules};
use crate::time::Timestamp;

/// What the arrival of a session means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has arrived before, as this attempt.
    Known(AttemptNumber),
    /// It is new: this attempt, which is Bound or Surplus.
    New(AttemptNumber),
}

/// Why a session is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalRefused {
    /// [`MAX_ATTEMPTS`] sessions have arrived for the checkout already.
    TooManyAttempts,
    /// The order is canceled or being canceled.
    OrderCanceled,
}

/// Records a session that the buyer came back with, the addresses that the caller gave, and whose token the
/// caller has. This does not bind the session: only Amazon can show whose it is.
///
/// # Errors
/// See [`ArrivalRefused`].
pub fn arrive(
    draft: &mut Draft,
    session: &CheckoutSessionId,
    given: &GivenAddresses,
    bearer: Bearer,
) -> Result<Arrival, ArrivalRefused> {
    let checkout = draft.checkout();
    if let Some(known) = checkout.attempts.iter().find(|attempt| attempt.checkout_session_id == *session) {
        return Ok(Arrival::Known(known.number));
    }
    if checkout.attempts.len() >= MAX_ATTEMPTS {
        return Err(ArrivalRefused::TooManyAttempts);
    }
    if checkout.cancellation.is_some() {
        return Err(ArrivalRefused::OrderCanceled);
    }
    // Nothing below this line may fail.
    let now = draft.now;
    let number = checkout.attempts.last().map_or(AttemptNumber::FIRST, |last| last.number.next());
    let (state, what) = match checkout.live_attempt() {
        Some(live) => {
            (AttemptState::Surplus { of: live.number }, AttemptEvent::SurplusRecorded { of: live.number })
        }
        None => {
            let retry_at = now.plus(draft.rules.lease);
            (AttemptState::Bound { retry_at, missing: None }, AttemptEvent::SessionBound)
        }
    };
    let terms_version = checkout.terms_version;
    let given = if state.is_final() { GivenAddresses::default() } else { given.clone() };
    draft.change().attempts.push(Attempt {
        number,
        checkout_session_id: session.clone(),
        given,
        bearer,
        bound_at: now,
        buyer_seen_at: now,
        spent_keys: 0,
        turned_away: None,
        turned_away_terms: None,
        waits_for: None,
        refused_keys: 0,
        terms_version,
        account: None,
        refusal: None,
        unreadable_count: 0,
        sends: Sends::default(),
        was_sent: false,
        state,
    });
    draft.emit(number, what);
    Ok(Arrival::New(number))
}

/// Releases a session that belongs to another order of this store, and of which nothing was sent: this order
/// keeps no claim to it.
pub fn release(draft: &mut Draft, number: AttemptNumber) {
    let at = draft.now;
    let state = draft.checkout().attempt(number).map(|attempt| &attempt.state);
    if let Some(AttemptState::Bound { .. }) = state {
        draft.move_on(number, AttemptState::Released { at });
        draft.emit(number, AttemptEvent::SessionReleased);
    }
}

/// Ends an attempt that was bound just now: the shop quotes its orders, and nobody has asked for the price of
/// this one, so the session's amount cannot be the one that the shop asks for.
///
/// One that was sent and refused stays as it is.
pub fn end_unquoted(draft: &mut Draft, attempt: AttemptNumber) {
    if let Some(AttemptState::NotApproved(_)) = draft.checkout().attempt(attempt).map(|it| &it.state) {
        return stand_back(draft, attempt);
    }
    draft.end_unpaid(attempt, NotPaidReason::Mismatch("paymentDetails.chargeAmount".to_string()));
}

/// Adds the addresses that a later call gives where earlier calls gave none, and records that the shop itself
/// has brought the session, as long as the session has not been compared with them.
pub fn give_later(draft: &mut Draft, attempt: AttemptNumber, given: &GivenAddresses, bearer: Bearer) {
    let Some(Attempt { state: AttemptState::Bound { .. }, given: known, bearer: first, .. }) =
        draft.checkout().attempt(attempt)
    else {
        return;
    };
    let brings_shipping = known.shipping.is_none() && given.shipping.is_some();
    let brings_billing = known.billing.is_none() && given.billing.is_some();
    let brings_the_shop = bearer == Bearer::Shop && *first == Bearer::Browser;
    if !brings_shipping && !brings_billing && !brings_the_shop {
        return;
    }
    if let Some(Attempt { given: known, bearer: first, .. }) = draft.change_attempt(attempt) {
        if brings_the_shop {
            *first = Bearer::Shop;
        }
        known.shipping = known.shipping.take().or_else(|| given.shipping.clone());
        known.billing = known.billing.take().or_else(|| given.billing.clone());
    }
}

/// Whether it must be recorded that the buyer waits for this attempt: not if that was recorded within the
/// last minute, or no longer matters.
///
/// A buyer who was away for longer than the window counts as gone for good: a shop that repeats its own call
/// hours after an outage must not charge a buyer who has left.
#[must_use]
pub fn is_buyer_news(
    checkout: &Checkout,
    attempt: AttemptNumber,
    now: Timestamp,
    rules: &MerchantRules,
) -> bool {
    checkout.attempt(attempt).is_some_and(|attempt| {
        let is_new = now.since(attempt.buyer_seen_at) >= BUYER_SEEN_GRAIN;
        !attempt.state.is_final() && is_new && attempt.is_buyer_here(now, rules)
    })
}

/// Records that the buyer still waits, if [`is_buyer_news`].
pub fn note_buyer(draft: &mut Draft, attempt: AttemptNumber) {
    let now = draft.now;
    if !is_buyer_news(draft.checkout(), attempt, now, &draft.rules) {
        return;
    }
    let Some(attempt) = draft.change_attempt(attempt) else { return };
    attempt.buyer_seen_at = now;
    let look = match &mut attempt.state {
        AttemptState::Finalize(InFlight::InDoubt(doubt)) => &mut doubt.look,
        AttemptState::Pending { look, .. } => look,
        AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => return,
    };
    if now < look.at {
        // Somebody waits again, so the next look is now, however long the pauses have become. This extra look
        // does not lengthen them.
        *look = LookSchedule { at: now, count: look.count.saturating_sub(1) };
    }
}
