//! What happens when a permission is heard of that names an order, but that no session of the order is known
//! to have made: every session of the order is looked at, and nothing else is done because of it.
//!
//! ```text
//! heard of ─▶ Heard ──every session, the permission, its charges──▶ a session names it: the attempt's own rules
//!               │                                                    no money: Over (Noted)
//!               │                                                    captured: Open
//!               └─held, or not shown─▶ Watched ──25 hours after its creation, still held──▶ Open
//! Open ──returned in full, of another order, or decided by a person──▶ Over
//! ```
//!
//! An authorization can exist before Finalize, and Amazon cancels it within 24 hours: so money that is held is
//! not unexplained before 25 hours have passed. While the sessions have not all been looked at, and while one
//! is Open, no Finalize of the order leaves. Every state that is not over has a timer; each look is
//! rescheduled in the commit before its requests, so a crash costs one look.

use alloc::vec::Vec;

use super::returning;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId};
use crate::merchant::attempt::agree::SessionView;
use crate::merchant::attempt::look::session_seen;
use crate::merchant::attempt::sends::Sends;
use crate::merchant::attempt::{Attempt, AttemptState, Bearer, Completion, GivenAddresses, UnresolvedReason};
use crate::merchant::call::{InFlight, LookSchedule};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::checkout::unexplained::{
    Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState,
};
use crate::merchant::event::{AttemptEvent, PaymentEvent};
use crate::merchant::next::{BoundSession, NextStep};
use crate::merchant::number::AttemptNumber;
use crate::merchant::payment::charge::{AmazonChargeState, ChargeOrigin, ChargeState, ChargeView};
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::payment::permission::{PermissionMoney, PermissionState};
use crate::merchant::payment::refund::RefundView;
use crate::merchant::proof::{ExpectedCharge, Proof, charge_proof};
use crate::merchant::rules::{
    FORGOTTEN_AFTER, HELD_UNTIL_UNEXPLAINED, Integration, TAKEN_UNTIL_UNEXPLAINED, next_evidence_look,
};
use crate::money::Money;
use crate::terms::PaymentIntent;
use crate::time::Timestamp;

/// Whether an order remembers a permission that was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It does, and its timer does the rest.
    Taken,
    /// It remembers as many others as an order may.
    Full,
}

/// Everything that Amazon has shown about a permission that names the order. What is not shown proves
/// nothing, and is asked for again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The order's sessions, as far as they were shown.
    pub sessions: Vec<(AttemptNumber, SessionView)>,
    /// The permission.
    pub permission: Option<PermissionMoney>,
    /// The charges under it that are known.
    pub charges: Vec<ChargeView>,
    /// The refund that returns its money, if there is one.
    pub refund: Option<RefundView>,
    /// Who else has the permission.
    pub holder: Holder,
}

impl Evidence {
    /// Whether a session of the order was shown Completed, and names a permission.
    #[must_use]
    pub fn is_named_by_a_session(&self, permission: &ChargePermissionId) -> bool {
        self.sessions.iter().any(|(_, view)| match view {
            SessionView::Completed { charge_permission_id, .. } => {
                charge_permission_id.as_ref() == Some(permission)
            }
            SessionView::Open(_) | SessionView::Canceled { .. } | SessionView::NotFound(_) => false,
        })
    }
}

/// Whether another order of this store has a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holder {
    /// None has.
    #[default]
    Nobody,
    /// Another order is known to be paid by it.
    AnotherOrder,
}

/// Why a permission cannot become the order's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptionRefused {
    /// The order knows no such permission, or it is over.
    NotUndecided,
    /// The order has another payment, or one that is not decided yet.
    AlreadyPaid,
    /// Amazon shows something that is not what the terms ask for.
    Contradicts(Misfit),
    /// Amazon has not shown everything that must be equal; the reason, in words.
    NotShown(&'static str),
}

