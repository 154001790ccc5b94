//! The orders of one cart: a shop that has lost the buyer's cookie registers the same cart under another order
//! number, and the buyer must not pay for both. While one order of a cart may be paid, no Finalize of another
//! leaves: it waits, and goes on once the first is proved unpaid or is undone.
//!
//! The orders are separate documents. What joins them is one claim a cart, which names the orders that may be
//! paid: the change set that makes a Finalize durable also writes or requires the claim, and requires each order
//! that the claim named as it was read. So of two orders that are about to be sent, one is decided again. An order
//! that may be paid without such a send (another client completed its session, a person decided, or nothing explains
//! a permission that names it) joins the claim in the change set that records this.

use super::Checkout;
use super::cancellation::CancellationState;
use super::cart::{Cart, CartKey, CartSight, SupersedesRefused};
use super::draft::Draft;
use super::verdict::Verdict;
use crate::ids::CheckoutId;
use crate::merchant::attempt::not_approved::{stand_back, to_look_at};
use crate::merchant::attempt::{Attempt, AttemptState, NotApproved};
use crate::merchant::call::InFlight;
use crate::merchant::event::AttemptEvent;
use crate::merchant::number::AttemptNumber;
use crate::merchant::rules::{CART_LOOK, CART_LOOK_LATER, LOOKED_AT_JUST_NOW};
use crate::money::Currency;
use crate::time::Timestamp;

/// What the others mean: the first of them that may be paid counts. One whose session was refused is in doubt until
/// Amazon has shown that session just before.
#[must_use]
pub fn sight_of<'a>(others: impl IntoIterator<Item = &'a Checkout>, now: Timestamp) -> CartSight {
    let in_doubt = |other: &Checkout| match other.cancellation {
        // What is being undone is soon not paid any more, except for what the cancellation leaves.
        Some(_) => !other.leaves_money(),
        None => matches!(other.verdict(), Verdict::Checking(_) | Verdict::Pending(_)),
    };
    let is_unseen = |other: &Checkout| !to_look_at(other, now.minus(LOOKED_AT_JUST_NOW), now).is_empty();
    let mut sight = CartSight::Free;
    for other in others {
        match other.may_be_paid() {
            true if !in_doubt(other) => sight = CartSight::Paid(other.id.clone()),
            false if !is_unseen(other) => {}
            true | false => return CartSight::InDoubt(other.id.clone()),
        }
    }
    sight
}

impl Checkout {
    /// Whether the claim of its cart must name it: it may be paid, or a session that was refused may turn out to be
    /// paid.
    #[must_use]
    pub fn may_turn_out_paid(&self) -> bool {
        let is_refused = |attempt: &Attempt| {
            attempt.refusal.is_some() || matches!(attempt.state, AttemptState::NotApproved(_))
        };
        self.may_be_paid() || self.attempts.iter().any(is_refused)
    }

    /// Whether the buyer's money may be held or kept for this order, as far as is known.
    #[must_use]
    pub fn may_be_paid(&self) -> bool {
        let is_undone = match self.cancellation.as_ref().map(|cancellation| cancellation.state) {
            Some(CancellationState::Done { remind_at: None, .. }) => !self.leaves_money(),
            Some(
                CancellationState::Done { remind_at: Some(_), .. } | CancellationState::Requested { .. },
            )
            | None => false,
        };
        // A cancellation undoes what was proved; it ends no doubt that came up after it was finished.
        let is_undone_with_it = |state: &AttemptState| {
            is_undone && (matches!(state, AttemptState::Completed { .. }) || state.is_refunding())
        };
        let may_be_paid =
            |state: &AttemptState| (state.is_live() || state.is_contradicted()) && !is_undone_with_it(state);
        self.is_unexplained()
            || self.decisions.is_payment_disputed()
            || self.attempts.iter().any(|attempt| may_be_paid(&attempt.state))
    }
}

