//! The payment under one Charge Permission, once an attempt has succeeded: its charges with their refunds,
//! and what the shop has requested since. Part of the checkout's document: one version, one timer.
//!
//! What Amazon shows is applied by [`evidence`], no matter who asked: a timer, a notification, the sender of
//! an operation. An earlier state comes from a slow replica. An answer that contradicts what is known, such
//! as a final state or an amount, is not applied: the shop and the operator are notified, and the charge pays
//! for no parcel until Amazon shows what fits. Charges and refunds that somebody made elsewhere under our
//! permission are adopted: they count in every budget.
//!
//! Everything that is waited for has a timer: what Amazon has to decide is looked at less and less often, an
//! Authorized charge daily and by its plan, an operation by its own timer; a permission that waits for its
//! buyer is looked at hourly, later daily. A Chargeable permission waits for nobody. Each look is rescheduled
//! in the commit before its request, so a crash before, during or after the request costs one look.

pub mod amount_view;
pub mod ask;
pub mod charge;
pub mod contest;
pub mod dispute;
pub mod evidence;
pub mod misfit;
pub mod operation;
pub mod permission;
pub mod refund;
pub mod send;
pub mod shipment;

use crate::merchant::number::OperationNumber;
use alloc::vec::Vec;

use self::charge::{AmazonChargeState, Charge, ChargeOrigin, ChargeState, LastSeen};
use self::contest::Contest;
use self::dispute::{Dispute, DisputeState};
use self::operation::{Operation, OperationName, OperationRequest, OperationState, PaymentCall};
use self::permission::{Permission, PermissionState};
use self::refund::{Refund, RefundState, RefundView};
use self::shipment::Shipment;
use super::attempt::{Attempt, AttemptState, Completion};
use super::call::{InFlight, LookSchedule};
use super::checkout::terms::Terms;
use super::rules::{ASK_FOR_CHARGE_AFTER, MerchantRules, RefundCeiling};
use crate::amazon_limits;
use crate::ids::{ChargeId, ChargePermissionId, DisputeId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;

/// The payment under one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The permission.
    pub charge_permission_id: ChargePermissionId,
    /// The most that all its charges together may take: the total order amount or, without one, the charge
    /// amount.
    pub limit: Money,
    /// When the success was proved.
    pub began_at: Timestamp,
    /// The permission as it was last seen.
    pub permission: Permission,
    /// Oldest first; at most 25 that were not declined, plus those that others made.
    pub charges: Vec<Charge>,
    /// What was requested, oldest first: `operations[k].number` is `k + 1`.
    pub operations: Vec<Operation>,
    /// The disputes of which Amazon has notified, oldest first; at most
    /// [`MAX_DISPUTES`](crate::merchant::rules::MAX_DISPUTES).
    pub disputes: Vec<Dispute>,
    /// Its ids that Amazon has answered for another order as well, each once.
    pub contests: Vec<Contest>,
}

impl Payment {
    /// The payment that an attempt's success starts; `None` for an attempt that has not succeeded.
    #[must_use]
    pub fn begun_by(terms: &Terms, attempt: &Attempt) -> Option<Self> {
        let AttemptState::Completed { completion, charge_permission_id, at } = &attempt.state else {
            return None;
        };
        Some(Self::begun(terms, completion, charge_permission_id, *at))
    }

    /// The payment that an attempt's success starts.
    pub(in crate::merchant) fn begun(
        terms: &Terms,
        completion: &Completion,
        charge_permission_id: &ChargePermissionId,
        now: Timestamp,
    ) -> Self {
        // This look shows what Finalize's answer does not: the state and the expiry. The snapshot's own
        // request is usually faster.
        let soon = Some(LookSchedule { at: now.plus(ASK_FOR_CHARGE_AFTER), count: 0 });
        let charge = completion.charge_id().map(|id| {
            let (state, look) = match completion {
                Completion::Captured(_) => (ChargeState::Captured(terms.charge_amount), soon),
                Completion::CaptureInitiated(_) => {
                    (ChargeState::CaptureInitiated, Some(LookSchedule::first(now)))
                }
                Completion::Authorized(_) | Completion::Confirmed => (ChargeState::Authorized, soon),
            };
            Charge {
                look,
                ..Charge::new(id.clone(), ChargeOrigin::Finalize, terms.charge_amount, state, now)
            }
        });
        Self {
            charge_permission_id: charge_permission_id.clone(),
            limit: terms.limit(),
            began_at: now,
            permission: Permission { state: PermissionState::Chargeable, look: None },
            charges: charge.into_iter().collect(),
            operations: Vec::new(),
            disputes: Vec::new(),
            contests: Vec::new(),
        }
    }