/// Records that a permission was heard of, at an instant: by a notification about it, or about a charge under
/// it. The sessions are looked at now, unless they were asked for since that instant.
pub fn heard(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    charge: Option<&ChargeId>,
    received_at: Timestamp,
) -> Hearing {
    let now = draft.now;
    if draft.checkout().knows(permission) {
        return Hearing::Taken;
    }
    let Some(known) = draft.checkout().heard_of(permission) else {
        let Some(known) = draft.remember(permission) else { return Hearing::Full };
        if let Some(charge) = charge {
            known.note_charge(charge);
        }
        return Hearing::Taken;
    };
    let is_new = charge.is_some_and(|id| !known.charge_ids.contains(id));
    let is_asked_since = known.asked_at.is_some_and(|at| at > received_at && at <= now);
    match &known.state {
        UnexplainedState::Over {
            end: UnexplainedEnd::Returned | UnexplainedEnd::Ours | UnexplainedEnd::NotOurs,
            ..
        } => return Hearing::Taken,
        // The other order may not have it any more.
        UnexplainedState::Over { end: UnexplainedEnd::Noted | UnexplainedEnd::OfAnotherOrder, .. }
        | UnexplainedState::Heard { .. }
        | UnexplainedState::Watched { .. }
        | UnexplainedState::Open { .. } => {}
    }
    if is_asked_since && !is_new {
        return Hearing::Taken;
    }
    let Some(known) = draft.change_heard(permission) else { return Hearing::Taken };
    if let Some(charge) = charge.filter(|_| is_new) {
        known.note_charge(charge);
    }
    match &mut known.state {
        UnexplainedState::Heard { look }
        | UnexplainedState::Watched { look }
        | UnexplainedState::Open { look, .. } => *look = LookSchedule::sooner(Some(*look), now),
        state @ UnexplainedState::Over { .. } => {
            *state = UnexplainedState::Heard { look: LookSchedule::now(now) };
        }
    }
    Hearing::Taken
}

/// Takes up one permission that is due: reschedules its timer, and returns the next step. `None` when none is
/// due.
pub(super) fn take_up(draft: &mut Draft) -> Option<NextStep> {
    let now = draft.now;
    let is_due = |it: &&Unexplained| it.state.look().is_some_and(|look| look.at <= now);
    let permission = draft.checkout().unexplained.iter().find(is_due)?.charge_permission_id.clone();
    let known = draft.change_heard(&permission)?;
    known.asked_at = Some(now);
    let is_returning = known.is_returning();
    match &mut known.state {
        UnexplainedState::Open { look, .. } if is_returning => *look = look.next(now),
        UnexplainedState::Open { since, look, .. } => {
            *look = LookSchedule { at: next_evidence_look(*since, now), count: look.count.saturating_add(1) };
        }
        UnexplainedState::Heard { look } | UnexplainedState::Watched { look } => *look = look.next(now),
        UnexplainedState::Over { .. } => return None,
    }
    Some(NextStep::LookAtHeard(permission))
}

/// The sessions that may have made a permission of which nothing is known: those of this order whose own
/// permission is not known.
#[must_use]
pub fn sessions_to_ask(checkout: &Checkout) -> Vec<BoundSession> {
    let may_have_made = |attempt: &&Attempt| {
        attempt.state.ids().is_none() && !matches!(attempt.state, AttemptState::Released { .. })
    };
    let asked = checkout.attempts.iter().filter(may_have_made);
    asked.map(|it| BoundSession { attempt: it.number, id: it.checkout_session_id.clone() }).collect()
}

