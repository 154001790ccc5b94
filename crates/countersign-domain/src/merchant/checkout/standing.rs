//! What is so now, in one word, and what only a person can help with. Both are derived, never stored: a
//! [`Verdict`] is the outcome of an attempt, which does not change when the money is refunded or lapses;
//! the standing does.
//!
//! The first row that applies counts:
//!
//! | the checkout | standing |
//! |---|---|
//! | Amazon contradicts an attempt or a charge | `contradicted` |
//! | nobody can tell whether an attempt was paid | `unresolved` |
//! | its cancellation is not finished | `canceling` |
//! | its cancellation is finished, and leaves neither parcels nor money that others took | `canceled` |
//! | no session has come back | `awaitingPayment` |
//! | an attempt may still be sent, is on its way or in doubt, or nothing explains a permission that names the order | `checking` |
//! | Amazon decides on the attempt's authorization or capture | `pending` |
//! | the attempts are proved unpaid | `notPaid` |
//! | a charge, a refund or a close is on its way or in doubt | `checking` |
//! | a capture is on its way, in doubt or under way at Amazon | `capturing` |
//! | a charge is being canceled | `canceling` |
//! | Amazon decides on a further charge | `pending` |
//! | a buyer disputes the payment, and nobody has said how that ended | `disputed` |
//! | everything that was captured has gone back, and an authorization is in force | `reserved` |
//! | everything that was captured has gone back: it was refunded, or lost by a dispute | `refunded` |
//! | a part of what was captured has gone back | `partlyRefunded` |
//! | the order's total is captured | `captured` |
//! | a part of the order's total is captured | `partlyCaptured` |
//! | an authorization is in force | `reserved` |
//! | an authorization was canceled, was declined at its capture or has expired, or the permission is closed | `lapsed` |
//! | there is a Charge Permission only | `confirmed` |

use alloc::vec::Vec;

use super::Checkout;
use super::cancellation::CancellationState;
use super::unexplained::Unexplained;
use super::verdict::Verdict;
use crate::ids::ChargeId;
use crate::merchant::attempt::{Attempt, AttemptState, UnresolvedReason};
use crate::merchant::decision::Subject;
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::{Charge, ChargeOrigin, ChargeState};
use crate::merchant::payment::operation::{Operation, OperationState, PaymentCall};
use crate::merchant::payment::refund::RefundState;
use crate::merchant::rules::ALARMS;
use crate::money::Money;
use crate::time::Timestamp;
use crate::words::words;

/// What is so now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No session has come back from Amazon's page yet.
    AwaitingPayment,
    /// It is not known yet whether an attempt was paid, or whether an operation had its effect.
    Checking,
    /// Amazon has not decided yet.
    Pending,
    /// Money is reserved, and none of it is captured and kept.
    Reserved {
        /// When the first of the authorizations lapses.
        until: Timestamp,
    },
    /// A capture is under way.
    Capturing,
    /// A part of the order's total is captured.
    PartlyCaptured,
    /// The order's total is captured.
    Captured,
    /// A part of what was captured is refunded, is on its way to the buyer, or was lost by a dispute.
    PartlyRefunded,
    /// All of what was captured is refunded, is on its way to the buyer, or was lost by a dispute.
    Refunded,
    /// There is a Charge Permission, and nothing is reserved or captured.
    Confirmed,
    /// What was reserved is not reserved any more, and nothing is captured.
    Lapsed,
    /// The shop cancels the order, and not everything is undone yet.
    Canceling,
    /// The shop has canceled the order, and no money is held or kept.
    Canceled,
    /// Proved unpaid; the buyer may try again.
    NotPaid,
    /// Amazon shows something that excludes what was proved.
    Contradicted,
    /// Nobody can tell whether an attempt was paid.
    Unresolved,
    /// A buyer disputes the payment.
    Disputed,
}

impl Standing {
    /// The values of [`word`](Self::word).
    pub const WORDS: [&'static str; 17] = [
        "awaitingPayment",
        "checking",
        "pending",
        "reserved",
        "capturing",
        "partlyCaptured",
        "captured",
        "partlyRefunded",
        "refunded",
        "confirmed",
        "lapsed",
        "canceling",
        "canceled",
        "notPaid",
        "contradicted",
        "unresolved",
        "disputed",
    ];

