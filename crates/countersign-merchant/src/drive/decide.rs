//! Decisions of persons. Amazon is asked in the same act: what it shows is applied by the rules first, which may
//! settle the matter without anybody; then the decision is made on the newest checkout, by compare-and-set on its
//! version, and judged by what Amazon has just shown. Nothing is sent to Amazon in between.

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutId, RefundId};
use countersign_domain::merchant::after::unexplained::heard_seen;
use countersign_domain::merchant::attempt::agree::SessionView;
use countersign_domain::merchant::attempt::look::session_seen;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::decision::judge::{self, DecisionRefused, Persons};
use countersign_domain::merchant::decision::make::{
    Before, DecisionRequest, check_undecided, known, make, persons_needed,
};
use countersign_domain::merchant::decision::shown::{AmazonShows, Shown};
use countersign_domain::merchant::decision::{Asked, Decision, Subject, operation};
use countersign_domain::merchant::next::{BoundSession, NextStep};
use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use countersign_domain::merchant::payment::charge::{AmazonChargeState, ChargeView};
use countersign_domain::merchant::payment::contest::ClaimedId;
use countersign_domain::merchant::payment::operation::{OperationName, OwnName, PaymentCall, UndoStep};
use countersign_domain::merchant::payment::permission::PermissionView;
use countersign_domain::merchant::payment::send::{charge_shown, permission_shown, refund_shown};
use countersign_domain::money::Money;

use super::App;
use super::driver::Driver;
use crate::book::{DecisionError, StoreFailed};
use crate::registration::Registration;

/// Why a decision is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DecideRefused {
    /// No checkout has this id.
    NotFound,
    /// Another order holds the payment; the member with its id.
    OfAnotherOrder(&'static str, CheckoutId),
    /// A rule refuses it.
    Rule(DecisionRefused),
}

type DecideResult<T> = Result<T, DecisionError<DecideRefused>>;

/// What Amazon shows of an object that persons decide about, and which verdicts it allows.
pub(crate) struct Inquiry {
    pub(crate) registration: Registration,
    pub(crate) subject: Subject,
    pub(crate) shows: AmazonShows,
    /// Each verdict with the number of persons that it needs, or why it would be refused.
    pub(crate) verdicts: Vec<(Asked, Result<Persons, DecisionRefused>)>,
}

/// The ids that a decision names.
#[derive(Default)]
struct Named<'a> {
    permission: Option<&'a ChargePermissionId>,
    charge: Option<&'a ChargeId>,
    refund: Option<&'a RefundId>,
}

impl<'a> Named<'a> {
    fn by(asked: &'a Asked) -> Self {
        match asked {
            Asked::Paid { charge_permission_id, charge_id, .. } => Self {
                permission: charge_permission_id.as_ref(),
                charge: charge_id.as_ref(),
                ..Self::default()
            },
            Asked::Refund { charge_permission_id, charge_id, .. } => {
                Self { permission: charge_permission_id.as_ref(), charge: Some(charge_id), ..Self::default() }
            }
            Asked::Done { charge_id, refund_id } => {
                Self { charge: charge_id.as_ref(), refund: refund_id.as_ref(), ..Self::default() }
            }
            Asked::NotPaid
            | Asked::NoEffect
            | Asked::Ours
            | Asked::NotOurs
            | Asked::RefundUnexplained { .. }
            | Asked::Won
            | Asked::Lost { .. }
            | Asked::Remind { .. } => Self::default(),
        }
    }
}

impl Named<'_> {
    /// The member of the request that names an id, or something of the same payment; without one, the member of
    /// Amazon's that has the id.
    fn member_of(&self, held: &ClaimedId) -> &'static str {
        match held {
            ClaimedId::Permission(_) if self.permission.is_none() && self.charge.is_some() => "chargeId",
            ClaimedId::Permission(_) => "chargePermissionId",
            ClaimedId::Charge(_) if self.charge.is_none() && self.permission.is_some() => {
                "chargePermissionId"
            }
            ClaimedId::Charge(_) => "chargeId",
            ClaimedId::Refund(_) => "refundId",
        }
    }
}

fn by_rule(refused: DecisionRefused) -> DecisionError<DecideRefused> {
    DecisionError::Refused(DecideRefused::Rule(refused))
}

