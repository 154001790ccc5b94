//! Which decision about an attempt is allowed, by what Amazon shows, and how many persons it needs. Nothing is
//! changed here.

use core::time::Duration;

use super::shown::{AmazonShows, PermissionFacts, Shown};
use super::{Asked, Decision, REMIND_AFTER, REMIND_WITHIN, Subject, absence};
use crate::amazon_limits::SESSION_LIFETIME;
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::attempt::agree::SessionView;
use crate::merchant::attempt::{Attempt, AttemptState, Completion, UnresolvedReason};
use crate::merchant::checkout::Checkout;
use crate::merchant::payment::Payment;
use crate::merchant::payment::amount_view::AmountView;
use crate::merchant::payment::charge::{AmazonChargeState, Charge, ChargeView};
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::payment::operation::{Operation, OperationState};
use crate::merchant::payment::permission::PermissionState;
use crate::merchant::proof::{ExpectedCharge, Proof, charge_proof};
use crate::merchant::rules::FORGOTTEN_AFTER;
use crate::money::Money;
use crate::terms::PaymentIntent;
use crate::time::{DAY, Timestamp};

/// How far apart the clocks of Amazon and of this machine may be.
pub(super) const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(60);
/// How long a Finalize must have been in doubt before a person may decide: until then the looks go on. A session
/// ends after this time.
pub const DOUBTED_FOR: Duration = SESSION_LIFETIME;

/// Why a decision is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionRefused {
    /// The checkout has no such attempt.
    NoSuchAttempt,
    /// The checkout has no such operation.
    NoSuchOperation,
    /// No such permission is known to name the checkout.
    NoSuchPermission,
    /// The order has no such dispute.
    NoSuchDispute,
    /// The reference belongs to a different decision.
    ReferenceReused,
    /// There is nothing for a person to decide: it is proved, or is still being looked up.
    NotUndecided,
    /// Amazon shows something else, or does not show what the verdict needs; the member.
    AmazonSaysOtherwise(&'static str),
    /// Not yet; from when on, as far as that depends on time alone.
    TooEarly(Option<Timestamp>),
    /// Amazon gave no answer that says anything.
    AmazonSilent,
    /// A member that the verdict needs is missing.
    Missing(&'static str),
    /// A member does not belong to the verdict, or to the order.
    NotOfVerdict(&'static str),
    /// The amount is not what was charged; what was.
    NotWhatWasCharged(Money),
    /// The amount is not what is left of the charge, as Amazon shows it; what is.
    NotWhatIsLeft(Money),
    /// The amount is zero, in another currency, or more than was captured of what is disputed; what was captured.
    AboveCaptured(Money),
    /// A reminder lies in the past, or too far ahead.
    ReminderOutOfRange,
    /// Another attempt of the order is paid, or may be.
    AnotherPayment,
    /// Persons have decided that the money is refunded: the order is canceled, or is being canceled.
    OrderCanceled,
    /// Another order of this store holds the payment; the member with its id.
    OfAnotherOrder(&'static str),
    /// The payment has parcels or operations of its own: the order can be canceled instead.
    PaymentInUse,
    /// More than [`MAX_DECISIONS`](super::MAX_DECISIONS).
    TooManyDecisions,
    /// The request with this reference was not confirmed: it is over.
    RequestExpired,
}

/// How many persons a decision needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persons {
    /// One is enough.
    One,
    /// A second one must confirm it.
    Two,
}

impl Persons {
    /// The number.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// A decision that is allowed, with what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed<T> {
    /// How many persons it needs.
    pub persons: Persons,
    /// What follows.
    pub outcome: T,
}

/// What follows from a decision about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It was paid.
    Paid {
        /// The permission.
        charge_permission_id: ChargePermissionId,
        /// The charge, unless the intent is Confirm.
        charge: Option<ChargeView>,
    },
    /// It was not paid.
    NotPaid {
        /// The charge that came to nothing, if Amazon has made one.
        charge: Option<(ChargePermissionId, ChargeId)>,
    },
    /// Its money is refunded, and the order is canceled.
    Refund {
        /// The permission.
        charge_permission_id: ChargePermissionId,
        /// The charge.
        charge: ChargeView,
    },
    /// The money of one further charge of its payment is refunded; the order goes on.
    RefundCharge(ChargeView),
    /// A charge of its payment is as Amazon shows it.
    AsShown(ChargeView),
    /// What persons had decided before stays as it is.
    Affirmed,
    /// A reminder, at this instant.
    Remind(Timestamp),
}

/// Why an attempt needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// Nobody can tell whether it was paid, for this reason.
    Unresolved(UnresolvedReason),
    /// Its Finalize is in doubt, and looks have not settled it within [`DOUBTED_FOR`].
    InDoubt,
    /// It is proved unpaid, and Amazon shows money.
    UnpaidContradicted,
    /// It has succeeded, and Amazon contradicts a charge of its payment, or has answered an id of it for another order, too.
    PaymentContradicted,
    /// Persons have decided it.
    Decided,
}