    /// Its word in the shop's API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaitingPayment",
            Self::Checking => "checking",
            Self::Pending => "pending",
            Self::Reserved { .. } => "reserved",
            Self::Capturing => "capturing",
            Self::PartlyCaptured => "partlyCaptured",
            Self::Captured => "captured",
            Self::PartlyRefunded => "partlyRefunded",
            Self::Refunded => "refunded",
            Self::Confirmed => "confirmed",
            Self::Lapsed => "lapsed",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
            Self::NotPaid => "notPaid",
            Self::Contradicted => "contradicted",
            Self::Unresolved => "unresolved",
            Self::Disputed => "disputed",
        }
    }

    /// When the authorization lapses, if money is reserved: the only change that time alone makes.
    #[must_use]
    pub const fn until(self) -> Option<Timestamp> {
        if let Self::Reserved { until } = self { Some(until) } else { None }
    }

    /// Whether nothing is in flight: it changes only if somebody does something, or if time passes.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Checking
            | Self::Pending
            | Self::Capturing
            | Self::Canceling
            | Self::Contradicted
            | Self::Unresolved => false,
            Self::AwaitingPayment
            | Self::Reserved { .. }
            | Self::PartlyCaptured
            | Self::Captured
            | Self::PartlyRefunded
            | Self::Refunded
            | Self::Confirmed
            | Self::Lapsed
            | Self::Canceled
            | Self::NotPaid
            | Self::Disputed => true,
        }
    }
}

words! {
    /// What only a person can help with.
    Need {
        /// Amazon contradicts what was proved of a payment.
        Contradicted = "contradicted",
        /// A permission names the order, nothing of the order explains its money, and nobody has decided that it is
        /// returned; or persons disagree about whose it is.
        Unexplained = "unexplained",
        /// Nobody can tell whether an attempt was paid, it is still in doubt after its last alarm, or persons disagree
        /// about what was decided about it.
        Unresolved = "unresolved",
        /// An operation is still in doubt after its last alarm, or no look can settle it; or persons disagree about it.
        OperationInDoubt = "operationInDoubt",
        /// Amazon refuses to undo something of a canceled order.
        CancellationStuck = "cancellationStuck",
        /// A buyer disputes the payment, and nobody has said how that ended, or persons disagree about it.
        Disputed = "disputed",
        /// Amazon deleted the buyer's data before they could be fetched.
        SnapshotMissed = "snapshotMissed",
        /// The shop's endpoint did not take a webhook of the order.
        WebhookGivenUp = "webhookGivenUp",
    }
}

