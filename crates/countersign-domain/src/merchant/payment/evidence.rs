//! What Amazon's answers prove about a payment: the one place where a charge, a refund or the permission
//! changes its state. The answers to operations are handled here, and so are the answers to the Gets of
//! timers, of notifications and of the snapshot.
//!
//! Reads may be stale, duplicated and in any order: states only move forward, so the same reads in another
//! order end in the same state, with the same events once. A crash between the read and its write costs a
//! look: the timer that caused the look was rescheduled before it, and fires again.

use alloc::string::ToString;

use super::charge::{Charge, ChargeOrigin, ChargeState, ChargeView, LastSeen};
use super::contest::ClaimedId;
use super::misfit::Misfit;
use super::permission::{Hindrance, PermissionState, PermissionView};
use super::refund::{Refund, RefundState, RefundView};
use crate::ids::ChargeId;
use crate::merchant::call::{InFlight, LookSchedule};
use crate::merchant::checkout::draft::PaymentDraft;
use crate::merchant::event::PaymentEvent;
use crate::merchant::proof::{ExpectedCharge, Proof, ProvedCharge, charge_proof, is_unreadable};
use crate::merchant::rules::{BUYERS_PACE, UNREADABLE_AMOUNTS};
use crate::money::Money;
use crate::time::{DAY, Timestamp};