impl App {
    /// Makes a decision of a person's, or records it for a second person.
    pub(crate) async fn decide_by_person(
        &self,
        checkout_id: &str,
        request: &DecisionRequest<'_>,
    ) -> DecideResult<(Registration, Decision)> {
        let loaded = self.checkout(checkout_id).await?;
        let loaded = loaded.ok_or(DecisionError::Refused(DecideRefused::NotFound))?;
        let checkout = &loaded.registration.checkout;
        if let Some(known) = known(checkout, request, self.clock.now()).map_err(by_rule)? {
            return Ok((loaded.registration, known));
        }
        check_undecided(checkout, request.subject, self.clock.now()).map_err(by_rule)?;
        let mut driver = self.driver_of(checkout_id, loaded);
        let shows = driver.inquire(request.subject, &Named::by(request.asked)).await?;
        let decide = |draft: &mut Draft| {
            make(draft, request, &shows, Before::Undecided).map_err(|refused| {
                match (refused, &shows.holder) {
                    (DecisionRefused::OfAnotherOrder(member), Some(holder)) => {
                        DecisionError::Refused(DecideRefused::OfAnotherOrder(member, holder.clone()))
                    }
                    (refused, _) => by_rule(refused),
                }
            })
        };
        let (after, decision) = self.decide(checkout_id, driver.take_known(), decide).await?;
        let decision = decision.ok_or(DecisionError::Refused(DecideRefused::NotFound))?;
        let after = match after {
            Some(after) => after,
            None => {
                self.checkout(checkout_id).await?.ok_or(DecisionError::Refused(DecideRefused::NotFound))?
            }
        };
        Ok((after.registration, decision))
    }

    /// Asks Amazon about an object now, and says what could be decided.
    pub(crate) async fn inquire(&self, checkout_id: &str, subject: Subject) -> DecideResult<Inquiry> {
        let loaded = self.checkout(checkout_id).await?;
        let loaded = loaded.ok_or(DecisionError::Refused(DecideRefused::NotFound))?;
        match check_undecided(&loaded.registration.checkout, &subject, self.clock.now()) {
            // What is not undecided can be looked at all the same.
            Ok(()) | Err(DecisionRefused::NotUndecided | DecisionRefused::TooEarly(_)) => {}
            Err(refused) => return Err(by_rule(refused)),
        }
        let mut driver = self.driver_of(checkout_id, loaded);
        let shows = driver.inquire(&subject, &Named::default()).await?;
        let registration = driver.into_registration().await?;
        let draft = Draft::new(registration.checkout.clone(), self.clock.now(), self.rules());
        let judged = |asked: Asked| {
            let judged = persons_needed(&draft, &subject, &asked, &shows);
            (asked, judged)
        };
        let verdicts = verdicts(draft.checkout(), &subject, &shows).into_iter().map(judged).collect();
        Ok(Inquiry { verdicts, subject, shows, registration })
    }
}

/// The verdicts about an object, each with the ids and the amount that are known or shown.
fn verdicts(checkout: &Checkout, subject: &Subject, shows: &AmazonShows) -> Vec<Asked> {
    let remind = Asked::Remind { at: None };
    match subject {
        Subject::Attempt(number) => verdicts_of_attempt(checkout, *number, shows),
        Subject::Operation(_) => {
            vec![Asked::Done { charge_id: None, refund_id: None }, Asked::NoEffect, remind]
        }
        Subject::Dispute(_) => vec![Asked::Won, Asked::Lost { amount: None }, remind],
        Subject::Unexplained(_) => {
            let is_over = |it: &&ChargeView| {
                matches!(it.seen.state, AmazonChargeState::Declined | AmazonChargeState::Canceled)
            };
            let mut charges = shows.heard.charges.iter().filter(|it| !is_over(it));
            let only = charges.next().filter(|_| charges.next().is_none());
            let refund = only.and_then(asked_back).map(|amount| Asked::RefundUnexplained { amount });
            [Some(Asked::Ours), Some(Asked::NotOurs), refund, Some(remind)].into_iter().flatten().collect()
        }
    }
}

/// The amount of a refund that is looked at: what is left or, where that is not shown, what was charged, so that the
/// verdict names what is missing.
fn asked_back(charge: &ChargeView) -> Option<Money> {
    judge::left_of(charge).or_else(|| charge.seen.charge_amount.shown())
}