impl Checkout {
    /// What is so now: see the table at the head of this module.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.has_contradiction() {
            return Standing::Contradicted;
        }
        if self.has_unresolved_attempt() {
            return Standing::Unresolved;
        }
        match self.cancellation.as_ref().map(|cancellation| cancellation.state) {
            Some(CancellationState::Requested { .. }) => return Standing::Canceling,
            // What turned up after the cancellation is being undone as well.
            Some(CancellationState::Done { remind_at: Some(_), .. })
                if self.left_behind().next().is_none() =>
            {
                return Standing::Canceling;
            }
            Some(CancellationState::Done { remind_at: None, .. }) if !self.leaves_money() => {
                return Standing::Canceled;
            }
            Some(CancellationState::Done { .. }) | None => {}
        }
        match self.verdict() {
            Verdict::Registered => Standing::AwaitingPayment,
            Verdict::Checking(_) => Standing::Checking,
            Verdict::Pending(_) => Standing::Pending,
            Verdict::NotPaid(_) => Standing::NotPaid,
            // Others hold or keep money under its permission.
            Verdict::Canceled => {
                self.payment.as_ref().map_or(Standing::Canceled, |payment| payment.standing(now))
            }
            Verdict::Paid(_) | Verdict::Authorized(_) | Verdict::Confirmed(_) => {
                // A success begins a payment in the same decision.
                self.payment.as_ref().map_or(Standing::Checking, |payment| payment.standing(now))
            }
        }
    }

    /// What only a person can help with, as far as the checkout itself shows it.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let is_in_doubt_for_good = |operation: &Operation| match &operation.state {
            OperationState::InFlight(in_flight) => {
                in_flight.doubt().is_some_and(|doubt| doubt.alarm_count as usize >= ALARMS.len())
            }
            OperationState::Done(_) | OperationState::Refused { .. } => false,
        };
        let mut operations = self.payment.iter().flat_map(|payment| &payment.operations);
        let is_doubted_for_good = |attempt: &Attempt| {
            attempt.state.doubt().is_some_and(|doubt| doubt.alarm_count as usize >= ALARMS.len())
        };
        let disputed = |is_meant: fn(&Subject) -> bool| self.decisions.is_disputed_among(is_meant);
        let is_undecided = self.has_unresolved_attempt()
            || self.attempts.iter().any(is_doubted_for_good)
            || disputed(|it| matches!(it, Subject::Attempt(_)));
        let is_in_doubt = operations.any(|it| is_in_doubt_for_good(it) || it.is_beyond_looks());
        // While its money is on its way back, only time helps.
        let is_unexplained = self.unexplained.iter().any(Unexplained::needs_a_person);
        let needs = [
            (Need::Contradicted, self.has_contradiction()),
            (Need::Unexplained, is_unexplained || disputed(|it| matches!(it, Subject::Unexplained(_)))),
            (Need::Unresolved, is_undecided),
            (Need::OperationInDoubt, is_in_doubt || disputed(|it| matches!(it, Subject::Operation(_)))),
            (Need::CancellationStuck, self.is_cancellation_stuck()),
            (Need::Disputed, self.is_disputed() || disputed(|it| matches!(it, Subject::Dispute(_)))),
        ];
        needs.into_iter().filter(|(_, is_needed)| *is_needed).map(|(need, _)| need).collect()
    }

    /// The charge that has lapsed, if Amazon has shown that nothing of the order is reserved any more, and
    /// nothing is captured. An order that the shop cancels does not lapse. A further charge that Amazon still
    /// decides on reserves nothing yet.
    pub(in crate::merchant) fn lapsed(&self) -> Option<&ChargeId> {
        let payment = self.payment.as_ref()?;
        if self.cancellation.is_some() && self.left_behind().next().is_none() {
            return None;
        }
        if payment.charges.iter().any(reserves_or_took) {
            return None;
        }
        payment.charges.iter().rev().find(|charge| was_reserved(charge)).map(|charge| &charge.id)
    }

    /// The charge that had reserved or taken money in this payment before, and has not any more.
    pub(in crate::merchant) fn let_go_since(&self, before: &Payment) -> Option<&ChargeId> {
        let had = |charge: &&Charge| before.charge(&charge.id).is_some_and(reserves_or_took);
        let mut charges = self.payment.iter().flat_map(|payment| &payment.charges).rev();
        charges.find(|charge| had(charge) && !reserves_or_took(charge)).map(|charge| &charge.id)
    }

    pub(super) fn has_contradiction(&self) -> bool {
        let is_contradicted = |state: &AttemptState| {
            state.is_contradicted() || unresolved_by(state) == Some(UnresolvedReason::Contradicted)
        };
        let mut charges = self.payment.iter().flat_map(|payment| &payment.charges);
        self.attempts.iter().any(|attempt| is_contradicted(&attempt.state))
            || charges.any(|charge| charge.contradicted_by().is_some())
            || self.is_contested()
    }

    fn has_unresolved_attempt(&self) -> bool {
        let mut reasons = self.attempts.iter().filter_map(|attempt| unresolved_by(&attempt.state));
        reasons.any(|reason| match reason {
            // Where the money is refunded, the order's cancellation says how far that is.
            UnresolvedReason::Contradicted | UnresolvedReason::Refunding => false,
            UnresolvedReason::SessionGone
            | UnresolvedReason::CompletedElsewhere
            | UnresolvedReason::IdsMissing => true,
        })
    }

    fn is_disputed(&self) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.open_disputes().next().is_some())
    }

    /// Whether its cancellation has tried everything, and something is not undone.
    pub(in crate::merchant) fn is_cancellation_stuck(&self) -> bool {
        match self.cancellation.as_ref().map(|cancellation| cancellation.state) {
            Some(CancellationState::Requested { is_stuck, .. }) => is_stuck,
            // What turned up afterwards: nothing is under way that could undo it.
            Some(CancellationState::Done { remind_at: Some(_), .. }) => {
                !self.is_disputed() && self.payment.as_ref().is_some_and(|payment| !payment.is_under_way())
            }
            Some(CancellationState::Done { remind_at: None, .. }) | None => false,
        }
    }
}