/// Judges a permission that was heard of by everything that Amazon has shown since; returns the next step.
pub fn heard_seen(draft: &mut Draft, permission: &ChargePermissionId, evidence: &Evidence) -> NextStep {
    let known = draft.checkout().heard_of(permission);
    if known.is_none_or(|known| matches!(known.state, UnexplainedState::Over { .. })) {
        return NextStep::Rest;
    }
    if evidence.holder == Holder::AnotherOrder && !evidence.is_named_by_a_session(permission) {
        of_another_order(draft, permission, evidence);
        return NextStep::Rest;
    }
    let mut next = NextStep::Rest;
    let mut named_by = None;
    for (number, view) in &evidence.sessions {
        let Some(attempt) = draft.checkout().attempt(*number) else { continue };
        let class = SessionClass::of(attempt);
        match view {
            SessionView::Completed { charge_permission_id, charge_id } => {
                // A completed session that names nothing may well be the one.
                let named = charge_permission_id.as_ref().unwrap_or(permission);
                if named == permission {
                    named_by = Some((*number, class));
                    learn_charge(draft, permission, charge_id.as_ref());
                } else if class == SessionClass::Settled {
                    if !draft.checkout().knows(named) {
                        draft.remember_own(named);
                    }
                    heard(draft, named, charge_id.as_ref(), draft.now);
                }
                if class == SessionClass::Looked {
                    next = session_seen(draft, *number, view);
                    // Beside the order's payment, what it has paid is judged here.
                    let after = draft.checkout().attempt(*number).map(SessionClass::of);
                    named_by = named_by
                        .map(|(named, class)| (named, after.filter(|_| named == *number).unwrap_or(class)));
                }
            }
            SessionView::Open(session) if session.charge_permission_id.as_ref() == Some(permission) => {
                named_by = Some((*number, SessionClass::Open));
            }
            SessionView::Open(_) | SessionView::Canceled { .. } | SessionView::NotFound(_) => {}
        }
    }
    let amounts = money_shown(draft.checkout().heard_of(permission), permission, evidence);
    if let Some(known) = draft.change_heard(permission) {
        known.amount = amounts.amount().or(known.amount);
    }
    let is_taken = matches!(amounts, MoneyShown::Taken(_));
    // It was shown to be Completed, or its money to be there.
    let is_followed = draft
        .checkout()
        .heard_of(permission)
        .is_some_and(|known| known.attempt.is_some() || known.state.is_open());
    match named_by {
        // The session cannot be open any more: it was shown as it was before.
        Some((_, SessionClass::Open)) if is_taken || is_followed => {
            stay_bounded(draft, permission, evidence, amounts);
        }
        // An authorization can exist before Finalize.
        Some((_, SessionClass::Open)) => end(draft, permission, UnexplainedEnd::Noted),
        Some((number, SessionClass::Settled)) => of_settled(draft, permission, number, evidence, amounts),
        // What the session shows is up to the attempt's own rules; the permission is forgotten once the
        // attempt has it.
        Some((number, SessionClass::Looked | SessionClass::OnItsWay)) => {
            if !adopted_by_rule(draft, permission, Some(number), evidence) {
                watch(draft, permission, None);
            }
        }
        None if lacks_a_session(draft.checkout(), evidence) => {
            stay_bounded(draft, permission, evidence, amounts);
        }
        None => of_no_session(draft, permission, evidence, amounts),
    }
    let step = returning::go_on(draft, permission, &evidence.charges, evidence.refund.as_ref());
    if step == NextStep::Rest { next } else { step }
}

/// What an attempt has to do with a session that turns out to be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionClass {
    /// Its answer is still expected, or it is about to be compared: its own timer asks.
    OnItsWay,
    /// It is in doubt or unresolved: what the session shows is applied.
    Looked,
    /// It counts as over and without a payment of its own.
    Settled,
    /// The session is still open.
    Open,
}

impl SessionClass {
    const fn of(attempt: &Attempt) -> Self {
        match &attempt.state {
            AttemptState::Bound { .. }
            | AttemptState::Finalize(InFlight::Recorded { .. } | InFlight::Sent { .. })
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::Released { .. } => Self::OnItsWay,
            AttemptState::Finalize(InFlight::InDoubt(_))
            | AttemptState::NotApproved(_)
            | AttemptState::Unresolved { .. } => Self::Looked,
            AttemptState::NotPaid { .. } | AttemptState::Surplus { .. } => Self::Settled,
        }
    }
}

fn lacks_a_session(checkout: &Checkout, evidence: &Evidence) -> bool {
    let is_shown =
        |session: &BoundSession| evidence.sessions.iter().any(|(number, _)| *number == session.attempt);
    !sessions_to_ask(checkout).iter().all(is_shown)
}

/// Handles a permission that another order has, and that no session of this one was shown to name. While a session was
/// not shown, it may be the one that does; that is waited for for an hour, because it is heard of again otherwise.
fn of_another_order(draft: &mut Draft, permission: &ChargePermissionId, evidence: &Evidence) {
    let heard_at = draft.checkout().heard_of(permission).map_or(draft.now, |known| known.heard_at);
    let is_awaited = draft.now.since(heard_at) < TAKEN_UNTIL_UNEXPLAINED;
    if is_awaited && lacks_a_session(draft.checkout(), evidence) {
        return stay(draft, permission);
    }
    end(draft, permission, UnexplainedEnd::OfAnotherOrder);
}

