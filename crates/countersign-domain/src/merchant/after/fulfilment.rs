//! "May I ship?", computed from the payment and never stored.
//!
//! Somebody may cancel or refund a charge at Amazon, and the notification may be lost. So a yes needs a
//! charge that Amazon has shown recently, and the caller says how recently: [`Fulfilment::unseen`] names the
//! charge to look at first.

use core::time::Duration;

use crate::ids::ChargeId;
use crate::merchant::attempt::{Attempt, AttemptState, UnresolvedReason};
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::cancellation::CancellationState;
use crate::merchant::checkout::verdict::{CheckingReason, Verdict};
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::{Charge, ChargeState};
use crate::merchant::payment::operation::{Operation, OperationEffect, OperationState, PaymentCall};
use crate::merchant::rules::{AfterGuarantee, Deadline, MAX_AGE, MerchantRules};
use crate::money::Money;
use crate::terms::PaymentIntent;
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// Why a parcel may leave, or why not.
    Reason {
        /// The money is reserved.
        Authorized,
        /// The money is captured.
        Captured,
        /// Amazon still decides on the authorization.
        AuthorizationInitiated,
        /// The authorization has lapsed.
        AuthorizationExpired,
        /// The authorization is older than seven days: its capture may be declined.
        GuaranteeEnded,
        /// The capture is under way, and may still fail.
        CaptureInitiated,
        /// The charge is being canceled.
        CancelInitiated,
        /// Less than the shop asked for is captured.
        PartlyCaptured,
        /// The money was refunded.
        Refunded,
        /// The charge is canceled.
        ChargeCanceled,
        /// The charge is declined.
        ChargeDeclined,
        /// Nothing is authorized yet.
        ConfirmedOnly,
        /// A buyer disputes the payment, or the money was lost by a dispute.
        Disputed,
        /// The order is being canceled.
        CancelRequested,
        /// The order is canceled.
        Canceled,
        /// Amazon shows something that excludes what was proved.
        Contradicted,
        /// A permission names the order, and nothing of the order explains its money.
        Unexplained,
        /// One person disputes what was decided, and no two persons agree yet.
        DecisionDisputed,
        /// Nobody can tell whether this was paid.
        Unresolved,
        /// It is not known yet whether this is paid.
        Checking,
        /// It is not paid.
        NotPaid,
        /// No buyer has come back from Amazon's page yet.
        Registered,
    }
}

/// Whether the parcel may leave, and the reason in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfilment {
    /// Whether it may leave.
    pub may_ship: bool,
    /// Why, or why not.
    pub reason: Reason,
    /// When Amazon last showed the charge that is asked about, whatever the answer is; `None` if there is no such
    /// charge, or if Amazon has not shown it as it is known here.
    pub seen_at: Option<Timestamp>,
    /// The charge that must be looked at before the answer can be yes.
    pub unseen: Option<ChargeId>,
}

/// How recently Amazon must have shown a charge, for one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// When the caller asked. The answer to any request that left since then is fresh.
    pub arrived_at: Timestamp,
    /// How old the request may be otherwise.
    pub max_age: Duration,
}

impl Freshness {
    /// The freshness for a caller that names no age: [`MAX_AGE`].
    #[must_use]
    pub const fn at(arrived_at: Timestamp) -> Self {
        Self { arrived_at, max_age: MAX_AGE }
    }

    /// Whether the answer to a request that left at an instant is fresh. An instant later than now proves
    /// nothing.
    #[must_use]
    pub fn accepts(self, asked_at: Timestamp, now: Timestamp) -> bool {
        asked_at <= now && (asked_at >= self.arrived_at || now.since(asked_at) <= self.max_age)
    }
}

const fn not(reason: Reason) -> Fulfilment {
    Fulfilment { may_ship: false, reason, seen_at: None, unseen: None }
}

const fn yes(reason: Reason) -> Fulfilment {
    Fulfilment { may_ship: true, reason, seen_at: None, unseen: None }
}

fn unseen(charge: &Charge) -> Fulfilment {
    Fulfilment { unseen: Some(charge.id.clone()), ..not(Reason::Checking) }
}