/// Whether the first send of an attempt must wait for another order of the cart, or its next one after it was not
/// approved. If the others were not read with this decision, it must. What is in doubt is not compared any more
/// then, and is looked up.
pub(in crate::merchant) fn must_wait(draft: &mut Draft, number: AttemptNumber) -> bool {
    let checkout = draft.checkout();
    let may_wait = |state: &AttemptState| state.is_unsent() || state.asked_again().is_some();
    let Some(attempt) = checkout.attempt(number).filter(|attempt| may_wait(&attempt.state)) else {
        return false;
    };
    if checkout.cart.is_none() || checkout.cancellation.is_some() {
        return false;
    }
    if attempt.state.doubt().is_some() {
        let is_free = draft.cart_sight() == Some(&CartSight::Free);
        if !is_free {
            stand_back(draft, number);
        }
        return !is_free;
    }
    let is_here = attempt.is_buyer_here(draft.now, &draft.rules);
    let soon = if is_here { CART_LOOK } else { CART_LOOK_LATER };
    let (other, pause) = match draft.cart_sight() {
        Some(CartSight::Free) => {
            if attempt.waits_for.is_some()
                && let Some(attempt) = draft.change_attempt(number)
            {
                attempt.waits_for = None;
            }
            return false;
        }
        Some(CartSight::InDoubt(other)) => (Some(other.clone()), soon),
        Some(CartSight::Paid(other)) => (Some(other.clone()), CART_LOOK_LATER),
        None => (attempt.waits_for.clone(), soon),
    };
    let is_news = attempt.waits_for != other;
    let retry_at = draft.now.plus(pause);
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.waits_for.clone_from(&other);
        set_retry(&mut attempt.state, retry_at);
    }
    if let Some(other) = other.filter(|_| is_news) {
        draft.emit(number, AttemptEvent::WaitsForOrder(other));
    }
    true
}

/// Makes an attempt that waits for another order of the cart due: that order may not be paid any more.
pub fn wake(draft: &mut Draft, number: AttemptNumber) {
    let now = draft.now;
    if let Some(attempt) = draft.change_attempt(number).filter(|attempt| attempt.waits_for.is_some()) {
        set_retry(&mut attempt.state, now);
    }
}

fn set_retry(state: &mut AttemptState, at: Timestamp) {
    if let AttemptState::Bound { retry_at, .. }
    | AttemptState::Finalize(InFlight::Recorded { retry_at, .. }) = state
    {
        *retry_at = at;
    } else if let AttemptState::NotApproved(NotApproved { asked_again: Some(asked_again), .. }) = state {
        *asked_again = at;
    }
}

/// The cart of an order that takes the place of another, and whether it may.
///
/// # Errors
/// The first broken rule.
pub fn superseding(
    first: &Checkout,
    cart_id: Option<&str>,
    currency: Currency,
) -> Result<Cart, SupersedesRefused> {
    if first.superseded_by.is_some() {
        return Err(SupersedesRefused::Superseded);
    }
    if first.cancellation.is_some() {
        return Err(SupersedesRefused::Canceled);
    }
    if first.terms.charge_amount.currency() != currency {
        return Err(SupersedesRefused::OtherCurrency);
    }
    let key = match (first.cart.as_ref().map(|cart| &cart.key), cart_id) {
        (Some(CartKey::Named(known)), Some(cart_id)) if known == cart_id => CartKey::Named(known.clone()),
        (Some(_), Some(_)) => return Err(SupersedesRefused::OtherCart),
        (Some(known), None) => known.clone(),
        (None, Some(cart_id)) => CartKey::Named(cart_id.into()),
        (None, None) => CartKey::Of(first.id.clone()),
    };
    Ok(Cart { key, supersedes: Some(first.id.clone()) })
}

/// Records which order has taken the place of this one.
pub fn supersede(draft: &mut Draft, by: &CheckoutId) {
    draft.change().superseded_by = Some(by.clone());
}