/// Handles a permission that is named by a session that counts as unpaid, or that was never finalized here.
fn of_settled(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    number: AttemptNumber,
    evidence: &Evidence,
    amounts: MoneyShown,
) {
    if let Some(known) = draft.change_heard(permission) {
        known.attempt = Some(number);
    }
    let confirms = draft.checkout().terms.payment_intent == PaymentIntent::Confirm;
    let is_closed =
        evidence.permission.as_ref().is_none_or(|shown| matches!(shown.state, PermissionState::Closed(_)));
    match amounts {
        MoneyShown::Unknown => return stay_bounded(draft, permission, evidence, amounts),
        MoneyShown::Nothing if confirms && !is_closed => {}
        MoneyShown::Nothing => return without_money(draft, permission),
        MoneyShown::Taken(_) | MoneyShown::Held(_) => {}
    }
    if draft.checkout().is_paid_or_pending() {
        return open(draft, permission, UnexplainedReason::PaidTwice);
    }
    let is_unpaid = |attempt: &Attempt| matches!(attempt.state, AttemptState::NotPaid { charge: None, .. });
    let charge = draft.checkout().heard_of(permission).and_then(Unexplained::charge_id).cloned();
    match charge {
        Some(charge) if draft.checkout().attempt(number).is_some_and(is_unpaid) => {
            draft.contradict_unpaid(number, permission, &charge);
            // While another order has it, it contradicts nothing: whose it is shows.
            if !draft.checkout().attempt(number).is_some_and(|it| it.state.is_contradicted()) {
                stay_bounded(draft, permission, evidence, amounts);
            }
        }
        Some(_) | None => open(draft, permission, UnexplainedReason::CompletedElsewhere),
    }
}

/// Handles a permission that no session of the order names.
fn of_no_session(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    evidence: &Evidence,
    amounts: MoneyShown,
) {
    let now = draft.now;
    match amounts {
        MoneyShown::Taken(_) => {}
        MoneyShown::Held(_) => {
            let judged_at = created_at(draft, permission, evidence).plus(HELD_UNTIL_UNEXPLAINED);
            if now < judged_at {
                return watch(draft, permission, Some(judged_at));
            }
            // This machine's clock cannot show how old it is.
            if draft.rules.hold_expiries {
                return watch(draft, permission, None);
            }
        }
        MoneyShown::Nothing => return without_money(draft, permission),
        MoneyShown::Unknown => return unless_forgotten(draft, permission),
    }
    if is_finalizing(draft.checkout()) {
        // The Finalize that is on its way may have made it, and the session may be shown as it was before.
        return watch(draft, permission, None);
    }
    if !adopted_by_rule(draft, permission, None, evidence) {
        open(draft, permission, UnexplainedReason::NoSession);
    }
}

fn is_finalizing(checkout: &Checkout) -> bool {
    let is_sent = |it: &Attempt| matches!(it.state, AttemptState::Finalize(InFlight::Sent { .. }));
    checkout.attempts.iter().any(is_sent)
}

/// When a permission was created or, if Amazon has not shown that, when it was heard of. An instant later than
/// now proves nothing.
fn created_at(draft: &Draft, permission: &ChargePermissionId, evidence: &Evidence) -> Timestamp {
    let now = draft.now;
    let heard_at = draft.checkout().heard_of(permission).map_or(now, |known| known.heard_at);
    let shown = evidence.permission.as_ref().and_then(|shown| shown.created_at);
    let of_charges = evidence.charges.iter().filter_map(|charge| charge.created_at);
    shown.into_iter().chain(of_charges).filter(|at| *at <= now).min().unwrap_or(heard_at)
}

/// Ends the watch over a permission under which Amazon shows no money.
fn without_money(draft: &mut Draft, permission: &ChargePermissionId) {
    let was_open = draft.checkout().heard_of(permission).is_some_and(|known| known.state.is_open());
    end(draft, permission, if was_open { UnexplainedEnd::Returned } else { UnexplainedEnd::Noted });
}

/// Looks again later at a permission whose money Amazon has not shown, unless that has lasted for longer than
/// Amazon keeps a session.
fn unless_forgotten(draft: &mut Draft, permission: &ChargePermissionId) {
    let now = draft.now;
    let Some(known) = draft.checkout().heard_of(permission) else { return };
    if !known.state.is_open() && now.since(known.heard_at) >= FORGOTTEN_AFTER {
        return end(draft, permission, UnexplainedEnd::Noted);
    }
    watch(draft, permission, None);
}