/// Why an attempt needs a person, if it does, or if persons have decided it.
#[must_use]
pub fn undecided(checkout: &Checkout, attempt: &Attempt, now: Timestamp) -> Option<Undecided> {
    match &attempt.state {
        AttemptState::Unresolved { reason: UnresolvedReason::Refunding, .. } => None,
        AttemptState::Unresolved { reason, .. } => Some(Undecided::Unresolved(*reason)),
        AttemptState::Finalize(in_flight) => {
            let lasts = |since| now.since(since) >= DOUBTED_FOR;
            in_flight.doubt().filter(|doubt| lasts(doubt.since)).map(|_| Undecided::InDoubt)
        }
        AttemptState::NotPaid { .. } if attempt.state.is_contradicted() => {
            Some(Undecided::UnpaidContradicted)
        }
        AttemptState::Completed { .. }
            if contradicted_charge(checkout, attempt).is_some() || checkout.is_contested() =>
        {
            Some(Undecided::PaymentContradicted)
        }
        AttemptState::Completed { .. } | AttemptState::NotPaid { .. } => {
            checkout.decisions.of(&Subject::Attempt(attempt.number)).map(|_| Undecided::Decided)
        }
        AttemptState::Bound { .. }
        | AttemptState::Pending { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Released { .. } => None,
    }
}

/// Why there is nothing to decide about an attempt.
pub(super) fn not_undecided(attempt: &Attempt, now: Timestamp) -> DecisionRefused {
    let from = attempt.state.doubt().map(|doubt| doubt.since.plus(DOUBTED_FOR)).filter(|from| now < *from);
    from.map_or(DecisionRefused::NotUndecided, |from| DecisionRefused::TooEarly(Some(from)))
}

/// The charge of an attempt's payment that Amazon contradicts, if it contradicts one: first its own.
#[must_use]
pub fn contradicted_charge<'a>(checkout: &'a Checkout, attempt: &Attempt) -> Option<&'a Charge> {
    let AttemptState::Completed { completion, charge_permission_id, .. } = &attempt.state else {
        return None;
    };
    let payment = checkout.payment.as_ref().filter(|it| it.charge_permission_id == *charge_permission_id)?;
    let is_contradicted = |charge: &&Charge| charge.contradicted_by().is_some();
    let own = completion.charge_id().and_then(|id| payment.charge(id));
    own.filter(is_contradicted).or_else(|| payment.charges.iter().find(is_contradicted))
}

/// Judges a decision about an attempt.
///
/// # Errors
/// The first rule that it breaks.
pub fn attempt(
    checkout: &Checkout,
    attempt: &Attempt,
    asked: &Asked,
    shows: &AmazonShows,
    now: Timestamp,
) -> Result<Allowed<AttemptOutcome>, DecisionRefused> {
    let why = undecided(checkout, attempt, now).ok_or_else(|| not_undecided(attempt, now))?;
    let subject = Subject::Attempt(attempt.number);
    let holds = checkout.decisions.of(&subject);
    let is_decided_so = holds.is_some_and(|it| it.asked.verdict() == asked.verdict());
    if why == Undecided::Decided && is_decided_so && !checkout.decisions.is_disputed_about(&subject) {
        return Err(DecisionRefused::NotUndecided);
    }
    let case = Case { checkout, attempt, why, shows, now };
    let allowed = match asked {
        Asked::Paid { charge_permission_id, charge_id, amount } => {
            case.paid(charge_permission_id.as_ref(), charge_id.as_ref(), *amount)?
        }
        Asked::NotPaid => case.not_paid()?,
        Asked::Refund { charge_permission_id, charge_id, amount } => {
            case.refund(charge_permission_id.as_ref(), charge_id, *amount)?
        }
        Asked::Remind { .. } if why == Undecided::Decided => return Err(DecisionRefused::NotUndecided),
        Asked::Remind { at } => {
            let outcome = AttemptOutcome::Remind(reminder(*at, now)?);
            Allowed { persons: Persons::One, outcome }
        }
        Asked::Done { .. }
        | Asked::NoEffect
        | Asked::Ours
        | Asked::NotOurs
        | Asked::RefundUnexplained { .. }
        | Asked::Won
        | Asked::Lost { .. } => return Err(DecisionRefused::NotOfVerdict("verdict")),
    };
    // Only two persons undo what was decided.
    let persons = if why == Undecided::Decided { Persons::Two } else { allowed.persons };
    Ok(Allowed { persons, ..allowed })
}