impl Payment {
    /// Whether Amazon or a call of ours may still change it.
    fn is_under_way(&self) -> bool {
        let is_refunding = |charge: &Charge| {
            charge.refunds.iter().any(|refund| refund.state == RefundState::RefundInitiated)
        };
        self.in_flight().next().is_some()
            || self.charges.iter().any(|charge| match charge.state {
                ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => true,
                ChargeState::Captured(_) => is_refunding(charge),
                ChargeState::Authorized | ChargeState::Canceled(_) | ChargeState::Declined(_) => false,
            })
    }

    fn standing(&self, now: Timestamp) -> Standing {
        let disputed = || self.open_disputes().next().map(|_| Standing::Disputed);
        self.in_flight_standing().or_else(disputed).unwrap_or_else(|| self.settled_standing(now))
    }

    /// What is in flight, if anything is.
    fn in_flight_standing(&self) -> Option<Standing> {
        let asked = |is_it: fn(&PaymentCall) -> bool| self.in_flight().any(|it| is_it(&it.request));
        let has = |state: &ChargeState| self.charges.iter().any(|charge| charge.state == *state);
        if asked(|call| match call {
            PaymentCall::CreateCharge { .. } | PaymentCall::Refund { .. } | PaymentCall::Close { .. } => true,
            PaymentCall::Capture { .. } | PaymentCall::CancelCharge { .. } => false,
        }) {
            return Some(Standing::Checking);
        }
        if asked(|call| call.captures().is_some()) || has(&ChargeState::CaptureInitiated) {
            return Some(Standing::Capturing);
        }
        if self.in_flight().next().is_some() {
            return Some(Standing::Canceling);
        }
        has(&ChargeState::AuthorizationInitiated).then_some(Standing::Pending)
    }

    /// What is so of the money while nothing is in flight.
    #[must_use]
    pub fn settled_standing(&self, now: Timestamp) -> Standing {
        let sum =
            |part: fn(&Charge) -> Money| Money::sum(self.limit.currency(), self.charges.iter().map(part));
        let captured = sum(Charge::captured);
        let returned = Money::sum(self.limit.currency(), self.charges.iter().map(|it| self.returned(it)));
        let in_force = self.charges.iter().filter(|charge| charge.state == ChargeState::Authorized);
        let reserved_until = in_force.map(|charge| charge.expires_at).filter(|until| now < *until).min();
        let reserved = reserved_until.map(|until| Standing::Reserved { until });
        if !captured.is_zero() {
            return if returned.minor() >= captured.minor() {
                reserved.unwrap_or(Standing::Refunded)
            } else if !returned.is_zero() {
                Standing::PartlyRefunded
            } else if captured.minor() >= self.limit.minor() {
                Standing::Captured
            } else {
                Standing::PartlyCaptured
            };
        }
        if let Some(reserved) = reserved {
            return reserved;
        }
        let has_expired = self.charges.iter().any(|charge| charge.state == ChargeState::Authorized);
        if has_expired || self.is_closed() || self.charges.iter().any(was_reserved) {
            return Standing::Lapsed;
        }
        Standing::Confirmed
    }
}

/// Why nobody can tell whether an attempt was paid, if nobody can.
const fn unresolved_by(state: &AttemptState) -> Option<UnresolvedReason> {
    if let AttemptState::Unresolved { reason, .. } = state { Some(*reason) } else { None }
}

const fn reserves_or_took(charge: &Charge) -> bool {
    match charge.state {
        ChargeState::Authorized | ChargeState::CaptureInitiated | ChargeState::Captured(_) => true,
        ChargeState::AuthorizationInitiated | ChargeState::Canceled(_) | ChargeState::Declined(_) => false,
    }
}

/// Whether a charge that holds nothing had reserved money: a further charge that was declined never had.
fn was_reserved(charge: &Charge) -> bool {
    match charge.state {
        ChargeState::Canceled(_) => true,
        ChargeState::Declined(_) => charge.origin == ChargeOrigin::Finalize,
        ChargeState::AuthorizationInitiated
        | ChargeState::Authorized
        | ChargeState::CaptureInitiated
        | ChargeState::Captured(_) => false,
    }
}