/// Keeps a permission in its state while a session, or what it has paid, is not shown. The order is held
/// meanwhile, so that lasts for an hour if money is captured, and for as long as money may be held otherwise;
/// then it is unexplained, unless there is no money.
fn stay_bounded(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    evidence: &Evidence,
    amounts: MoneyShown,
) {
    let now = draft.now;
    let Some(known) = draft.checkout().heard_of(permission) else { return };
    let lasting = now.since(known.heard_at);
    let reason = match (known.attempt.is_some(), draft.checkout().is_paid_or_pending()) {
        (true, true) => UnexplainedReason::PaidTwice,
        (true, false) => UnexplainedReason::CompletedElsewhere,
        (false, _) => UnexplainedReason::NoSession,
    };
    let is_due = match amounts {
        MoneyShown::Taken(_) => lasting >= TAKEN_UNTIL_UNEXPLAINED,
        MoneyShown::Held(_) => {
            let judged_at = created_at(draft, permission, evidence).plus(HELD_UNTIL_UNEXPLAINED);
            lasting >= TAKEN_UNTIL_UNEXPLAINED && now >= judged_at && !draft.rules.hold_expiries
        }
        MoneyShown::Nothing | MoneyShown::Unknown => {
            lasting >= HELD_UNTIL_UNEXPLAINED && !draft.rules.hold_expiries
        }
    };
    match amounts {
        MoneyShown::Nothing if is_due => without_money(draft, permission),
        MoneyShown::Taken(_) | MoneyShown::Held(_) | MoneyShown::Unknown if is_due => {
            open(draft, permission, reason);
        }
        MoneyShown::Taken(_) | MoneyShown::Held(_) | MoneyShown::Nothing | MoneyShown::Unknown => {
            stay(draft, permission);
        }
    }
}

/// Keeps a permission in its state; its timer was rescheduled when it was taken up.
fn stay(draft: &mut Draft, permission: &ChargePermissionId) {
    let now = draft.now;
    let Some(known) = draft.change_heard(permission) else { return };
    if let Some(look) = known.state.look_mut().filter(|look| look.at <= now) {
        *look = look.next(now);
    }
}

/// Watches a permission that is not unexplained so far. One that is unexplained stays so.
fn watch(draft: &mut Draft, permission: &ChargePermissionId, until: Option<Timestamp>) {
    let now = draft.now;
    let Some(known) = draft.change_heard(permission) else { return };
    let Some(look) = known.state.look() else { return };
    let look = match until {
        Some(at) => LookSchedule { at, count: look.count },
        None if look.at > now => look,
        None => look.next(now),
    };
    if !known.state.is_open() {
        known.state = UnexplainedState::Watched { look };
    }
}

/// Notifies the shop and the operator, once, that a permission is unexplained.
fn open(draft: &mut Draft, permission: &ChargePermissionId, reason: UnexplainedReason) {
    let now = draft.now;
    let Some(known) = draft.change_heard(permission) else { return };
    if let UnexplainedState::Open { reason: known, .. } = &mut known.state {
        if reason == UnexplainedReason::PaidTwice {
            *known = reason;
        }
        return;
    }
    let look = LookSchedule { at: next_evidence_look(now, now), count: 0 };
    known.state = UnexplainedState::Open { reason, since: now, look };
    draft.emit_for_payment(PaymentEvent::Unexplained(permission.clone()));
}

/// Ends the watch over a permission.
fn end(draft: &mut Draft, permission: &ChargePermissionId, end: UnexplainedEnd) {
    let at = draft.now;
    let Some(known) = draft.change_heard(permission) else { return };
    let was_open = known.state.is_open();
    known.state = UnexplainedState::Over { end, at };
    let id = permission.clone();
    draft.emit_for_payment(if was_open {
        PaymentEvent::UnexplainedSettled(id)
    } else {
        PaymentEvent::PermissionNoted(id)
    });
}

fn learn_charge(draft: &mut Draft, permission: &ChargePermissionId, charge: Option<&ChargeId>) {
    let Some(charge) = charge else { return };
    let is_known = |known: &Unexplained| known.charge_ids.contains(charge);
    if !draft.checkout().heard_of(permission).is_none_or(is_known)
        && let Some(known) = draft.change_heard(permission)
    {
        known.note_charge(charge);
    }
}

