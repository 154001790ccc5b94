//! When an Authorized charge must be captured. Amazon captures at once for seven days; an authorization
//! lapses after two days in its sandbox and thirty with real money. Money that nobody captures in time is
//! lost to the shop, so it is warned 72 and 24 hours before each deadline, and the last safe moment can be
//! taken by policy.
//!
//! ```text
//! authorized ──72 h──24 h──[margin]──▶ 7 days ──72 h──24 h──[margin]──▶ expires: Get Charge, until it is seen
//!              warned     captured by policy    warned     captured by policy
//! ```
//!
//! A timer only asks: at the expiry the charge is looked up, and what Amazon shows is what became of it.
//! `planned_until` says how far the plan was carried out, one item in each step, so a crash between two
//! leaves the rest due and a clock that jumped loses none. Nothing of it waits for a clock that is in
//! question: a warning or a capture that is early costs less than one that is lost.

use alloc::vec::Vec;
use core::time::Duration;

use super::completion::CompletionRules;
use super::operation::{Asked, Operation, OperationName, OperationState, Request, record};
use super::payment::{Charge, ChargeState, Look, Payment, PaymentAct, PaymentEvent};
use crate::amazon_limits::CAPTURE_GUARANTEED;
use crate::ids::ChargeId;
use crate::money::Money;
use crate::time::{HOUR, Timestamp};

/// Who captures when the shop has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CapturePolicy {
    /// Nobody: the shop is warned.
    #[default]
    Manual,
    /// A margin before a capture is no longer at once; for an authorization that lapses sooner, before
    /// that.
    BeforeGuaranteeEnds,
    /// A margin before the authorization lapses.
    BeforeExpiry,
}

impl CapturePolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Manual, Self::BeforeGuaranteeEnds, Self::BeforeExpiry];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::BeforeGuaranteeEnds => "before-guarantee-ends",
            Self::BeforeExpiry => "before-expiry",
        }
    }
}

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deadline {
    /// Seven days: captures are asynchronous from then on.
    Guarantee,
    /// The authorization lapses.
    Expiry,
}

impl Deadline {
    /// The deadline in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guarantee => "guarantee",
            Self::Expiry => "expiry",
        }
    }
}

/// One instant of a charge's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// The shop is told of this deadline.
    Warn(Deadline),
    /// It is captured, if the policy says so.
    Capture,
    /// It has lapsed, or somebody captured it: ask.
    Ask,
}

/// How long before a deadline the shop is warned.
const WARNINGS: [Duration; 2] = [Duration::from_secs(72 * 3_600), Duration::from_secs(24 * 3_600)];
/// The last safe moment is so long before the deadline, unless the settings say.
pub const DEFAULT_MARGIN: Duration = Duration::from_secs(6 * HOUR.as_secs());

/// When the guarantee of an immediate capture ends.
fn guarantee_ends_at(charge: &Charge) -> Timestamp {
    charge.authorized_at.plus(CAPTURE_GUARANTEED)
}

/// The instant of a deadline.
#[must_use]
pub fn deadline_at(charge: &Charge, deadline: Deadline) -> Timestamp {
    match deadline {
        Deadline::Guarantee => guarantee_ends_at(charge),
        Deadline::Expiry => charge.expires_at,
    }
}

/// When the policy captures a charge, if it does.
#[must_use]
pub fn captured_at(charge: &Charge, rules: &CompletionRules) -> Option<Timestamp> {
    let before = match rules.capture_policy {
        CapturePolicy::Manual => return None,
        CapturePolicy::BeforeGuaranteeEnds => guarantee_ends_at(charge).min(charge.expires_at),
        CapturePolicy::BeforeExpiry => charge.expires_at,
    };
    Some(before.minus(rules.capture_margin).max(charge.authorized_at.plus(Duration::from_millis(1))))
}

/// The next thing that a charge's plan has, and when: none for a charge that is not Authorized.
pub(super) fn next(charge: &Charge, rules: &CompletionRules) -> Option<(Timestamp, Item)> {
    if charge.state != ChargeState::Authorized {
        return None;
    }
    let warnings = [Deadline::Guarantee, Deadline::Expiry].into_iter().flat_map(|deadline| {
        let at = deadline_at(charge, deadline);
        WARNINGS.into_iter().map(move |before| (at.minus(before), Item::Warn(deadline)))
    });
    let capture = captured_at(charge, rules).map(|at| (at, Item::Capture));
    let items = warnings.chain(capture).filter(|(at, _)| *at < charge.expires_at);
    items
        .chain([(charge.expires_at, Item::Ask)])
        .filter(|(at, _)| *at > charge.planned_until)
        .min_by_key(|(at, _)| *at)
}

fn own_name(id: &ChargeId) -> OperationName {
    OperationName::Own(alloc::format!("capture {id}"))
}

/// Captures what the policy left to an operation that was on its way at the last safe moment and has come
/// to nothing since. Once: what Amazon refuses then is the operator's.
pub(super) fn take_back(payment: &mut Payment, now: Timestamp, rules: &CompletionRules) -> Vec<PaymentEvent> {
    let was_left_to = |operation: &Operation, charge: &Charge, moment: Timestamp| {
        let is_refused = matches!(operation.state, OperationState::Refused { .. });
        let is_about = operation.request.changes_charge() == Some(&charge.id);
        is_refused && is_about && operation.requested_at <= moment
    };
    let lost = payment.charges.iter().filter(|charge| {
        let Some(moment) = captured_at(charge, rules) else { return false };
        charge.state == ChargeState::Authorized
            && (moment..charge.expires_at).contains(&now)
            && moment <= charge.planned_until
            && payment.changing(&charge.id).is_none()
            && payment.operations.iter().all(|operation| operation.name != own_name(&charge.id))
            && payment.operations.iter().any(|operation| was_left_to(operation, charge, moment))
    });
    let lost: Vec<(ChargeId, Money)> = lost.map(|charge| (charge.id.clone(), charge.amount)).collect();
    let taken = lost.into_iter().map(|(id, amount)| capture(payment, id, amount, now));
    taken.collect()
}

/// Records a capture of its own.
fn capture(payment: &mut Payment, charge_id: ChargeId, amount: Money, now: Timestamp) -> PaymentEvent {
    let name = own_name(&charge_id);
    let asked = Asked::Capture { charge_id: Some(charge_id.clone()), amount: Some(amount) };
    let number = record(payment, name, asked, Request::Capture { charge_id, amount }, now);
    PaymentEvent::OperationRecorded(number)
}

/// Carries out what the plan has: one item at a time, so that each happens once.
pub(super) fn carry_out(
    payment: &mut Payment,
    id: &ChargeId,
    (at, item): (Timestamp, Item),
    is_canceled: bool,
    events: &mut Vec<PaymentEvent>,
    now: Timestamp,
) -> PaymentAct {
    let is_busy = payment.changing(id).is_some();
    let Some(charge) = payment.charge_mut(id) else { return PaymentAct::Rest };
    charge.planned_until = at;
    let (charge_id, amount) = (charge.id.clone(), charge.amount);
    match item {
        Item::Warn(deadline) => {
            let at = deadline_at(charge, deadline);
            events.push(PaymentEvent::CaptureDue { charge_id, deadline, at });
            PaymentAct::Rest
        }
        Item::Capture if is_canceled || is_busy => PaymentAct::Rest,
        Item::Capture => {
            events.push(capture(payment, charge_id, amount, now));
            PaymentAct::Rest
        }
        Item::Ask => {
            charge.look = Some(Look { at: now, count: 0 }.next(now));
            PaymentAct::LookUpCharge(charge_id)
        }
    }
}
