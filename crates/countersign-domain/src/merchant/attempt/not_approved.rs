//! An attempt that Amazon has refused each time because its session was not approved yet: the session was
//! handed over before its buyer had placed the order.
//!
//! ```text
//! InDoubt ──every send answered InvalidCheckoutSessionStatus, and Open──▶ NotApproved ──Canceled──▶ NotPaid
//!    ▲                                                                    │     ▲  │
//!    └────────────────────anything but Open───────────────────────────────┘     │  └─asked for again, and it
//!                                                                               │    agrees──▶ Finalize, new key
//!                                                                               └─it disagrees, or nobody waits
//! ```
//!
//! It blocks no other session, and it is never called unpaid. Only Amazon's Canceled ends it, not this
//! machine's clock. Before another session of the order is sent, it is looked at again.

use super::{Attempt, AttemptState, Bearer, GivenAddresses, NotApproved, RefusalLooks};
use crate::merchant::call::{CallEvent, Doubt, InFlight, LookSchedule, StatusRefusals};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::event::AttemptEvent;
use crate::merchant::next::{BoundSession, NextStep};
use crate::merchant::number::{AttemptNumber, KeyOrdinal};
use crate::merchant::rules::{
    ASK_AGAIN_AFTER, LOOKED_AT_JUST_NOW, NOT_APPROVED_LOOKS, REFUSED_TWICE_AFTER,
    REFUSED_WITHOUT_SENDS_AFTER, doubt_delay,
};
use crate::time::Timestamp;
use alloc::string::ToString;
use alloc::vec::Vec;

impl NotApproved {
    /// Takes it up when it is due.
    pub(super) fn take_up(
        &mut self,
        session: BoundSession,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> NextStep {
        if let Some(at) = &mut self.asked_again
            && *at <= now
        {
            *at = lease_until;
            return NextStep::Agree(session);
        }
        let look = self.doubt.look;
        self.doubt.look =
            LookSchedule { at: now.plus(doubt_delay(look.count)), count: look.count.saturating_add(1) };
        NextStep::LookAtSession(session)
    }
}

impl StatusRefusals {
    /// Records one more of these answers. Each send has one answer.
    pub(super) fn refused(&mut self, send_count: u32) {
        self.count = self.count.saturating_add(1).min(send_count);
        self.open_before = self.open_before.or(self.open_since);
        self.open_since = None;
        self.open_count = 0;
    }

    /// Records that Get showed the session Open.
    fn seen_open(&mut self, names_permission: bool, now: Timestamp) {
        let is_later = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
        // An instant later than now proves nothing.
        let proves_nothing = is_later(self.open_before) || is_later(self.open_since);
        if proves_nothing || (self.names_permission && !names_permission) {
            self.forget_looks();
        }
        if self.count > 0 {
            self.names_permission = names_permission;
            self.open_since = self.open_since.or(Some(now));
            self.open_count = self.open_count.saturating_add(1);
        }
    }

    /// Only the looks in a row count.
    pub(super) const fn forget_looks(&mut self) {
        self.open_before = None;
        self.open_since = None;
        self.open_count = 0;
        self.names_permission = false;
    }

    /// Whether the looks prove that the refusals had no effect, if every send was refused so: two looks with one
    /// more refusal in between, or three without.
    fn is_shown_open(&self, now: Timestamp) -> bool {
        let has_lasted = |since: Option<Timestamp>, long| since.is_some_and(|since| now.since(since) >= long);
        let is_open_now = self.open_count > 0;
        (is_open_now && has_lasted(self.open_before, REFUSED_TWICE_AFTER))
            || (self.open_count >= NOT_APPROVED_LOOKS
                && has_lasted(self.open_since, REFUSED_WITHOUT_SENDS_AFTER))
    }
}

/// Whether every send of an attempt in doubt, under every key, was refused because the session was not
/// approved.
fn is_refused_throughout(attempt: &Attempt, doubt: &Doubt) -> bool {
    attempt.refused_keys == attempt.spent_keys && doubt.refusals.count == doubt.send_count
}

/// Whether every send was refused so, and the looks since then prove it.
fn is_without_effect(attempt: &Attempt, doubt: &Doubt, now: Timestamp) -> bool {
    is_refused_throughout(attempt, doubt) && doubt.refusals.is_shown_open(now)
}

/// Handles an attempt in doubt whose session Get shows Open. Returns whether the attempt is NotApproved from
/// now on.
pub(super) fn doubt_seen_open(
    draft: &mut Draft,
    number: AttemptNumber,
    doubt: &mut Doubt,
    names_permission: bool,
) -> bool {
    let now = draft.now;
    let Some(attempt) = draft.checkout().attempt(number) else { return false };
    doubt.refusals.seen_open(names_permission, now);
    if names_permission || doubt.asked_again.is_some() || !is_without_effect(attempt, doubt, now) {
        return false;
    }
    doubt.look = LookSchedule { at: now.plus(doubt_delay(NOT_APPROVED_PACE)), count: NOT_APPROVED_PACE };
    let spent = doubt.send.n.get();
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.spent_keys = spent;
        attempt.refused_keys = spent;
    }
    let state = NotApproved { doubt: doubt.clone(), seen_at: now, asked_again: None };
    draft.move_on(number, AttemptState::NotApproved(state));
    draft.emit(number, AttemptEvent::NotApproved);
    true
}