/// The money that Amazon shows under a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MoneyShown {
    /// Some of it is captured; how much, if that can be read.
    Taken(Option<Money>),
    /// It is held, or it is not shown whether it is captured.
    Held(Option<Money>),
    /// There is none.
    Nothing,
    /// Amazon has not shown it.
    Unknown,
}

impl MoneyShown {
    const fn amount(self) -> Option<Money> {
        match self {
            Self::Taken(amount) | Self::Held(amount) => amount,
            Self::Nothing | Self::Unknown => None,
        }
    }
}

/// Adds money of one currency; money of another one is left out.
fn plus(total: Option<Money>, more: Money) -> Option<Money> {
    match total {
        None => Some(more),
        Some(total) if total.currency() == more.currency() => {
            Some(Money::sum(total.currency(), [total, more]))
        }
        Some(total) => Some(total),
    }
}

/// Adds up the money under a permission: by its charges as far as they are known and, for the rest, by the
/// permission's own limit and balance.
fn money_shown(
    known: Option<&Unexplained>,
    permission: &ChargePermissionId,
    evidence: &Evidence,
) -> MoneyShown {
    use AmazonChargeState::{
        AuthorizationInitiated, Authorized, Canceled, CaptureInitiated, Captured, Declined,
    };
    let (mut total, mut accounted) = (None, None);
    let (mut is_taken, mut is_held) = (false, false);
    let is_under =
        |charge: &&ChargeView| charge.charge_permission_id.as_ref().is_none_or(|it| it == permission);
    let charges: Vec<_> = evidence.charges.iter().filter(is_under).collect();
    for charge in &charges {
        let asked = charge.seen.charge_amount.shown();
        match charge.seen.state {
            Captured => {
                let captured = charge.captured.shown().or(asked);
                accounted = captured.map_or(accounted, |captured| plus(accounted, captured));
                let refunded = charge.refunded.shown();
                match captured {
                    Some(captured) => {
                        let same = refunded.filter(|it| it.currency() == captured.currency());
                        let left = captured.less(same.unwrap_or(Money::zero(captured.currency())));
                        if !left.is_zero() {
                            is_taken = true;
                            total = plus(total, left);
                        }
                    }
                    None => is_taken = true,
                }
            }
            AuthorizationInitiated | Authorized | CaptureInitiated => {
                is_held = true;
                if let Some(asked) = asked {
                    (total, accounted) = (plus(total, asked), plus(accounted, asked));
                }
            }
            Declined | Canceled => {}
        }
    }
    let used = evidence.permission.as_ref().and_then(PermissionMoney::used);
    if let Some(used) = used {
        let accounted = accounted.filter(|it| it.currency() == used.currency());
        let rest = used.less(accounted.unwrap_or(Money::zero(used.currency())));
        if !rest.is_zero() {
            total = plus(total, rest);
            let is_spent = evidence.permission.as_ref().is_some_and(PermissionMoney::is_spent);
            is_taken |= is_spent;
            is_held |= !is_spent;
        }
    }
    let is_shown = |id: &ChargeId| evidence.charges.iter().any(|charge| charge.id == *id);
    let is_open = |shown: &PermissionMoney| !matches!(shown.state, PermissionState::Closed(_));
    let lacks_a_charge = evidence.permission.as_ref().is_none_or(is_open)
        && known.is_some_and(|known| !known.charge_ids.iter().all(is_shown));
    match (is_taken, is_held) {
        (true, _) => MoneyShown::Taken(total),
        (false, true) => MoneyShown::Held(total),
        // A charge that was named may hold money, whatever an older copy of the permission shows.
        (false, false) if lacks_a_charge => MoneyShown::Unknown,
        (false, false) if used.is_some() => MoneyShown::Nothing,
        (false, false) if evidence.permission.is_some() && !charges.is_empty() => MoneyShown::Nothing,
        (false, false) => MoneyShown::Unknown,
    }
}

/// Makes a permission the order's payment if the operator has said that only this store finalizes for the
/// account. Returns whether it did.
fn adopted_by_rule(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    number: Option<AttemptNumber>,
    evidence: &Evidence,
) -> bool {
    match draft.rules.policy.integration {
        Integration::OneOfSeveral => return false,
        Integration::Sole => {}
    }
    let is_completed_elsewhere = |attempt: &Attempt| {
        let AttemptState::Unresolved { reason, .. } = &attempt.state else { return false };
        *reason == UnresolvedReason::CompletedElsewhere
    };
    match number {
        Some(number) if !draft.checkout().attempt(number).is_some_and(is_completed_elsewhere) => false,
        Some(_) | None => take(draft, permission, number, evidence).is_ok(),
    }
}