/// Whether a parcel that one charge pays for may leave: the named charge or, if none is named, the one that
/// was requested last, since every further parcel has its own charge. `None` when there is no such charge.
///
/// Only a charge that is Authorized and has not lapsed, or is Captured and not refunded, pays for a parcel. A
/// charge that is pending, in doubt, being captured or being canceled does not. An authorization after its
/// seven days does only if the rules say so.
#[must_use]
pub fn fulfilment(
    checkout: &Checkout,
    charge: Option<&ChargeId>,
    freshness: Freshness,
    now: Timestamp,
    rules: &MerchantRules,
) -> Option<Fulfilment> {
    let answer = answered(checkout, charge, freshness, now, rules)?;
    let seen_at = answer.seen_at.or_else(|| judged(checkout, charge)?.seen_at(now));
    Some(Fulfilment { seen_at, ..answer })
}

fn answered(
    checkout: &Checkout,
    charge: Option<&ChargeId>,
    freshness: Freshness,
    now: Timestamp,
    rules: &MerchantRules,
) -> Option<Fulfilment> {
    let judge = Judge { freshness, now, after_guarantee: rules.policy.after_guarantee };
    match checkout.cancellation.as_ref().map(|cancellation| cancellation.state) {
        Some(CancellationState::Requested { .. }) => return Some(not(Reason::CancelRequested)),
        Some(CancellationState::Done { .. }) if checkout.undoes_more() => {
            return Some(not(Reason::CancelRequested));
        }
        Some(CancellationState::Done { .. }) => return Some(not(Reason::Canceled)),
        None => {}
    }
    if checkout.decisions.is_disputed() {
        return Some(not(Reason::DecisionDisputed));
    }
    let Some(payment) = &checkout.payment else {
        return match charge {
            Some(_) => None,
            None => Some(unpaid(checkout)),
        };
    };
    if checkout.is_unexplained() || checkout.may_be_paid_twice() {
        let is_known = charge.is_none_or(|id| payment.charge(id).is_some());
        return is_known.then(|| not(Reason::Unexplained));
    }
    match charge {
        Some(id) => payment.charge(id).map(|charge| judge.by_charge(payment, charge)),
        None => Some(match last_requested(checkout, payment) {
            Ok(charge) => judge.by_charge(payment, charge),
            Err(reason) => not(reason),
        }),
    }
}

/// The charge that the gate judges: the named one or, if none is named, the one that was requested last.
pub(super) fn judged<'a>(checkout: &'a Checkout, charge: Option<&ChargeId>) -> Option<&'a Charge> {
    let payment = checkout.payment.as_ref()?;
    match charge {
        Some(id) => payment.charge(id),
        None => last_requested(checkout, payment).ok(),
    }
}

/// The charge that pays for a parcel if none is named, as far as there is one.
#[must_use]
pub fn paying_charge(checkout: &Checkout) -> Option<&ChargeId> {
    judged(checkout, None).map(|charge| &charge.id)
}

fn unpaid(checkout: &Checkout) -> Fulfilment {
    not(match checkout.verdict() {
        Verdict::Pending(_) => match checkout.terms.payment_intent {
            PaymentIntent::AuthorizeWithCapture => Reason::CaptureInitiated,
            PaymentIntent::Authorize | PaymentIntent::Confirm => Reason::AuthorizationInitiated,
        },
        Verdict::Checking(Some(CheckingReason::Unresolved(reason))) => match reason {
            UnresolvedReason::Contradicted => Reason::Contradicted,
            UnresolvedReason::SessionGone
            | UnresolvedReason::CompletedElsewhere
            | UnresolvedReason::IdsMissing
            | UnresolvedReason::Refunding => Reason::Unresolved,
        },
        Verdict::Checking(
            Some(CheckingReason::PaidUnderAnotherOrder | CheckingReason::NotApproved) | None,
        ) => Reason::Checking,
        Verdict::Checking(Some(CheckingReason::Unexplained)) => Reason::Unexplained,
        Verdict::Checking(Some(CheckingReason::DecisionDisputed)) => Reason::DecisionDisputed,
        Verdict::NotPaid(_) => Reason::NotPaid,
        Verdict::Registered => Reason::Registered,
        Verdict::Canceled => Reason::Canceled,
        Verdict::Paid(_) | Verdict::Authorized(_) | Verdict::Confirmed(_) => Reason::Checking,
    })
}

