//! What Amazon's answers prove about a payment: the one place where a charge, a refund or the permission
//! changes its state. The answers of operations come here, and so do the Gets of timers, of notifications and
//! of the snapshot.
//!
//! Reads may be stale, duplicated and in any order: states only move forward, so the same reads in another
//! order end in the same state, with the same events once. A crash between the read and its write costs a
//! look; the timer that asked for it was moved on before, and fires again.

use alloc::string::ToString;

use super::charge::{Charge, ChargeState, ChargeView, LastSeen};
use super::permission::{Hindrance, PermissionState, PermissionView};
use super::refund::{Refund, RefundState, RefundView};
use crate::ids::ChargeId;
use crate::merchant::call::{InFlight, LookSchedule};
use crate::merchant::checkout::draft::PaymentDraft;
use crate::merchant::event::PaymentEvent;
use crate::merchant::rules::BUYERS_PACE;
use crate::money::Money;
use crate::time::DAY;

/// Who made a charge that was not known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::merchant) enum ChargeOrigin {
    /// One of our operations.
    Operation,
    /// Somebody else.
    Stranger,
}

impl PaymentDraft<'_> {
    /// Takes in a charge as Amazon shows it. `maker` says who made it if it is not known.
    pub(in crate::merchant) fn take_charge(&mut self, shown: &ChargeView, maker: ChargeOrigin) {
        let Some(state) = shown.state() else { return };
        let (now, id) = (self.now, &shown.id);
        let known = self.payment.charge(id);
        let sight_before = known.map(|known| known.sight);
        let known_amount = known.map(|known| known.amount);
        let amounts = [shown.seen.charge_amount, shown.captured, shown.refunded];
        if amounts.into_iter().flatten().any(|amount| amount.currency() != self.payment.limit.currency()) {
            if let Some(charge) = self.payment.charge_mut(id) {
                charge.sight = LastSeen::Contradicted;
            }
            return self.contradict_once(sight_before, id, "a charge in another currency");
        }
        if known_amount.zip(shown.seen.charge_amount).is_some_and(|(known, shown)| known != shown) {
            if let Some(charge) = self.payment.charge_mut(id) {
                charge.sight = LastSeen::Contradicted;
                charge.look = charge.look.filter(|_| !charge.state.is_final());
            }
            return self.contradict_once(sight_before, id, "a charge of another amount");
        }
        if known_amount.is_none() {
            let Some(amount) = shown.seen.charge_amount else { return };
            let charge = Charge::new(id.clone(), amount, ChargeState::AuthorizationInitiated, now);
            self.payment.charges.push(charge);
            self.emit(match maker {
                ChargeOrigin::Operation => PaymentEvent::ChargePending(id.clone()),
                ChargeOrigin::Stranger => PaymentEvent::ChargeAdopted(id.clone()),
            });
        }
        let asked = self.payment.accepted_capture(id);
        let Some(charge) = self.payment.charge_mut(id) else { return };
        // Of two answers that overtake each other, the one that was asked for later counts.
        let seen_before = charge.seen_at(now);
        let is_newest = seen_before.is_none_or(|seen_at| seen_at <= shown.asked_at);
        charge.expires_at = shown.expires_at.unwrap_or(charge.expires_at);
        if is_newest {
            charge.refunded_shown = shown.refunded.or(charge.refunded_shown);
        }
        // A success of Finalize says that the money is taken. What Amazon shows later is closer to the truth.
        let was_only_said =
            charge.sight == LastSeen::Never && matches!(charge.state, ChargeState::Captured(_));
        let contradicts = state.contradicts(&charge.state);
        if contradicts && !was_only_said {
            charge.sight = LastSeen::Contradicted;
            charge.look = None;
        }
        if contradicts {
            self.contradict_once(sight_before, id, "a final charge in another final state");
            if !was_only_said {
                return;
            }
        }
        let Some(charge) = self.payment.charge_mut(id) else { return };
        // An earlier state from a slow replica does not confirm the one that is known.
        if state.rank() >= charge.state.rank() || was_only_said {
            let asked_at = shown.asked_at.min(now);
            charge.sight = LastSeen::At(seen_before.map_or(asked_at, |seen_at| seen_at.max(asked_at)));
        }
        if state.rank() > charge.state.rank() || (was_only_said && state != charge.state) {
            if charge.state == ChargeState::AuthorizationInitiated && state == ChargeState::Authorized {
                charge.authorized_at = now;
                charge.planned_until = now;
            }
            charge.look = Some(LookSchedule::first(now));
            charge.state = state;
            self.emit_new_state(shown, asked);
        }
        let Some(charge) = self.payment.charge_mut(id) else { return };
        if let Some(created_at) = shown.created_at {
            charge.was_authorized_by(created_at);
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
            // If it is canceled or captured elsewhere, that notification may be lost.
            ChargeState::Authorized => Some(LookSchedule { at: now.plus(DAY), count: 0 }),
            ChargeState::Captured(_) | ChargeState::Canceled(_) | ChargeState::Declined(_) => None,
        };
    }

    /// Records the events of a charge's new state. `asked` is the amount of the capture that Amazon has
    /// accepted.
    fn emit_new_state(&mut self, shown: &ChargeView, asked: Option<Money>) {
        let Some(charge) = self.payment.charge(&shown.id) else { return };
        let id = shown.id.clone();
        let became = match &charge.state {
            ChargeState::AuthorizationInitiated => PaymentEvent::ChargePending(id),
            ChargeState::Authorized => PaymentEvent::ChargeAuthorized(id),
            ChargeState::CaptureInitiated => PaymentEvent::CapturePending(id),
            ChargeState::Captured(captured) => {
                let is_another = asked.is_some_and(|asked| asked != *captured);
                if is_another {
                    self.contradict(&shown.id, "a capture of another amount");
                }
                PaymentEvent::ChargeCaptured(id)
            }
            ChargeState::Canceled(_) => PaymentEvent::ChargeCanceled(id),
            ChargeState::Declined(_) => PaymentEvent::ChargeDeclined(id),
        };
        if matches!(became, PaymentEvent::ChargeCanceled(_) | PaymentEvent::ChargeDeclined(_)) {
            // The end of the charge may have changed what the permission allows.
            self.payment.permission.look.get_or_insert(LookSchedule::now(self.now));
        }
        self.emit(became);
    }

    /// Takes in a refund as Amazon shows it.
    pub(in crate::merchant) fn take_refund(&mut self, shown: &RefundView) {
        let (now, id) = (self.now, &shown.id);
        let known_charge = self.payment.refund(id).map(|(charge, _)| &charge.id);
        if known_charge.is_some_and(|known| *known != shown.charge_id)
            || shown.amount.currency() != self.payment.limit.currency()
        {
            return self.contradict(id, "a refund of another charge or currency");
        }
        let is_new = known_charge.is_none();
        let Some(charge) = self.payment.charge_mut(&shown.charge_id) else { return };
        if is_new {
            let state = RefundState::RefundInitiated;
            charge.refunds.push(Refund { id: id.clone(), amount: shown.amount, state, look: None });
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
        }
        refund.look = (!is_final(&refund.state)).then(|| LookSchedule::waiting(refund.look, now));
        if let Some(event) = event {
            self.emit(event);
        }
    }

    /// Takes in the permission as Amazon shows it.
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
            // Amazon may have canceled its open charges together with it.
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
        // Its buyer may choose another payment method, and that notification may be lost. What an open charge
        // holds is watched through that charge, and what is spent stays spent.
        let permission = &mut self.payment.permission;
        permission.look = match permission.state.hindrance() {
            Some(Hindrance::Buyer) => {
                let seen = look_before.unwrap_or(LookSchedule { at: now, count: BUYERS_PACE });
                Some(LookSchedule { count: seen.count.max(BUYERS_PACE), ..seen }.next(now))
            }
            Some(Hindrance::ChargeInProgress | Hindrance::Spent) | None => None,
        };
    }

    /// Notifies the operator that Amazon contradicts what is known of a charge, unless that was done before.
    fn contradict_once(&mut self, sight_before: Option<LastSeen>, id: &ChargeId, found: &'static str) {
        if sight_before != Some(LastSeen::Contradicted) {
            self.contradict(id, found);
        }
    }

    /// Notifies the operator that Amazon contradicts what is known.
    pub(in crate::merchant) fn contradict(&mut self, id: &impl ToString, found: &'static str) {
        self.emit(PaymentEvent::Contradiction { id: id.to_string(), found });
    }
}