/// The time of a reminder.
pub(super) fn reminder(at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, DecisionRefused> {
    let at = at.unwrap_or(now.plus(REMIND_AFTER));
    let is_ahead = at > now && at <= now.plus(REMIND_WITHIN);
    if is_ahead { Ok(at) } else { Err(DecisionRefused::ReminderOutOfRange) }
}

/// The member that a misfit is about, as Amazon names it.
pub(super) const fn member_of(misfit: Misfit) -> &'static str {
    match misfit {
        Misfit::ChargePermissionDiffers => "chargePermissionId",
        Misfit::CurrencyDiffers => "chargeAmount.currencyCode",
        Misfit::ChargeAmountDiffers | Misfit::AmountUnreadable => "chargeAmount",
        Misfit::CaptureAmountDiffers => "captureAmount",
        Misfit::RefundAmountDiffers => "refundAmount",
        Misfit::OfAnotherAct | Misfit::PaidTwice | Misfit::IdsDiffer => "chargeId",
        Misfit::ReferenceDiffers => "merchantMetadata.merchantReferenceId",
        Misfit::StateDiffers => STATE,
        Misfit::TermsMoved => "termsVersion",
    }
}

pub(super) const STATE: &str = "statusDetails.state";
const REFERENCE: &str = "merchantMetadata.merchantReferenceId";

/// What links a permission to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// The attempt's session names it, or is known to have made it.
    Session,
    /// Only its merchant reference does, or the reference is another one by now.
    Weak,
}

/// What of a charge was refunded, as far as it is shown.
pub(super) fn given_back(charge: &ChargeView) -> Option<Money> {
    match charge.refunded {
        AmountView::Shown(refunded) => Some(refunded),
        AmountView::Absent => charge.seen.charge_amount.shown().map(|it| Money::zero(it.currency())),
        AmountView::Unreadable => None,
    }
}

/// What of a charge can be returned to its buyer, as far as that is shown.
#[must_use]
pub fn left_of(charge: &ChargeView) -> Option<Money> {
    match charge.seen.state {
        AmazonChargeState::Captured => {
            let back = given_back(charge)?;
            let captured = charge.captured.shown().filter(|it| it.currency() == back.currency());
            captured.map(|captured| captured.less(back))
        }
        AmazonChargeState::AuthorizationInitiated
        | AmazonChargeState::Authorized
        | AmazonChargeState::CaptureInitiated
        | AmazonChargeState::Declined
        | AmazonChargeState::Canceled => charge.seen.charge_amount.shown(),
    }
}

/// A refund names exactly what is left of its charge, which holds or keeps money. Where nothing is left, or Amazon does
/// not show how much, the amount is not at fault.
pub(super) fn check_left(charge: &ChargeView, amount: Money) -> Result<(), DecisionRefused> {
    use DecisionRefused::AmazonSaysOtherwise as Otherwise;
    if charge.seen.charge_amount.shown().is_none() {
        return Err(Otherwise("chargeAmount"));
    }
    let member = match charge.seen.state {
        AmazonChargeState::AuthorizationInitiated | AmazonChargeState::CaptureInitiated => {
            return Err(DecisionRefused::TooEarly(None));
        }
        AmazonChargeState::Declined | AmazonChargeState::Canceled => return Err(Otherwise(STATE)),
        AmazonChargeState::Authorized => "chargeAmount",
        AmazonChargeState::Captured if given_back(charge).is_none() => {
            return Err(Otherwise("refundedAmount"));
        }
        AmazonChargeState::Captured => "captureAmount",
    };
    match left_of(charge).filter(|left| !left.is_zero()) {
        None => Err(Otherwise(member)),
        Some(left) if left != amount => Err(DecisionRefused::NotWhatIsLeft(left)),
        Some(_) => Ok(()),
    }
}

/// Whether a charge, as it is shown, neither holds nor keeps money.
fn is_without_money(charge: &ChargeView) -> bool {
    match charge.seen.state {
        AmazonChargeState::Declined | AmazonChargeState::Canceled => true,
        AmazonChargeState::Captured => {
            let captured = charge.captured.shown();
            captured.zip(given_back(charge)).is_some_and(|(captured, back)| {
                captured.currency() == back.currency() && back.minor() >= captured.minor()
            })
        }
        AmazonChargeState::AuthorizationInitiated
        | AmazonChargeState::Authorized
        | AmazonChargeState::CaptureInitiated => false,
    }
}

/// A payment may be dropped if nothing has happened under it: a dropped payment is forgotten, with its disputes and
/// refunds.
pub(super) fn may_drop_payment(checkout: &Checkout, attempt: &Attempt) -> Result<(), DecisionRefused> {
    let Some(payment) = &checkout.payment else { return Ok(()) };
    let has_refunds = |it: &Charge| !it.refunds.is_empty() || it.has_refunds_of_others();
    if !payment.disputes.is_empty() || payment.charges.iter().any(has_refunds) {
        return Err(DecisionRefused::PaymentInUse);
    }
    is_unused(payment, attempt)
}

/// Nothing but the attempt's own charge holds money, has parcels or is asked for.
fn is_unused(payment: &Payment, attempt: &Attempt) -> Result<(), DecisionRefused> {
    let own = attempt.state.ids().and_then(|(_, charge)| charge);
    let is_used = |it: &Charge| !it.shipments.is_empty() || (own != Some(&it.id) && it.state.holds_money());
    let is_asked = |it: &Operation| !matches!(it.state, OperationState::Refused { .. });
    if payment.charges.iter().any(is_used) || payment.operations.iter().any(is_asked) {
        return Err(DecisionRefused::PaymentInUse);
    }
    Ok(())
}