/// The charge that was requested last, by Finalize or by an operation, or why there is none. A charge that
/// somebody made elsewhere pays for none of the shop's parcels.
fn last_requested<'a>(checkout: &Checkout, payment: &'a Payment) -> Result<&'a Charge, Reason> {
    let asked = payment.operations.iter().rev();
    let last_asked = asked.into_iter().find(|it| matches!(it.request, PaymentCall::CreateCharge { .. }));
    let charge = match last_asked.map(|operation| &operation.state) {
        Some(OperationState::Refused { .. }) => return Err(Reason::ChargeDeclined),
        Some(OperationState::InFlight(_)) => return Err(Reason::Checking),
        Some(OperationState::Done(OperationEffect::Charge(id))) => payment.charge(id),
        Some(OperationState::Done(OperationEffect::Refund(_) | OperationEffect::Closed)) | None => {
            checkout.attempts.iter().find_map(made_by_finalize).and_then(|id| payment.charge(id))
        }
    };
    charge.ok_or(Reason::ConfirmedOnly)
}

fn made_by_finalize(attempt: &Attempt) -> Option<&ChargeId> {
    let AttemptState::Completed { completion, .. } = &attempt.state else { return None };
    completion.charge_id()
}

/// What a charge is judged by.
struct Judge {
    freshness: Freshness,
    now: Timestamp,
    after_guarantee: AfterGuarantee,
}

impl Judge {
    fn by_charge(&self, payment: &Payment, charge: &Charge) -> Fulfilment {
        if payment.is_contested() {
            return not(Reason::Contradicted);
        }
        if let Some(contradicted) = payment.contradicted_for(Some(&charge.id)) {
            // By now Amazon may show a state that fits.
            return Fulfilment { unseen: Some(contradicted.id.clone()), ..not(Reason::Contradicted) };
        }
        if payment.open_disputes().next().is_some() {
            return Fulfilment { seen_at: charge.seen_at(self.now), ..not(Reason::Disputed) };
        }
        let given_back = [charge.refunded(), payment.refunding(&charge.id)];
        let given_back = Money::sum(charge.amount.currency(), given_back);
        let gone = Money::sum(charge.amount.currency(), [given_back, payment.lost(charge)]);
        let seen_at = charge.seen_at(self.now);
        let is_fresh = seen_at.is_some_and(|seen_at| self.freshness.accepts(seen_at, self.now));
        let answer = match &charge.state {
            ChargeState::AuthorizationInitiated => not(Reason::AuthorizationInitiated),
            ChargeState::Authorized if self.now >= charge.expires_at => not(Reason::AuthorizationExpired),
            ChargeState::Authorized => match being_changed(payment, charge) {
                Some(reason) => not(reason),
                None if !is_fresh => unseen(charge),
                None if self.is_too_old(charge) => not(Reason::GuaranteeEnded),
                None => yes(Reason::Authorized),
            },
            ChargeState::CaptureInitiated => not(Reason::CaptureInitiated),
            ChargeState::Captured(captured) if given_back.minor() >= captured.minor() => {
                not(Reason::Refunded)
            }
            ChargeState::Captured(captured) if gone.minor() >= captured.minor() => not(Reason::Disputed),
            ChargeState::Captured(captured) if captured.minor() < asked_for(payment, charge).minor() => {
                not(Reason::PartlyCaptured)
            }
            // The charge may have been refunded elsewhere.
            ChargeState::Captured(_) if !is_fresh => unseen(charge),
            ChargeState::Captured(_) => yes(Reason::Captured),
            ChargeState::Canceled(_) => not(Reason::ChargeCanceled),
            ChargeState::Declined(_) => not(Reason::ChargeDeclined),
        };
        Fulfilment { seen_at, ..answer }
    }

    fn is_too_old(&self, charge: &Charge) -> bool {
        match self.after_guarantee {
            AfterGuarantee::No => self.now >= charge.deadline_at(Deadline::Guarantee),
            AfterGuarantee::Yes => false,
        }
    }
}

/// How much the shop asked for of a charge: by its capture, if it has captured it, else all of it.
fn asked_for(payment: &Payment, charge: &Charge) -> Money {
    payment.accepted_capture(&charge.id).unwrap_or(charge.amount)
}

/// What an unfinished operation may be doing to an authorized charge, which pays for no parcel meanwhile:
/// Amazon can also decline a capture.
fn being_changed(payment: &Payment, charge: &Charge) -> Option<Reason> {
    let is_capture = |operation: &Operation| matches!(operation.request, PaymentCall::Capture { .. });
    let operation = payment.changing(&charge.id)?;
    Some(if is_capture(operation) { Reason::CaptureInitiated } else { Reason::CancelInitiated })
}