/// A person has decided that a permission is this order's payment: it becomes that, if everything that must be
/// equal is shown and equal.
///
/// # Errors
/// See [`AdoptionRefused`]; then nothing is changed.
pub fn adopt(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    evidence: &Evidence,
) -> Result<(), AdoptionRefused> {
    let number = draft.checkout().undecided(permission).ok_or(AdoptionRefused::NotUndecided)?.attempt;
    take(draft, permission, number, evidence)?;
    let (at, end) = (draft.now, UnexplainedEnd::Ours);
    if let Some(known) = draft.change_heard(permission) {
        let was_open = known.state.is_open();
        known.state = UnexplainedState::Over { end, at };
        if was_open {
            draft.emit_for_payment(PaymentEvent::UnexplainedSettled(permission.clone()));
        }
    }
    Ok(())
}

/// A person has decided that a permission is not this order's payment: the order goes on.
///
/// # Errors
/// [`AdoptionRefused::NotUndecided`].
pub fn decide_not_ours(draft: &mut Draft, permission: &ChargePermissionId) -> Result<(), AdoptionRefused> {
    draft.checkout().undecided(permission).ok_or(AdoptionRefused::NotUndecided)?;
    end(draft, permission, UnexplainedEnd::NotOurs);
    Ok(())
}

/// The money under a permission was returned by a person's decision: the order goes on.
///
/// # Errors
/// [`AdoptionRefused::NotUndecided`].
pub fn decide_returned(draft: &mut Draft, permission: &ChargePermissionId) -> Result<(), AdoptionRefused> {
    draft.checkout().undecided(permission).ok_or(AdoptionRefused::NotUndecided)?;
    end(draft, permission, UnexplainedEnd::Returned);
    Ok(())
}

fn take(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    number: Option<AttemptNumber>,
    evidence: &Evidence,
) -> Result<(), AdoptionRefused> {
    let (checkout, now) = (draft.checkout(), draft.now);
    let is_another = |live: &Attempt| number != Some(live.number);
    if checkout.is_paid_or_pending() || checkout.live_attempt().is_some_and(is_another) {
        return Err(AdoptionRefused::AlreadyPaid);
    }
    let charge = fitting(checkout, permission, evidence)?;
    let completion = match charge.clone().map(|(charge, state)| (charge.id.clone(), state)) {
        None => Completion::Confirmed,
        Some((id, ChargeState::Authorized)) => Completion::Authorized(id),
        Some((id, ChargeState::CaptureInitiated)) => Completion::CaptureInitiated(id),
        Some((id, ChargeState::Captured(_))) => Completion::Captured(id),
        Some((
            _,
            ChargeState::AuthorizationInitiated | ChargeState::Declined(_) | ChargeState::Canceled(_),
        )) => return Err(AdoptionRefused::NotShown("a charge that is neither held nor captured")),
    };
    let placeholder = CheckoutSessionId::parse(permission.as_str());
    let placeholder = placeholder.map_err(|_| AdoptionRefused::NotShown("an id of a permission"))?;
    let charge = charge.map(|(charge, _)| charge.clone());
    if draft.misfit_of_ids(number, permission, charge.as_ref().map(|charge| &charge.id)).is_some() {
        return Err(AdoptionRefused::Contradicts(Misfit::OfAnotherAct));
    }
    // Nothing below this line may fail.
    let number = number.unwrap_or_else(|| push_adopted(draft, placeholder));
    let terms_version = draft.checkout().terms_version;
    if let Some(attempt) = draft.change_attempt(number) {
        attempt.terms_version = terms_version;
    }
    let charge_permission_id = permission.clone();
    draft.move_on(number, AttemptState::Completed { completion, charge_permission_id, at: now });
    draft.emit(number, AttemptEvent::Completed);
    if let Some(charge) = charge
        && let Some(mut payment) = draft.payment()
    {
        payment.take_charge(&charge, ChargeOrigin::Finalize);
    }
    Ok(())
}