impl PaymentDraft<'_> {
    /// Applies a charge as Amazon shows it, if the view is complete and ours. `origin` says who made the
    /// charge if it is not known here. Returns whether the view was applied.
    pub(in crate::merchant) fn take_charge(&mut self, shown: &ChargeView, origin: ChargeOrigin) -> bool {
        let (now, id) = (self.now, &shown.id);
        let known = self.payment.charge(id);
        let expected = ExpectedCharge {
            charge_permission_id: &self.payment.charge_permission_id,
            currency: self.payment.limit.currency(),
            amount: known.map(|known| known.amount),
            captured: known.and_then(|known| self.payment.expected_capture(known)),
            excluded: known.map_or(&[], |known| self.payment.excluded_states(known)),
        };
        let proved = match charge_proof(shown, &expected) {
            Proof::Fits(proved) => proved,
            Proof::Contradicts(misfit) => {
                self.contradict_charge(id, misfit);
                return false;
            }
            Proof::Nothing(_) => {
                self.note_unreadable(shown);
                return false;
            }
        };
        let ProvedCharge { state, amount } = proved;
        if known.is_some_and(Charge::is_only_said_to_be_captured) && !state.is_final() {
            self.doubt_capture(id, &state);
            return false;
        }
        let is_new = known.is_none();
        if is_new && self.is_taken(&ClaimedId::Charge(id.clone())) {
            self.contradict(id, Misfit::OfAnotherAct.found());
            return false;
        }
        if !self.is_made_by_finalize(id) {
            self.settle_contests(|it| matches!(it, ClaimedId::Charge(it) if it == id));
        }
        if is_new {
            let initiated = ChargeState::AuthorizationInitiated;
            self.payment.charges.push(Charge::new(id.clone(), origin, amount, initiated, now));
            self.emit(match origin {
                ChargeOrigin::Finalize | ChargeOrigin::Operation => PaymentEvent::ChargePending(id.clone()),
                ChargeOrigin::Elsewhere => PaymentEvent::ChargeAdopted(id.clone()),
            });
        }
        let sent = self.payment.refunds_sent(id);
        let Some(charge) = self.payment.charge_mut(id) else { return false };
        if charge.origin == ChargeOrigin::Elsewhere {
            charge.origin = origin;
        }
        charge.unreadable_count = 0;
        // If one answer overtakes another, the one that was asked for later counts.
        let seen_before = charge.seen_at(now);
        let is_newest = seen_before.is_none_or(|seen_at| seen_at <= shown.asked_at);
        charge.expires_at = shown.expires_at.unwrap_or(charge.expires_at);
        // Of two answers to requests of the same instant, the one that shows more was made later.
        let is_tie = seen_before == Some(shown.asked_at);
        let shows_less =
            |refunded: Money| charge.refunded_shown.is_some_and(|it| refunded.minor() < it.minor());
        if is_newest
            && let Some(refunded) = shown.refunded.shown()
            && !(is_tie && shows_less(refunded))
        {
            charge.note_refunded(refunded, &sent, shown.asked_at.min(now));
        }
        // An earlier state from a slow replica does not confirm the one that is known.
        let confirms = state.rank() >= charge.state.rank();
        let settles = confirms && charge.contradicted_by().is_some();
        if confirms {
            let asked_at = shown.asked_at.min(now);
            charge.sight = LastSeen::At(seen_before.map_or(asked_at, |seen_at| seen_at.max(asked_at)));
        }
        let is_news = state.rank() > charge.state.rank();
        if is_news {
            if charge.state == ChargeState::AuthorizationInitiated && state == ChargeState::Authorized {
                charge.authorized_at = now;
                charge.planned_until = now;
            }
            charge.look = Some(LookSchedule::first(now));
            charge.state = state;
        }
        if settles {
            self.emit(PaymentEvent::Settled(id.clone()));
        }
        if is_news {
            self.emit_new_state(id);
        }
        let Some(charge) = self.payment.charge_mut(id) else { return false };
        if let Some(created_at) = shown.created_at {
            charge.was_authorized_by(created_at, shown.expires_at);
        }
        if charge.contradicted_by().is_some() {
            charge.look = Some(next_day(now));
            return true;
        }
        charge.look = match &charge.state {
            ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => {
                Some(LookSchedule::waiting(charge.look, now))
            }
            // Overdue, but not seen to have lapsed: the plan has no further item that would ask for it.
            ChargeState::Authorized if now >= charge.expires_at => {
                Some(charge.look.map_or(LookSchedule::first(now), |look| look.next(now)))
            }
            // What was shown is not what is known, and does not explain the refusal.
            ChargeState::Authorized | ChargeState::Captured(_) if charge.sight == LastSeen::Doubted => {
                Some(LookSchedule::waiting(charge.look, now))
            }
            // If the charge is canceled or captured elsewhere, the notification may be lost.
            ChargeState::Authorized => Some(next_day(now)),
            ChargeState::Captured(_) => charge.recount(now),
            ChargeState::Canceled(_) | ChargeState::Declined(_) => None,
        };
        true
    }

    /// Takes a charge as Amazon shows it, because persons have decided that: what is known of it is replaced. Returns
    /// whether that ends a contradiction.
    pub(in crate::merchant) fn take_as_shown(&mut self, shown: &ChargeView) -> bool {
        let now = self.now;
        let sent = self.payment.refunds_sent(&shown.id);
        let Some(amount) = shown.seen.charge_amount.shown() else { return false };
        let Some(charge) = self.payment.charge_mut(&shown.id) else { return false };
        let was_contradicted = charge.contradicted_by().is_some();
        let asked_at = shown.asked_at.min(now);
        let state = shown.state(amount);
        let is_news = state != charge.state;
        charge.amount = amount;
        charge.state = state;
        charge.sight = LastSeen::At(asked_at);
        charge.unreadable_count = 0;
        charge.expires_at = shown.expires_at.unwrap_or(charge.expires_at);
        if let Some(refunded) = shown.refunded.shown() {
            charge.note_refunded(refunded, &sent, asked_at);
        }
        charge.look = match &charge.state {
            ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => {
                Some(LookSchedule::first(now))
            }
            ChargeState::Authorized => Some(next_day(now)),
            ChargeState::Captured(_) => charge.recount(now),
            ChargeState::Canceled(_) | ChargeState::Declined(_) => None,
        };
        if is_news {
            self.emit_new_state(&shown.id);
        }
        was_contradicted
    }

    /// Handles an answer that contradicts what is known of a charge. Nothing of the answer is applied, and
    /// the shop and the operator are notified, once. Until Amazon shows what fits, the charge pays for no
    /// parcel, nothing more is sent for it, and it is looked at daily.
    pub(in crate::merchant) fn contradict_charge(&mut self, id: &ChargeId, misfit: Misfit) {
        let now = self.now;
        let Some(charge) = self.payment.charge_mut(id) else { return self.contradict(id, misfit.found()) };
        charge.look = Some(next_day(now));
        if charge.contradicted_by().is_none() {
            charge.sight = LastSeen::Contradicted(misfit);
            self.emit(PaymentEvent::Contradicted { charge_id: id.clone(), misfit });
        }
    }

    /// Handles a charge that is captured according to Finalize's success, while Amazon shows that it is not
    /// captured yet. The capture may be under way. An earlier state may come from a slow replica, but after a
    /// day that no longer explains it.
    fn doubt_capture(&mut self, id: &ChargeId, shown: &ChargeState) {
        let now = self.now;
        let Some(charge) = self.payment.charge_mut(id) else { return };
        charge.unreadable_count = 0;
        charge.look = Some(LookSchedule::waiting(charge.look, now));
        let is_under_way = *shown == ChargeState::CaptureInitiated;
        let is_news = is_under_way && charge.state != *shown;
        if is_news {
            // Nobody has seen the charge captured, so what Finalize's answer said still has to be confirmed.
            charge.state = ChargeState::CaptureInitiated;
            self.emit(PaymentEvent::CapturePending(id.clone()));
        } else if !is_under_way && now.since(charge.authorized_at) >= DAY {
            self.contradict_charge(id, Misfit::StateDiffers);
        }
    }

    /// Counts an answer with an amount that cannot be read: one may be a mistake, but not the third in a row.
    fn note_unreadable(&mut self, shown: &ChargeView) {
        let Some(charge) = self.payment.charge_mut(&shown.id).filter(|_| is_unreadable(shown)) else {
            return;
        };
        charge.unreadable_count = charge.unreadable_count.saturating_add(1);
        if charge.unreadable_count >= UNREADABLE_AMOUNTS {
            self.contradict_charge(&shown.id, Misfit::AmountUnreadable);
        }
    }

    /// Records the events of a charge's new state.
    fn emit_new_state(&mut self, id: &ChargeId) {
        let Some(charge) = self.payment.charge(id) else { return };
        let id = id.clone();
        let became = match &charge.state {
            ChargeState::AuthorizationInitiated => PaymentEvent::ChargePending(id),
            ChargeState::Authorized => PaymentEvent::ChargeAuthorized(id),
            ChargeState::CaptureInitiated => PaymentEvent::CapturePending(id),
            ChargeState::Captured(_) => PaymentEvent::ChargeCaptured(id),
            ChargeState::Canceled(_) => PaymentEvent::ChargeCanceled(id),
            ChargeState::Declined(_) => PaymentEvent::ChargeDeclined(id),
        };
        if matches!(became, PaymentEvent::ChargeCanceled(_) | PaymentEvent::ChargeDeclined(_)) {
            // The end of the charge may have changed what the permission allows.
            self.payment.permission.look.get_or_insert(LookSchedule::now(self.now));
        }
        self.emit(became);
    }

    /// Applies a refund as Amazon shows it.
    pub(in crate::merchant) fn take_refund(&mut self, shown: &RefundView) {
        let (now, id) = (self.now, &shown.id);
        let known_charge = self.payment.refund(id).map(|(charge, _)| &charge.id);
        if known_charge.is_some_and(|known| *known != shown.charge_id)
            || shown.amount.currency() != self.payment.limit.currency()
        {
            return self.contradict(id, "a refund of another charge or currency");
        }
        let is_new = known_charge.is_none();
        if is_new && self.is_taken(&ClaimedId::Refund(id.clone())) {
            return self.contradict(id, Misfit::OfAnotherAct.found());
        }
        if !is_new {
            self.settle_contests(|it| matches!(it, ClaimedId::Refund(it) if it == id));
        }
        let Some(charge) = self.payment.charge_mut(&shown.charge_id) else { return };
        if is_new {
            let state = RefundState::RefundInitiated;
            charge.refunds.push(Refund {
                id: id.clone(),
                amount: shown.amount,
                state,
                look: None,
                decided_at: None,
                known_at: Some(now),
            });
            self.emit(PaymentEvent::RefundPending(id.clone()));
        }
        let Some(refund) = self.payment.refund_mut(id) else { return };
        if refund.amount != shown.amount {
            return self.contradict(id, "a refund of another amount");
        }
        let is_final = |state: &RefundState| !matches!(state, RefundState::RefundInitiated);
        let differs = core::mem::discriminant(&refund.state) != core::mem::discriminant(&shown.state);
        let mut event = None;
        if is_final(&refund.state) && is_final(&shown.state) && differs {
            let found = "a final refund in another final state";
            event = Some(PaymentEvent::Contradiction { id: id.to_string(), found });
        } else if !is_final(&refund.state) && is_final(&shown.state) {
            event = Some(match shown.state {
                RefundState::Declined(_) => PaymentEvent::RefundDeclined(id.clone()),
                RefundState::Refunded | RefundState::RefundInitiated => PaymentEvent::Refunded(id.clone()),
            });
            refund.state = shown.state.clone();
            refund.decided_at = (!is_new).then_some(now);
        }
        let is_over = event.is_some();
        let is_declined = matches!(refund.state, RefundState::Declined(_));
        refund.look = (!is_final(&refund.state)).then(|| LookSchedule::waiting(refund.look, now));
        if is_over && let Some(charge) = self.payment.charge_mut(&shown.charge_id) {
            // What Amazon has shown to be refunded may or may not include this one, and what others have
            // refunded may be this one; a look finds out.
            let is_now = is_declined || (is_new && charge.has_refunds_of_others());
            let look = if is_now { Some(LookSchedule::now(now)) } else { charge.recount(now) };
            if let Some(look) = look {
                charge.doubt(look);
            }
        }
        if let Some(event) = event {
            self.emit(event);
        }
    }

    /// Applies the permission as Amazon shows it.
    pub(in crate::merchant) fn take_permission(&mut self, shown: &PermissionView) {
        let now = self.now;
        let permission = &mut self.payment.permission;
        let look_before = permission.look;
        // Closed is final: a slow replica that shows something else afterwards is out of date.
        let is_news =
            !matches!(permission.state, PermissionState::Closed(_)) && permission.state != shown.state;
        if is_news {
            permission.state = shown.state.clone();
            self.emit(match shown.state {
                PermissionState::Chargeable => PaymentEvent::PermissionChargeable,
                PermissionState::NonChargeable(_) => PaymentEvent::PermissionNonChargeable,
                PermissionState::Closed(_) => PaymentEvent::PermissionClosed,
            });
        }
        if is_news && matches!(shown.state, PermissionState::Closed(_)) {
            // Amazon may have canceled the permission's open charges when it closed the permission.
            for charge in self.payment.charges.iter_mut().filter(|charge| !charge.state.is_final()) {
                charge.look = Some(LookSchedule::now(now));
            }
            // The operations that were held back for the Close can do no harm any more.
            for operation in self.payment.operations.iter_mut().filter(|it| it.waits_for_close()) {
                if let Some(doubt) = operation.state.in_flight_mut().and_then(InFlight::doubt_mut) {
                    doubt.look.at = now;
                }
            }
        }
        // The buyer may choose another payment method, and the notification of that may be lost, so the
        // permission is looked at. If an open charge holds what is left, that charge is looked at instead;
        // what is spent stays spent.
        let permission = &mut self.payment.permission;
        permission.look = match permission.state.hindrance() {
            Some(Hindrance::Buyer) => {
                let seen = look_before.unwrap_or(LookSchedule { at: now, count: BUYERS_PACE });
                Some(LookSchedule { count: seen.count.max(BUYERS_PACE), ..seen }.next(now))
            }
            Some(Hindrance::ChargeInProgress | Hindrance::Spent) | None => None,
        };
    }

    fn is_made_by_finalize(&self, id: &ChargeId) -> bool {
        self.payment.charge(id).is_some_and(|charge| charge.origin == ChargeOrigin::Finalize)
    }

    /// Notifies the operator that Amazon contradicts what is known.
    pub(in crate::merchant) fn contradict(&mut self, id: &impl ToString, found: &'static str) {
        self.emit(PaymentEvent::Contradiction { id: id.to_string(), found });
    }
}

fn next_day(now: Timestamp) -> LookSchedule {
    LookSchedule { at: now.plus(DAY), count: 0 }
}