/// The look count at which the looks at a session that was not approved begin: after a minute.
const NOT_APPROVED_PACE: u32 = 6;

/// Records that Amazon still shows the session Open.
pub(super) fn still_open(draft: &mut Draft, number: AttemptNumber) {
    let now = draft.now;
    if let Some(AttemptState::NotApproved(waiting)) =
        draft.change_attempt(number).map(|attempt| &mut attempt.state)
    {
        waiting.seen_at = now;
    }
}

/// Puts an attempt that was NotApproved back in doubt, under the key that was sent last. One that is in doubt
/// already is looked at now, instead of being compared.
pub(super) fn doubt_again(draft: &mut Draft, number: AttemptNumber, cause: &str) {
    let now = draft.now;
    if draft.checkout().attempt(number).is_some_and(|it| it.state.doubt().is_some()) {
        stand_back(draft, number);
        return draft.look_now(number);
    }
    let Some(AttemptState::NotApproved(waiting)) = draft.checkout().attempt(number).map(|it| &it.state)
    else {
        return;
    };
    let mut doubt = waiting.doubt.clone();
    doubt.since = now;
    doubt.look = LookSchedule { at: now, count: 0 };
    doubt.alarm_count = 0;
    doubt.refusals.forget_looks();
    doubt.must_be_compared = true;
    let unspent = doubt.send.n.get().saturating_sub(1);
    draft.move_on(number, AttemptState::Finalize(InFlight::InDoubt(doubt)));
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.spent_keys = unspent;
        attempt.refused_keys = unspent;
    }
    draft.emit(number, AttemptEvent::Call(CallEvent::DoubtBegan { cause: cause.to_string() }));
}

/// Records that somebody asks again for a session whose sends were all refused because it was not approved, with
/// the addresses of this call: it is compared with the terms again, and sent under a new key if it agrees. Returns
/// whether the caller is the one that compares it.
///
/// It may still be in doubt, because Amazon shows a permission since: its buyer may have approved it, and under
/// the old key Amazon may answer with the old refusal forever.
pub fn ask_for_again(
    draft: &mut Draft,
    number: AttemptNumber,
    given: &GivenAddresses,
    bearer: Bearer,
) -> bool {
    let now = draft.now;
    let lease_until = now.plus(draft.rules.lease);
    let checkout = draft.checkout();
    let Some(attempt) = checkout.attempt(number) else { return false };
    let is_refused = match &attempt.state {
        AttemptState::NotApproved(_) => true,
        AttemptState::Finalize(InFlight::InDoubt(doubt)) => is_without_effect(attempt, doubt, now),
        AttemptState::Bound { .. }
        | AttemptState::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => false,
    };
    let is_in_hand = attempt.state.asked_again().is_some_and(|at| at > now);
    let is_blocked = checkout.cancellation.is_some() || checkout.live_beside(number).is_some();
    if !is_refused || is_in_hand || is_blocked {
        return false;
    }
    let Some(attempt) = draft.change_attempt(number) else { return false };
    let Some(asked_again) = attempt.state.asked_again_mut() else { return false };
    *asked_again = Some(lease_until);
    if let AttemptState::Finalize(InFlight::InDoubt(doubt)) = &mut attempt.state {
        doubt.must_be_compared = true;
    }
    attempt.buyer_seen_at = now;
    if bearer == Bearer::Shop {
        attempt.bearer = Bearer::Shop;
    }
    let known = &mut attempt.given;
    known.shipping = given.shipping.clone().or_else(|| known.shipping.take());
    known.billing = given.billing.clone().or_else(|| known.billing.take());
    draft.emit(number, AttemptEvent::SessionBound);
    true
}