/// Adds an attempt for a payment whose session is not known. The permission's id takes the place of the
/// session's: see [`Attempt::session`].
fn push_adopted(draft: &mut Draft, placeholder: CheckoutSessionId) -> AttemptNumber {
    let now = draft.now;
    let checkout = draft.change();
    let number = checkout.attempts.last().map_or(AttemptNumber::FIRST, |last| last.number.next());
    checkout.attempts.push(Attempt {
        number,
        checkout_session_id: placeholder,
        given: GivenAddresses::default(),
        bearer: Bearer::Shop,
        bound_at: now,
        buyer_seen_at: now,
        spent_keys: 0,
        refused_keys: 0,
        turned_away: None,
        turned_away_terms: None,
        waits_for: None,
        terms_version: checkout.terms_version,
        account: None,
        refusal: None,
        unreadable_count: 0,
        sends: Sends::default(),
        was_sent: false,
        state: AttemptState::Bound { retry_at: now, missing: None },
    });
    number
}

/// The charge under a permission that is what the terms ask for, with its state; `None` for a permission that is,
/// if nothing is to be charged.
fn fitting<'a>(
    checkout: &Checkout,
    permission: &ChargePermissionId,
    evidence: &'a Evidence,
) -> Result<Option<(&'a ChargeView, ChargeState)>, AdoptionRefused> {
    let terms = &checkout.terms;
    if terms.payment_intent == PaymentIntent::Confirm {
        let shown = evidence.permission.as_ref().ok_or(AdoptionRefused::NotShown("no permission"))?;
        let limit = shown.limit.shown().ok_or(AdoptionRefused::NotShown("a permission without its limit"))?;
        let asked = terms.total_order_amount.unwrap_or(terms.charge_amount);
        if limit.currency() != asked.currency() {
            return Err(AdoptionRefused::Contradicts(Misfit::CurrencyDiffers));
        }
        if limit != asked {
            return Err(AdoptionRefused::Contradicts(Misfit::ChargeAmountDiffers));
        }
        return match shown.state {
            PermissionState::Closed(_) => Err(AdoptionRefused::NotShown("a closed permission")),
            PermissionState::Chargeable | PermissionState::NonChargeable(_) => Ok(None),
        };
    }
    let is_over =
        |it: &&ChargeView| matches!(it.seen.state, AmazonChargeState::Declined | AmazonChargeState::Canceled);
    let mut charges = evidence.charges.iter().filter(|it| !is_over(it));
    let charge = charges.next().ok_or(AdoptionRefused::NotShown("no charge"))?;
    if charges.next().is_some() {
        return Err(AdoptionRefused::Contradicts(Misfit::OfAnotherAct));
    }
    let amount = terms.charge_amount;
    let expected = ExpectedCharge {
        charge_permission_id: permission,
        currency: amount.currency(),
        amount: Some(amount),
        captured: Some(amount),
        excluded: &[],
    };
    match charge_proof(charge, &expected) {
        Proof::Fits(proved) => Ok(Some((charge, proved.state))),
        Proof::Contradicts(misfit) => Err(AdoptionRefused::Contradicts(misfit)),
        Proof::Nothing(why) => Err(AdoptionRefused::NotShown(why)),
    }
}

/// Forgets what is explained by now, because an attempt of the order has the permission, makes second payments
/// of what attempts show beside the order's payment, and lets a bound session go on once nothing holds it back
/// any more.
pub(super) fn settle(draft: &mut Draft) {
    draft.settle_second_payments();
    let checkout = draft.checkout();
    if checkout.unexplained.is_empty() && !draft.was_held() {
        return;
    }
    let is_explained = |it: &Unexplained| {
        !matches!(it.state, UnexplainedState::Over { .. }) && checkout.knows(&it.charge_permission_id)
    };
    let explained: Vec<_> = checkout.unexplained.iter().filter(|it| is_explained(it)).cloned().collect();
    for known in explained {
        let id = known.charge_permission_id;
        draft.change().unexplained.retain(|it| it.charge_permission_id != id);
        if known.state.is_open() {
            draft.emit_for_payment(PaymentEvent::UnexplainedSettled(id));
        }
    }
    if !draft.was_held() || draft.checkout().is_held() {
        return;
    }
    let now = draft.now;
    for attempt in &mut draft.change().attempts {
        if let AttemptState::Bound { retry_at, .. } = &mut attempt.state {
            *retry_at = now.min(*retry_at);
        }
    }
}