fn verdicts_of_attempt(checkout: &Checkout, number: AttemptNumber, shows: &AmazonShows) -> Vec<Asked> {
    let known = checkout.attempt(number).and_then(|attempt| attempt.state.ids());
    let charge = shows.charge.it();
    let contradicted = checkout.attempt(number).and_then(|it| judge::contradicted_charge(checkout, it));
    let own = known.and_then(|(_, charge)| charge);
    let paid = Asked::Paid {
        charge_permission_id: known.map(|(permission, _)| permission.clone()),
        charge_id: contradicted.map(|charge| &charge.id).or(own).cloned(),
        amount: None,
    };
    let refund = charge.and_then(|charge| {
        let amount = asked_back(charge)?;
        let charge_permission_id = charge.charge_permission_id.clone();
        Some(Asked::Refund { charge_permission_id, charge_id: charge.id.clone(), amount })
    });
    [Some(paid), Some(Asked::NotPaid), refund, Some(Asked::Remind { at: None })]
        .into_iter()
        .flatten()
        .collect()
}

impl Driver<'_> {
    /// Asks Amazon for everything that a decision depends on, and applies what it shows by the rules.
    async fn inquire(&mut self, subject: &Subject, named: &Named<'_>) -> Result<AmazonShows, StoreFailed> {
        let mut shows = AmazonShows::default();
        let (mut permission, mut charge) = (named.permission.cloned(), named.charge.cloned());
        match *subject {
            // Amazon cannot be asked for a dispute; what was captured and refunded bounds what it can take.
            Subject::Dispute(ref id) => {
                let payment = self.checkout().await?.and_then(|checkout| checkout.payment.as_ref());
                let of_dispute = payment.and_then(|payment| payment.dispute(id)?.charge_id.clone());
                let only = || match payment?.charges.as_slice() {
                    [charge] => Some(charge.id.clone()),
                    _ => None,
                };
                charge = of_dispute.or_else(only);
            }
            Subject::Unexplained(ref id) => {
                shows.heard = self.ask_about_heard(id).await?;
                let heard = shows.heard.clone();
                // What follows from it at Amazon is only what asks, and the timer asks again.
                self.next(|draft| heard_seen(draft, id, &heard)).await?;
                return Ok(shows);
            }
            // Another account knows nothing of it.
            Subject::Attempt(number) if self.was_sent_elsewhere(number).await? => {
                return Ok(AmazonShows {
                    session: Shown::Silent,
                    charge: Shown::Silent,
                    permission: Shown::Silent,
                    ..shows
                });
            }
            Subject::Attempt(number) => {
                shows.session = self.inquire_session(number).await?;
                let checkout = self.checkout().await?;
                let attempt = checkout.and_then(|checkout| Some((checkout, checkout.attempt(number)?)));
                let contradicted =
                    attempt.and_then(|(checkout, attempt)| judge::contradicted_charge(checkout, attempt));
                charge = charge.or(contradicted.map(|charge| charge.id.clone()));
                let known = attempt.and_then(|(_, attempt)| attempt.state.ids());
                let known = known.map(|(permission, charge)| (permission.clone(), charge.cloned()));
                let (of_session, charge_of_session) = match shows.session.it() {
                    Some(SessionView::Completed { charge_permission_id, charge_id }) => {
                        (charge_permission_id.clone(), charge_id.clone())
                    }
                    Some(SessionView::Open(_) | SessionView::Canceled { .. } | SessionView::NotFound(_))
                    | None => (None, None),
                };
                let (of_state, charge_of_state) = known.unzip();
                permission = permission.or(of_session).or(of_state);
                charge = charge.or(charge_of_session).or(charge_of_state.flatten());
            }
            Subject::Operation(number) => {
                let of_operation = self.checkout().await?.and_then(|checkout| concerned(checkout, number));
                if let Some((of_payment, of_operation)) = of_operation {
                    permission = Some(of_payment);
                    charge = charge.or(of_operation);
                }
            }
        }
        if let Some(id) = &charge {
            shows.charge = self.app().amazon.inquire_charge(id).await;
            if let Shown::It(view) = &shows.charge {
                permission = permission.or_else(|| view.charge_permission_id.clone());
                let is_known = |checkout: &Checkout| {
                    let is_of_others = |number| operation::is_charge_of_others(checkout, number, view);
                    checkout.payment.as_ref().is_some_and(|payment| payment.charge(id).is_some())
                        || subject.operation().is_some_and(is_of_others)
                };
                if self.checkout().await?.is_some_and(is_known) {
                    self.next(|draft| charge_shown(draft, view)).await?;
                }
            }
        }
        if let Some(id) = &permission {
            shows.permission = self.app().amazon.inquire_permission(id).await;
            let is_its_own = |checkout: &Checkout| {
                checkout.payment.as_ref().is_some_and(|payment| payment.charge_permission_id == *id)
            };
            if let Shown::It(facts) = &shows.permission
                && self.checkout().await?.is_some_and(is_its_own)
            {
                let view = PermissionView { state: facts.state.clone() };
                self.next(|draft| permission_shown(draft, &view)).await?;
            }
            let mut ids = vec![ClaimedId::Permission(id.clone())];
            ids.extend(charge.clone().map(ClaimedId::Charge));
            ids.extend(named.refund.cloned().map(ClaimedId::Refund));
            let app = self.app();
            let checkout = self.checkout().await?.cloned();
            // Boxed, because the future is large.
            if let Some(asking) = checkout.map(|checkout| Box::pin(app.other_holder(checkout, ids))) {
                let (holder, held) = asking.await?.unzip();
                shows.holder = holder;
                shows.held = held.map(|held| named.member_of(&held));
            }
        }
        if let Some(id) = named.refund {
            shows.refund = self.app().amazon.inquire_refund(id).await;
            if let Shown::It(facts) = &shows.refund {
                let is_known = |checkout: &Checkout| {
                    let is_of_others = |number| operation::is_refund_of_others(checkout, number, facts);
                    checkout.payment.as_ref().is_some_and(|payment| payment.refund(id).is_some())
                        || subject.operation().is_some_and(is_of_others)
                };
                if self.checkout().await?.is_some_and(is_known) {
                    self.decide(|draft| refund_shown(draft, &facts.view)).await?;
                }
            }
        }
        Ok(shows)
    }

    /// Get Checkout Session for an attempt. What follows from it at Amazon is only what asks, never what sends.
    async fn inquire_session(&mut self, number: AttemptNumber) -> Result<Shown<SessionView>, StoreFailed> {
        let attempt = self.checkout().await?.and_then(|checkout| checkout.attempt(number));
        let Some(id) = attempt.and_then(|attempt| attempt.session().cloned()) else {
            return Ok(Shown::NotAsked);
        };
        if self.was_sent_elsewhere(number).await? {
            // What the configured account answers says nothing about it.
            return Ok(Shown::Silent);
        }
        let session = BoundSession { attempt: number, id };
        let shown = self.app().amazon.inquire_session(&session.id).await;
        if let Shown::It(seen) = &shown {
            let next = self.next(|draft| session_seen(draft, number, seen)).await?;
            if let NextStep::LookAtAttemptsCharge { .. } | NextStep::ProveReach(_) = next {
                self.follow(next).await?;
            }
        }
        Ok(shown)
    }
}

/// The permission and the charge that an operation concerns.
fn concerned(checkout: &Checkout, number: OperationNumber) -> Option<(ChargePermissionId, Option<ChargeId>)> {
    let payment = checkout.payment.as_ref()?;
    let operation = payment.operation(number)?;
    let of_step = match &operation.name {
        OperationName::Own(OwnName::Undo {
            what: UndoStep::CancelCharge(id) | UndoStep::Refund(id), ..
        }) => Some(id),
        OperationName::Own(OwnName::Undo { what: UndoStep::Close, .. } | OwnName::PolicyCapture(_))
        | OperationName::Shop(_) => None,
    };
    let charge = match &operation.request {
        PaymentCall::Capture { charge_id, .. }
        | PaymentCall::CancelCharge { charge_id }
        | PaymentCall::Refund { charge_id, .. } => Some(charge_id),
        PaymentCall::CreateCharge { .. } | PaymentCall::Close { .. } => of_step,
    };
    Some((payment.charge_permission_id.clone(), charge.cloned()))
}