/// Stops comparing a session that was refused each time: it disagrees with the terms, another attempt is live, or
/// nobody waits for it.
pub(in crate::merchant) fn stand_back(draft: &mut Draft, number: AttemptNumber) {
    let Some(attempt) = draft.change_attempt(number) else { return };
    if let Some(asked_again) = attempt.state.asked_again_mut() {
        *asked_again = None;
        attempt.waits_for = None;
    }
}

/// Asks soon again for a session that was refused each time and about which Get returned nothing.
pub(super) fn compare_later(draft: &mut Draft, number: AttemptNumber) {
    let at = draft.now.plus(ASK_AGAIN_AFTER);
    let asked_again = draft.change_attempt(number).and_then(|attempt| attempt.state.asked_again_mut());
    if let Some(asked_again) = asked_again.filter(|it| it.is_some()) {
        *asked_again = Some(at);
    }
}

/// Keeps an attempt that may not be sent yet, because another session has not been looked at just before.
pub(super) fn wait_for_looks(draft: &mut Draft, number: AttemptNumber) {
    let at = draft.now.plus(ASK_AGAIN_AFTER);
    compare_later(draft, number);
    if let Some(
        AttemptState::Bound { retry_at, .. } | AttemptState::Finalize(InFlight::Recorded { retry_at, .. }),
    ) = draft.change_attempt(number).map(|attempt| &mut attempt.state)
    {
        *retry_at = at;
    }
}

/// The sessions that must be looked at before this attempt is sent, because Amazon has not shown them since
/// this instant.
#[must_use]
pub fn to_look_at_before(
    checkout: &Checkout,
    number: AttemptNumber,
    since: Timestamp,
    now: Timestamp,
) -> Vec<BoundSession> {
    let mut sessions = to_look_at(checkout, since, now);
    sessions.retain(|it| it.attempt != number);
    sessions
}

/// The sessions of an order that must be looked at before another order of its cart is sent, because Amazon has not
/// shown them since this instant.
#[must_use]
pub fn to_look_at(checkout: &Checkout, since: Timestamp, now: Timestamp) -> Vec<BoundSession> {
    let session = |it: &Attempt| BoundSession { attempt: it.number, id: it.checkout_session_id.clone() };
    checkout.attempts.iter().filter(|it| must_be_seen(it, since, now)).map(session).collect()
}

/// Whether an attempt must have been looked at immediately before another one is sent, and was not.
pub(super) fn is_unseen_just_now(checkout: &Checkout, number: AttemptNumber, now: Timestamp) -> bool {
    !to_look_at_before(checkout, number, now.minus(LOOKED_AT_JUST_NOW), now).is_empty()
}

fn must_be_seen(attempt: &Attempt, since: Timestamp, now: Timestamp) -> bool {
    match &attempt.state {
        // An instant later than now proves nothing.
        AttemptState::NotApproved(waiting) => waiting.seen_at < since || waiting.seen_at > now,
        // A refusal alone is believed of its own attempt, and not for another session.
        AttemptState::NotPaid { .. } => attempt.refusal.is_some(),
        AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => false,
    }
}

/// Records that Get showed the session of a refused attempt Open, without a permission: three looks over a
/// minute let it go. Any other look begins again.
pub(super) fn refusal_seen(draft: &mut Draft, number: AttemptNumber, is_open: bool) {
    let now = draft.now;
    let Some(attempt) = draft.change_attempt(number) else { return };
    let Some(looks) = &mut attempt.refusal else { return };
    // An instant later than now proves nothing.
    if !is_open || looks.open_since.is_some_and(|since| since > now) {
        *looks = RefusalLooks::default();
    }
    if !is_open {
        return;
    }
    let since = *looks.open_since.get_or_insert(now);
    looks.open_count = looks.open_count.saturating_add(1);
    if looks.open_count >= NOT_APPROVED_LOOKS && now.since(since) >= REFUSED_WITHOUT_SENDS_AFTER {
        attempt.refusal = None;
    }
}

/// Records that Amazon has shown the result of the session of a refused attempt.
pub(super) fn refusal_settled(draft: &mut Draft, number: AttemptNumber) {
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.refusal = None;
    }
}

/// The doubt about a send that was given up because nothing left under its key: the earlier keys were all
/// refused, so that the attempt may become NotApproved again.
pub(super) fn refused_before(attempt: &mut Attempt, n: KeyOrdinal) -> StatusRefusals {
    let is_refused = attempt.refused_keys >= n.get();
    attempt.refused_keys = attempt.refused_keys.min(n.get().saturating_sub(1));
    StatusRefusals { count: u32::from(is_refused), ..StatusRefusals::default() }
}