    /// The charge with this id.
    #[must_use]
    pub fn charge(&self, id: &ChargeId) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.id == *id)
    }

    pub(in crate::merchant) fn charge_mut(&mut self, id: &ChargeId) -> Option<&mut Charge> {
        self.charges.iter_mut().find(|charge| charge.id == *id)
    }

    /// The refund with this id, and its charge.
    #[must_use]
    pub fn refund(&self, id: &RefundId) -> Option<(&Charge, &Refund)> {
        self.charges.iter().find_map(|charge| {
            charge.refunds.iter().find(|refund| refund.id == *id).map(|refund| (charge, refund))
        })
    }

    pub(in crate::merchant) fn refund_mut(&mut self, id: &RefundId) -> Option<&mut Refund> {
        self.charges.iter_mut().flat_map(|charge| &mut charge.refunds).find(|refund| refund.id == *id)
    }

    /// Whether a refund belongs to a charge that is not known yet: that charge must be looked up first, or
    /// nobody would know what the refund belongs to.
    #[must_use]
    pub fn lacks_charge_of(&self, shown: &RefundView) -> bool {
        self.charge(&shown.charge_id).is_none()
    }

    /// The operation with this number.
    #[must_use]
    pub fn operation(&self, number: OperationNumber) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.number == number)
    }

    pub(in crate::merchant) fn operation_mut(&mut self, number: OperationNumber) -> Option<&mut Operation> {
        self.operations.iter_mut().find(|operation| operation.number == number)
    }

    /// The operations that may still have an effect.
    pub fn in_flight(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| !operation.state.is_final())
    }

    /// The operation that may still change this charge, if there is one.
    #[must_use]
    pub fn changing(&self, id: &ChargeId) -> Option<&Operation> {
        self.in_flight().find(|operation| operation.request.changes_charge() == Some(id))
    }

    /// A charge that Amazon contradicts, which holds back this call: the one that the call concerns, or the
    /// one that Finalize made.
    #[must_use]
    pub fn contradicted_for(&self, named: Option<&ChargeId>) -> Option<&Charge> {
        let is_of_it = |it: &&Charge| it.origin == ChargeOrigin::Finalize || named == Some(&it.id);
        self.charges.iter().filter(is_of_it).find(|charge| charge.contradicted_by().is_some())
    }

    /// Whether Amazon has answered one of its ids for another order as well, and has not said whose it is.
    #[must_use]
    pub fn is_contested(&self) -> bool {
        self.contests.iter().any(Contest::is_open)
    }

    /// Whether nothing may be sent for this call: whose the payment is, is contested, or Amazon contradicts a charge
    /// that holds the call back.
    #[must_use]
    pub fn is_stopped_for(&self, named: Option<&ChargeId>) -> bool {
        self.is_contested() || self.contradicted_for(named).is_some()
    }

    /// The amount that a Captured charge must show, if it is known.
    pub(in crate::merchant) fn expected_capture(&self, charge: &Charge) -> Option<Money> {
        if let Some(accepted) = self.accepted_capture(&charge.id) {
            return Some(accepted);
        }
        let is_new = charge.origin == ChargeOrigin::Finalize && charge.sight == LastSeen::Never;
        match charge.state {
            ChargeState::Captured(captured) => Some(captured),
            // Nobody is known to have captured a part.
            ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated => {
                (is_new && !self.has_capture(&charge.id)).then_some(charge.amount)
            }
            ChargeState::Canceled(_) | ChargeState::Declined(_) => None,
        }
    }

    /// The states that exclude what is known of a charge: because the charge is final, or because Finalize's
    /// success has just said that it is authorized.
    pub(in crate::merchant) fn excluded_states(&self, charge: &Charge) -> &'static [AmazonChargeState] {
        use AmazonChargeState::{Canceled, Captured, Declined};
        let is_new = charge.origin == ChargeOrigin::Finalize && charge.sight == LastSeen::Never;
        match charge.state {
            ChargeState::Captured(_) => &[Canceled, Declined],
            ChargeState::CaptureInitiated if charge.is_only_said_to_be_captured() => &[Canceled, Declined],
            ChargeState::Canceled(_) => &[Captured, Declined],
            ChargeState::Declined(_) => &[Captured, Canceled],
            // Amazon declines an authorized charge only when it is captured.
            ChargeState::Authorized if is_new && !self.has_capture(&charge.id) => &[Declined],
            ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated => {
                &[]
            }
        }
    }

    fn has_capture(&self, id: &ChargeId) -> bool {
        let mut captures = self.operations.iter().filter(|it| it.request.captures().is_some());
        captures.any(|it| it.request.charge_id() == Some(id))
    }

    /// The amount of a capture that Amazon has accepted.
    pub(in crate::merchant) fn accepted_capture(&self, id: &ChargeId) -> Option<Money> {
        let done = self.operations.iter().filter(|it| matches!(it.state, OperationState::Done(_)));
        done.filter(|it| it.request.changes_charge() == Some(id)).find_map(|it| it.request.captures())
    }

    /// What is left of the limit after everything in flight.
    #[must_use]
    pub fn left(&self) -> Money {
        let asked = self.in_flight().filter_map(|operation| {
            let PaymentCall::CreateCharge { amount, .. } = operation.request else { return None };
            Some(amount)
        });
        let taken = self.charges.iter().map(Charge::taken);
        self.limit.less(Money::sum(self.limit.currency(), taken.chain(asked)))
    }

    /// What is being refunded of a charge and is not yet among its refunds.
    #[must_use]
    pub fn refunding(&self, id: &ChargeId) -> Money {
        self.refunding_by(id, |_| true)
    }

    /// The amounts of the refunds of a charge that were sent and are not yet among its refunds.
    pub(in crate::merchant) fn refunds_sent(&self, id: &ChargeId) -> Vec<Money> {
        let sent = self.in_flight().filter(|operation| operation.is_on_its_way_or_in_doubt());
        let sent = sent.filter_map(|operation| match &operation.request {
            PaymentCall::Refund { charge_id, amount } if charge_id == id => Some(*amount),
            PaymentCall::Refund { .. }
            | PaymentCall::CreateCharge { .. }
            | PaymentCall::Capture { .. }
            | PaymentCall::CancelCharge { .. }
            | PaymentCall::Close { .. } => None,
        });
        sent.collect()
    }

    fn refunding_by(&self, id: &ChargeId, counts: impl Fn(&Operation) -> bool) -> Money {
        let asked = self.in_flight().filter(|operation| counts(operation)).filter_map(|operation| {
            let PaymentCall::Refund { charge_id, amount } = &operation.request else { return None };
            (charge_id == id).then_some(*amount)
        });
        Money::sum(self.limit.currency(), asked)
    }

    /// How much of a charge may still be refunded, once its refunds, those in progress, those that others made,
    /// and what is disputed or lost are subtracted.
    #[must_use]
    pub fn refundable(&self, charge: &Charge, ceiling: RefundCeiling) -> Money {
        self.rest(charge, ceiling, self.refunding(&charge.id))
    }

    fn rest(&self, charge: &Charge, ceiling: RefundCeiling, under_way: Money) -> Money {
        let most = most_refundable(charge, ceiling).less(self.disputed(charge));
        most.less(charge.refunded_with(under_way))
    }

    /// As [`refundable`](Self::refundable), for an operation that is itself in flight.
    pub(in crate::merchant) fn refundable_beside(
        &self,
        charge: &Charge,
        ceiling: RefundCeiling,
        number: OperationNumber,
    ) -> Money {
        let others = self.refunding_by(&charge.id, |operation| operation.number != number);
        self.rest(charge, ceiling, others)
    }

    /// Whether more than may be refunded of a charge is returned if everything in flight has its effect, as far
    /// as the refunds are known here: Amazon may already show what is in flight.
    pub(in crate::merchant) fn returns_too_much(&self, charge: &Charge, ceiling: RefundCeiling) -> bool {
        let unseen = Charge { refunded_shown: None, ..charge.clone() };
        let returned = unseen.refunded_with(self.refunding(&charge.id));
        returned.minor() > most_refundable(charge, ceiling).less(self.disputed(charge)).minor()
    }

    /// The most that another parcel of a charge may be worth: what no other parcel has, and at most what was
    /// not refunded.
    #[must_use]
    pub fn shippable(&self, charge: &Charge) -> Money {
        let kept = charge.pays().less(charge.refunded()).less(self.refunding(&charge.id));
        let kept = kept.less(self.lost(charge));
        let unshipped = charge.pays().less(charge.shipped());
        if kept.minor() < unshipped.minor() { kept } else { unshipped }
    }

    /// The parcel with this reference, and its charge.
    #[must_use]
    pub fn shipment(&self, reference: &str) -> Option<(&Charge, &Shipment)> {
        self.charges.iter().find_map(|charge| {
            let shipment = charge.shipments.iter().find(|shipment| shipment.reference == reference)?;
            Some((charge, shipment))
        })
    }

    /// How many parcels there are.
    pub(in crate::merchant) fn shipment_count(&self) -> usize {
        self.charges.iter().map(|charge| charge.shipments.len()).sum()
    }

    /// The dispute with this id.
    #[must_use]
    pub fn dispute(&self, id: &DisputeId) -> Option<&Dispute> {
        self.disputes.iter().find(|dispute| dispute.id == *id)
    }

    /// The disputes that nobody has settled.
    pub fn open_disputes(&self) -> impl Iterator<Item = &Dispute> {
        self.disputes.iter().filter(|dispute| dispute.state.is_open())
    }

    /// Whether an open dispute may be about this charge.
    pub(in crate::merchant) fn is_disputed(&self, id: &ChargeId) -> bool {
        self.open_disputes().any(|dispute| dispute.concerns(id))
    }

    /// How much of a charge is disputed, or was lost by a dispute.
    pub(in crate::merchant) fn disputed(&self, charge: &Charge) -> Money {
        self.amount_of(charge, |dispute| !matches!(dispute.state, DisputeState::Won { .. }))
    }

    /// How much of a charge was lost by disputes.
    pub(in crate::merchant) fn lost(&self, charge: &Charge) -> Money {
        self.amount_of(charge, |dispute| matches!(dispute.state, DisputeState::Lost { .. }))
    }

    /// How much of a charge the shop still has: what was neither refunded nor lost.
    pub(in crate::merchant) fn kept(&self, charge: &Charge) -> Money {
        let returned = charge.refunded_with(self.refunding(&charge.id));
        charge.captured().less(returned).less(self.lost(charge))
    }

    /// Whether a charge holds money, or the buyer does not have all of it back yet.
    pub(in crate::merchant) fn keeps(&self, charge: &Charge) -> bool {
        match &charge.state {
            ChargeState::Captured(captured) => {
                let is_under_way = |it: &Refund| it.state == RefundState::RefundInitiated;
                charge.refunds.iter().any(is_under_way) || self.returned(charge).minor() < captured.minor()
            }
            ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated => {
                true
            }
            ChargeState::Canceled(_) | ChargeState::Declined(_) => false,
        }
    }

    /// How much of what was captured of a charge has gone back: what was refunded, and what was lost by disputes.
    pub(in crate::merchant) fn returned(&self, charge: &Charge) -> Money {
        let captured = charge.captured();
        captured.less(captured.less(charge.refunded()).less(self.lost(charge)))
    }

    fn amount_of(&self, charge: &Charge, counts: impl Fn(&Dispute) -> bool) -> Money {
        let counted = self.disputes.iter().filter(|it| it.concerns(&charge.id) && counts(it));
        let amounts = counted.map(|dispute| dispute.amount.unwrap_or(charge.captured()));
        Money::sum(charge.amount.currency(), amounts)
    }

    /// Adds an operation that is due immediately; returns its number.
    pub(in crate::merchant) fn record(
        &mut self,
        name: OperationName,
        asked: OperationRequest,
        request: PaymentCall,
        now: Timestamp,
    ) -> OperationNumber {
        let number = self.operations.last().map_or(OperationNumber::FIRST, |last| last.number.next());
        let state = OperationState::InFlight(InFlight::recorded(now));
        self.operations.push(Operation {
            number,
            name,
            asked,
            request,
            requested_at: now,
            last_sent_at: None,
            turned_away: 0,
            alarm_count: 0,
            contradicted_count: 0,
            lead: None,
            state,
        });
        number
    }

    /// Whether nothing can ever be charged under its permission again.
    pub(in crate::merchant) const fn is_closed(&self) -> bool {
        matches!(self.permission.state, PermissionState::Closed(_))
    }

    /// When it is due.
    #[must_use]
    pub fn due_at(&self, rules: &MerchantRules) -> Option<Timestamp> {
        let charges = self.charges.iter().filter_map(|charge| charge.due_at(rules));
        let operations = self.operations.iter().filter_map(|operation| operation.state.due_at());
        let disputes = self.disputes.iter().filter_map(Dispute::due_at);
        let contests = self.contests.iter().filter_map(Contest::look).map(|look| look.at);
        let charges = charges.chain(contests);
        charges.chain(operations).chain(disputes).chain(self.permission.look.map(|look| look.at)).min()
    }
}

/// How much of a charge may be refunded in all.
fn most_refundable(charge: &Charge, ceiling: RefundCeiling) -> Money {
    let captured = charge.captured();
    match ceiling {
        RefundCeiling::Captured => captured,
        RefundCeiling::Amazon => amazon_limits::ceiling(captured),
    }
}