fn is_paid(decision: &Decision) -> bool {
    matches!(decision.asked, Asked::Paid { .. })
}

/// What a decision about an attempt is judged by.
struct Case<'a> {
    checkout: &'a Checkout,
    attempt: &'a Attempt,
    why: Undecided,
    shows: &'a AmazonShows,
    now: Timestamp,
}

impl Case<'_> {
    /// Whether it is known that a Finalize of this store was sent for the session.
    fn was_sent(&self) -> bool {
        match &self.attempt.state {
            AttemptState::Unresolved { send, .. } => send.is_some(),
            AttemptState::Finalize(_) | AttemptState::NotApproved(_) | AttemptState::Pending { .. } => true,
            // Its charge may be that of a session that another client of the account completed.
            AttemptState::NotPaid { .. } => self.attempt.was_sent,
            // Where nothing was sent, two persons had to say that it was paid, or whose the permission is.
            AttemptState::Completed { charge_permission_id, .. } => {
                let decisions = &self.checkout.decisions;
                let holds = decisions.of(&Subject::Attempt(self.attempt.number));
                let is_adopted = decisions.of(&Subject::Unexplained(charge_permission_id.clone())).is_some();
                !is_adopted
                    && self.attempt.session().is_some()
                    && holds.is_none_or(|it| !is_paid(it) || it.second.is_none())
            }
            AttemptState::Bound { .. } | AttemptState::Surplus { .. } | AttemptState::Released { .. } => {
                false
            }
        }
    }

    /// When the attempt was sent, or a little later.
    fn sent_at(&self) -> Timestamp {
        match &self.attempt.state {
            AttemptState::Unresolved { sent_at, .. } => *sent_at,
            AttemptState::Finalize(in_flight) => in_flight.sent_at().unwrap_or(self.attempt.bound_at),
            AttemptState::Bound { .. }
            | AttemptState::Pending { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Released { .. } => self.attempt.bound_at.plus(DAY),
        }
    }

    fn shown<'s, T>(&self, shown: &'s Shown<T>, member: &'static str) -> Result<&'s T, DecisionRefused> {
        match shown {
            Shown::It(it) => Ok(it),
            Shown::Silent => Err(DecisionRefused::AmazonSilent),
            Shown::Missing => Err(DecisionRefused::AmazonSaysOtherwise(member)),
            Shown::NotAsked => Err(DecisionRefused::Missing(member)),
        }
    }

    /// Nothing else of the order may be paid already.
    fn only_payment(&self, permission: &ChargePermissionId) -> Result<(), DecisionRefused> {
        let is_other = |it: &&Attempt| it.number != self.attempt.number && it.state.is_live();
        let payment = self.checkout.payment.as_ref();
        let is_elsewhere = payment.is_some_and(|payment| payment.charge_permission_id != *permission);
        let is_taken = self.checkout.attempts.iter().any(|it| is_other(&it)) || is_elsewhere;
        if is_taken { Err(DecisionRefused::AnotherPayment) } else { Ok(()) }
    }

    /// What links the permission to this order. `charge` must be the session's, too, if it is named.
    ///
    /// That a session cannot be asked says nothing; that Amazon has none counts only if it says so repeatedly. Then
    /// only the permission's reference is left, and the buyer's browser has set that.
    fn link_to(
        &self,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) -> Result<(&PermissionFacts, Link), DecisionRefused> {
        use DecisionRefused::AmazonSaysOtherwise as Otherwise;
        if self.shows.holder.as_ref().is_some_and(|holder| *holder != self.checkout.id) {
            return Err(DecisionRefused::OfAnotherOrder(self.shows.held.unwrap_or("chargePermissionId")));
        }
        let is_named = self.is_named_by_session(permission, charge)?;
        let facts = self.shown(&self.shows.permission, "chargePermissionId")?;
        if facts.id != *permission {
            return Err(Otherwise("chargePermissionId"));
        }
        let is_ours = facts.merchant_reference_id.as_deref().map(|it| it == self.checkout.id.as_str());
        match (is_named, is_ours) {
            (true, None | Some(true)) => Ok((facts, Link::Session)),
            // The reference can be rewritten once the permission exists.
            (true, Some(false)) if self.was_sent() => Ok((facts, Link::Weak)),
            (false, Some(true)) => Ok((facts, Link::Weak)),
            (true | false, Some(false)) | (false, None) => Err(Otherwise(REFERENCE)),
        }
    }

    /// Whether the attempt's session names the permission, or is known to have made it.
    fn is_named_by_session(
        &self,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) -> Result<bool, DecisionRefused> {
        use DecisionRefused::AmazonSaysOtherwise as Otherwise;
        let is_known = self.attempt.state.ids().is_some_and(|(known, _)| known == permission);
        if self.attempt.session().is_none() {
            return Ok(is_known);
        }
        // While another order may have the payment, only the session says whose it is.
        let is_known = is_known && !self.checkout.is_contested();
        match &self.shows.session {
            Shown::It(SessionView::Open(_) | SessionView::Canceled { .. }) => Err(Otherwise(STATE)),
            Shown::It(SessionView::Completed { charge_permission_id, charge_id }) => {
                if charge_permission_id.as_ref().is_some_and(|shown| shown != permission) {
                    return Err(Otherwise("chargePermissionId"));
                }
                if charge_id.as_ref().zip(charge).is_some_and(|(shown, charge)| shown != charge) {
                    return Err(Otherwise("chargeId"));
                }
                Ok(charge_permission_id.is_some() || is_known)
            }
            Shown::It(SessionView::NotFound(_)) | Shown::Missing if is_known => Ok(true),
            Shown::It(SessionView::NotFound(_)) | Shown::Missing => self.session_is_gone().map(|()| false),
            Shown::Silent | Shown::NotAsked => Err(DecisionRefused::AmazonSilent),
        }
    }

    /// Amazon has said often enough, over a long enough time, that it has no such session.
    fn session_is_gone(&self) -> Result<(), DecisionRefused> {
        if absence::counts(self.checkout, self.attempt.number, self.now) {
            return Ok(());
        }
        let counted = absence::counted(self.checkout, self.attempt.number);
        let from = counted.map(|it| it.first_at.plus(absence::MISSING_FOR));
        Err(DecisionRefused::TooEarly(from.filter(|from| *from > self.now)))
    }

    /// The ids that the session shows, for what a decision does not name.
    fn ids_of_session(&self) -> (Option<&ChargePermissionId>, Option<&ChargeId>) {
        match self.shows.session.it() {
            Some(SessionView::Completed { charge_permission_id, charge_id }) => {
                (charge_permission_id.as_ref(), charge_id.as_ref())
            }
            Some(SessionView::Open(_) | SessionView::Canceled { .. } | SessionView::NotFound(_)) | None => {
                (None, None)
            }
        }
    }

    /// Whether Amazon made something for this order's session: not before the order was registered, and not
    /// after the session's end.
    fn is_of_its_time(&self, created_at: Option<Timestamp>) -> Result<(), DecisionRefused> {
        let earliest = self.checkout.registered_at.minus(CLOCKS_DIFFER_BY);
        let latest = self.attempt.bound_at.plus(SESSION_LIFETIME).plus(CLOCKS_DIFFER_BY);
        let fits = created_at.is_some_and(|at| at >= earliest && at <= latest);
        if fits { Ok(()) } else { Err(DecisionRefused::AmazonSaysOtherwise("creationTimestamp")) }
    }

    fn paid(
        &self,
        permission: Option<&ChargePermissionId>,
        charge: Option<&ChargeId>,
        amount: Option<Money>,
    ) -> Result<Allowed<AttemptOutcome>, DecisionRefused> {
        use DecisionRefused::{AmazonSaysOtherwise as Otherwise, Missing, NotOfVerdict};
        let terms = &self.checkout.terms;
        if let Some(known) = self.further_charge(charge) {
            return self.as_shown(known, amount);
        }
        if self.is_being_refunded() {
            return Err(DecisionRefused::OrderCanceled);
        }
        if self.affirms_payment(permission, charge, amount)? {
            return Ok(Allowed { persons: Persons::Two, outcome: AttemptOutcome::Affirmed });
        }
        let (of_session, charge_of_session) = self.ids_of_session();
        let is_charged = terms.payment_intent != PaymentIntent::Confirm;
        if !is_charged && charge.is_some() {
            return Err(NotOfVerdict("chargeId"));
        }
        if let Shown::It(SessionView::Open(_) | SessionView::Canceled { .. }) = self.shows.session {
            return Err(Otherwise(STATE));
        }
        if permission.or(of_session).is_none() && self.shows.session == Shown::Silent {
            return Err(DecisionRefused::AmazonSilent);
        }
        let permission = permission.or(of_session).ok_or(Missing("chargePermissionId"))?;
        let charge = charge.or(charge_of_session);
        if is_charged && charge.is_none() {
            return Err(Missing("chargeId"));
        }
        self.only_payment(permission)?;
        let (facts, link) = self.link_to(permission, charge.filter(|_| is_charged))?;
        self.is_of_its_time(facts.created_at)?;
        let limit = terms.total_order_amount.unwrap_or(terms.charge_amount);
        if facts.limit.shown() != Some(limit) {
            return Err(Otherwise("limits.amountLimit"));
        }
        if amount.is_some_and(|amount| amount != terms.charge_amount) {
            return Err(DecisionRefused::NotWhatWasCharged(terms.charge_amount));
        }
        let charge = if is_charged { Some(self.paid_charge(permission, charge)?) } else { None };
        if charge.as_ref().is_some_and(|charge| !self.is_as_far_as_proved(charge)) {
            return Err(Otherwise(STATE));
        }
        let persons = match link {
            Link::Session if self.was_sent() => Persons::One,
            Link::Session | Link::Weak => Persons::Two,
        };
        // No rule is left below this line.
        let charge_permission_id = permission.clone();
        let outcome = match charge {
            // It is paid already: what Amazon contradicted is as it shows it now.
            Some(charge) if self.has_begun_a_payment() => AttemptOutcome::AsShown(charge),
            charge => AttemptOutcome::Paid { charge_permission_id, charge },
        };
        Ok(Allowed { persons, outcome })
    }

    /// Whether the order's cancellation refunds the attempt's money because persons have decided so: what is on its
    /// way back cannot pay for the order.
    fn is_being_refunded(&self) -> bool {
        let holds = self.checkout.decisions.of(&Subject::Attempt(self.attempt.number));
        self.is_canceled() && holds.is_some_and(|it| matches!(it.asked, Asked::Refund { .. }))
    }

    /// Whether a charge shows no less than what the attempt is proved to have come to, if it is.
    fn is_as_far_as_proved(&self, charge: &ChargeView) -> bool {
        use AmazonChargeState::{Authorized, CaptureInitiated, Captured};
        let AttemptState::Completed { completion, .. } = &self.attempt.state else { return true };
        match completion {
            Completion::Captured(_) => charge.seen.state == Captured,
            Completion::CaptureInitiated(_) => matches!(charge.seen.state, CaptureInitiated | Captured),
            Completion::Authorized(_) => {
                matches!(charge.seen.state, Authorized | CaptureInitiated | Captured)
            }
            Completion::Confirmed => true,
        }
    }

    /// Whether persons repeat that the attempt was paid as they had decided, because somebody disputes it. Its money
    /// is not compared again: it may have been captured in part, or refunded, since.
    fn affirms_payment(
        &self,
        permission: Option<&ChargePermissionId>,
        charge: Option<&ChargeId>,
        amount: Option<Money>,
    ) -> Result<bool, DecisionRefused> {
        let AttemptState::Completed { completion, charge_permission_id, .. } = &self.attempt.state else {
            return Ok(false);
        };
        let own = completion.charge_id();
        let is_same = permission.is_none_or(|it| it == charge_permission_id)
            && charge.is_none_or(|it| Some(it) == own)
            && amount.is_none_or(|it| it == self.checkout.terms.charge_amount);
        if self.why != Undecided::Decided || !is_same {
            return Ok(false);
        }
        if own.is_some() {
            self.shown(&self.shows.charge, "chargeId")?;
        } else {
            self.shown(&self.shows.permission, "chargePermissionId")?;
        }
        Ok(true)
    }

    /// The charge that a decision names, if it is one of the attempt's payment, but not its own, and Amazon
    /// contradicts it.
    fn further_charge(&self, charge: Option<&ChargeId>) -> Option<&Charge> {
        let AttemptState::Completed { completion, .. } = &self.attempt.state else { return None };
        let id = charge.filter(|it| Some(*it) != completion.charge_id())?;
        let payment =
            self.checkout.payment.as_ref().filter(|_| self.why == Undecided::PaymentContradicted)?;
        payment.charge(id).filter(|it| it.contradicted_by().is_some())
    }

    /// A further charge, whole and under the order's permission, as Amazon shows it.
    fn shown_further(&self, known: &Charge) -> Result<(&ChargeView, Money), DecisionRefused> {
        use DecisionRefused::AmazonSaysOtherwise as Otherwise;
        let charge = self.shown(&self.shows.charge, "chargeId")?;
        if charge.id != known.id {
            return Err(Otherwise("chargeId"));
        }
        let payment = self.checkout.payment.as_ref().map(|payment| &payment.charge_permission_id);
        if charge.charge_permission_id.as_ref() != payment {
            return Err(Otherwise("chargePermissionId"));
        }
        let amount = charge.seen.charge_amount.shown().ok_or(Otherwise("chargeAmount"))?;
        if amount.currency() != known.amount.currency() {
            return Err(Otherwise("chargeAmount.currencyCode"));
        }
        let is_captured = charge.seen.state == AmazonChargeState::Captured;
        if is_captured && charge.captured.shown().is_none_or(|it| it.currency() != amount.currency()) {
            return Err(Otherwise("captureAmount"));
        }
        Ok((charge, amount))
    }

    fn as_shown(
        &self,
        known: &Charge,
        amount: Option<Money>,
    ) -> Result<Allowed<AttemptOutcome>, DecisionRefused> {
        let (charge, shown) = self.shown_further(known)?;
        if amount.is_some_and(|amount| amount != shown) {
            return Err(DecisionRefused::NotWhatWasCharged(shown));
        }
        Ok(Allowed { persons: Persons::One, outcome: AttemptOutcome::AsShown(charge.clone()) })
    }

    /// The charge by which the attempt was paid, if Amazon shows that.
    fn paid_charge(
        &self,
        permission: &ChargePermissionId,
        id: Option<&ChargeId>,
    ) -> Result<ChargeView, DecisionRefused> {
        use DecisionRefused::AmazonSaysOtherwise as Otherwise;
        let charge = self.shown(&self.shows.charge, "chargeId")?;
        if Some(&charge.id) != id {
            return Err(Otherwise("chargeId"));
        }
        let amount = self.checkout.terms.charge_amount;
        // Of a payment that was in use before it was contested, perhaps only a part is captured.
        let contested = self.checkout.payment.as_ref().filter(|payment| payment.is_contested());
        let known = contested.and_then(|payment| Some((payment, payment.charge(&charge.id)?)));
        let captured = known.map_or(Some(amount), |(payment, known)| payment.expected_capture(known));
        let expected = ExpectedCharge {
            charge_permission_id: permission,
            currency: amount.currency(),
            amount: Some(amount),
            captured,
            excluded: &[AmazonChargeState::Declined, AmazonChargeState::Canceled],
        };
        match charge_proof(charge, &expected) {
            Proof::Fits(_) => {}
            Proof::Contradicts(misfit) => return Err(Otherwise(member_of(misfit))),
            Proof::Nothing(_) if charge.charge_permission_id.is_none() => {
                return Err(Otherwise("chargePermissionId"));
            }
            Proof::Nothing(_) if charge.seen.charge_amount.shown().is_none() => {
                return Err(Otherwise("chargeAmount"));
            }
            Proof::Nothing(_) => return Err(Otherwise("captureAmount")),
        }
        self.is_of_its_time(charge.created_at)?;
        Ok(charge.clone())
    }

    fn not_paid(&self) -> Result<Allowed<AttemptOutcome>, DecisionRefused> {
        use DecisionRefused::{AmazonSaysOtherwise as Otherwise, AmazonSilent, NotUndecided, TooEarly};
        if let AttemptState::NotPaid { .. } = &self.attempt.state
            && self.why == Undecided::Decided
        {
            if self.shows.session == Shown::Silent {
                return Err(AmazonSilent);
            }
            if self.shows_money_of_this_order() {
                return Err(Otherwise(STATE));
            }
            return Ok(Allowed { persons: Persons::Two, outcome: AttemptOutcome::Affirmed });
        }
        let own = self.attempt.state.ids().and_then(|(_, charge)| charge);
        let charge = self.shows.charge.it().filter(|it| own.is_none_or(|own| *own == it.id));
        let is_over = charge.is_some_and(is_without_money);
        let failed = charge.and_then(|it| Some((it.charge_permission_id.clone()?, it.id.clone())));
        let outcome = AttemptOutcome::NotPaid { charge: failed.filter(|_| is_over) };
        let by = |persons| Ok(Allowed { persons, outcome: outcome.clone() });
        if self.has_anothers_payment() {
            // Whatever was done with it was done with another order's payment.
            return by(Persons::Two);
        }
        if self.has_begun_a_payment() {
            let own = own.and_then(|own| self.checkout.payment.as_ref()?.charge(own));
            let is_contradicted = own.is_some_and(|own| own.contradicted_by().is_some());
            if self.why == Undecided::PaymentContradicted && !is_contradicted && !self.checkout.is_contested()
            {
                return Err(NotUndecided);
            }
            match (may_drop_payment(self.checkout, self.attempt), charge) {
                (Ok(()), _) => {}
                // The cancellation undoes the rest.
                (Err(_), Some(charge)) if is_contradicted && is_over && self.is_canceled() => {
                    let outcome = AttemptOutcome::AsShown(charge.clone());
                    return Ok(Allowed { persons: Persons::One, outcome });
                }
                (Err(refused), _) => return Err(refused),
            }
        }
        match self.why {
            Undecided::PaymentContradicted | Undecided::UnpaidContradicted => {
                return match &self.shows.charge {
                    Shown::It(_) if is_over => by(Persons::One),
                    Shown::It(_) => Err(Otherwise(STATE)),
                    Shown::Silent | Shown::NotAsked => Err(AmazonSilent),
                    Shown::Missing => Err(Otherwise("chargeId")),
                };
            }
            Undecided::Unresolved(_) | Undecided::InDoubt | Undecided::Decided => {}
        }
        let is_old = self.now.since(self.sent_at()) >= FORGOTTEN_AFTER;
        let too_early = || TooEarly(Some(self.sent_at().plus(FORGOTTEN_AFTER)));
        match &self.shows.session {
            Shown::Silent => Err(AmazonSilent),
            Shown::It(SessionView::Canceled { .. }) => by(Persons::One),
            Shown::It(SessionView::Completed { .. }) if is_over => by(Persons::One),
            // Two persons can take back what two persons had said of it.
            Shown::It(SessionView::Completed { .. })
                if !self.was_sent() && self.why != Undecided::Decided && self.shows_money_of_this_order() =>
            {
                Err(Otherwise(STATE))
            }
            // It is the payment of another order: this store has sent nothing for it.
            Shown::It(SessionView::Completed { .. }) if !self.was_sent() => by(Persons::Two),
            Shown::It(SessionView::Completed { .. }) => Err(Otherwise(STATE)),
            _ if charge.is_some() && !is_over && self.was_sent() => Err(Otherwise(STATE)),
            _ if !self.was_sent() && self.why != Undecided::Decided => by(Persons::Two),
            _ if !is_old => Err(too_early()),
            Shown::It(SessionView::Open(_)) => by(Persons::Two),
            Shown::It(SessionView::NotFound(_)) | Shown::Missing | Shown::NotAsked => {
                // By now Amazon has deleted it: that needs no charge that shows that the account is reached.
                if !absence::is_repeated(self.checkout, self.attempt.number, self.now) {
                    self.session_is_gone()?;
                }
                by(Persons::Two)
            }
        }
    }

    /// Whether the session is shown to be completed, with money that no other order's reference is at: to call the
    /// attempt unpaid would overrule that. A charge that Amazon does not show may hold money, too.
    fn shows_money_of_this_order(&self) -> bool {
        let Shown::It(SessionView::Completed { charge_permission_id, .. }) = &self.shows.session else {
            return false;
        };
        let facts = self.shows.permission.it();
        let reference = facts.and_then(|facts| facts.merchant_reference_id.as_deref());
        let is_anothers = reference.is_some_and(|it| it != self.checkout.id.as_str())
            || self.shows.holder.as_ref().is_some_and(|holder| *holder != self.checkout.id);
        let has_money = match (&self.shows.charge, self.checkout.terms.payment_intent) {
            (_, PaymentIntent::Confirm) => {
                facts.is_some_and(|it| !matches!(it.state, PermissionState::Closed(_)))
            }
            (Shown::It(charge), _) => !is_without_money(charge),
            (Shown::Silent, _) => true,
            (Shown::Missing | Shown::NotAsked, _) => false,
        };
        charge_permission_id.is_some() && has_money && !is_anothers
    }

    /// Whether another order has the payment, too, and the session names another one.
    fn has_anothers_payment(&self) -> bool {
        let (permission, charge) = self.ids_of_session();
        let names_another = |(id, known): (&ChargePermissionId, Option<&ChargeId>)| {
            permission.is_some_and(|shown| shown != id)
                || charge.zip(known).is_some_and(|(shown, known)| shown != known)
        };
        self.has_begun_a_payment()
            && self.checkout.is_contested()
            && self.attempt.state.ids().is_some_and(names_another)
    }

    fn has_begun_a_payment(&self) -> bool {
        matches!(self.attempt.state, AttemptState::Completed { .. })
    }

    const fn is_canceled(&self) -> bool {
        self.checkout.cancellation.is_some()
    }

    fn refund(
        &self,
        permission: Option<&ChargePermissionId>,
        charge_id: &ChargeId,
        amount: Money,
    ) -> Result<Allowed<AttemptOutcome>, DecisionRefused> {
        use DecisionRefused::AmazonSaysOtherwise as Otherwise;
        let charge = self.shown(&self.shows.charge, "chargeId")?;
        if charge.id != *charge_id {
            return Err(Otherwise("chargeId"));
        }
        let shown = charge.charge_permission_id.as_ref().ok_or(Otherwise("chargePermissionId"))?;
        if permission.is_some_and(|permission| permission != shown) {
            return Err(Otherwise("chargePermissionId"));
        }
        self.only_payment(shown)?;
        let further = self.further_charge(Some(charge_id));
        self.link_to(shown, Some(charge_id).filter(|_| further.is_none()))?;
        match (&self.checkout.payment, further) {
            (None, _) => {}
            (Some(_), Some(known)) => {
                self.shown_further(known)?;
            }
            (Some(payment), None) => {
                // Only what the payment's own attempt is known by is its money.
                let own = self.attempt.state.ids().and_then(|(_, charge)| charge);
                if own != Some(charge_id) {
                    return Err(Otherwise("chargeId"));
                }
                // A canceled order is undone by its cancellation, as far as the shop has asked for that.
                if !self.is_canceled() {
                    is_unused(payment, self.attempt)?;
                }
            }
        }
        check_left(charge, amount)?;
        let is_proved = self.why == Undecided::PaymentContradicted
            && !self.checkout.is_contested()
            && further.is_none_or(|known| known.is_ours());
        // No rule is left below this line.
        let persons = if is_proved { Persons::One } else { Persons::Two };
        let (charge_permission_id, charge) = (shown.clone(), charge.clone());
        let outcome = match further {
            Some(_) => AttemptOutcome::RefundCharge(charge),
            None => AttemptOutcome::Refund { charge_permission_id, charge },
        };
        Ok(Allowed { persons, outcome })
    }
}
