//! Finalize and Complete Checkout Session: one load of session and remembered reply, one decision,
//! one change set of at most six rows (session, permission, charge, reply, events).

use countersign_domain::ids::{ChargeId, CheckoutSessionId};
use countersign_domain::provider::buyer::Buyer;
use countersign_domain::provider::charge::{Charge, ChargeState};
use countersign_domain::provider::checkout_session::{CheckoutSession, CheckoutSessionState, ResponseDetail};
use countersign_domain::provider::finalize::{
    self as rules, CompleteRequest, Completed, FinalizeRefused, FinalizeRequest, Finalized, NewIds,
    PaymentFailure, SimulationCode,
};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeSet, Document, Expect, Version};
use countersign_store::transact::Decision;

use super::change::{
    Loaded, checkout_session_key, log, read_checkout, write_charge, write_checkout, write_permission,
};
use super::checkout_session::{Checkout, Shown, as_of};
use super::reply::{Answer, Caller};
use super::{App, Refused, StoreFailed, broken};

/// What `x-amz-pay-simulation-code` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Simulation {
    /// Nothing: the card decides.
    None,
    /// A code that the call knows.
    Known(SimulationCode),
    /// Another: refused where the payment would be made.
    Unknown,
}

/// What there is to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// The session is Completed.
    Completed {
        session: &'a CheckoutSession,
        /// Whose data an answer in full shows; none when it is no longer to be shown.
        buyer: Option<ReadableBuyer<'a>>,
        authorization: Authorization,
    },
    /// The payment failed, and the session with it.
    Failed(PaymentFailure),
}

/// The buyer of a permission, for as long as the permission has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadableBuyer<'a> {
    pub(crate) buyer: &'a Buyer,
    pub(crate) until: Timestamp,
}

/// Whether the bank has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authorization {
    /// It has, or there is none.
    Decided,
    /// Not yet.
    Pending,
}

impl Authorization {
    fn of(charge: Option<&Charge>) -> Self {
        match charge.map(|charge| &charge.state) {
            Some(ChargeState::AuthorizationInitiated { .. }) => Self::Pending,
            None
            | Some(
                ChargeState::Authorized
                | ChargeState::CaptureInitiated { .. }
                | ChargeState::Captured { .. }
                | ChargeState::Canceled { .. }
                | ChargeState::Declined { .. },
            ) => Self::Decided,
        }
    }
}

/// An answer, and what its call changed.
struct Done {
    answer: Answer,
    changed: Option<Changed>,
}

/// What is to be noted once the change is durable.
struct Changed {
    before: Option<Document>,
    created: Option<(countersign_domain::ids::ChargePermissionId, Option<ChargeId>)>,
    due_at: Option<Timestamp>,
}

impl App {
    /// Finalize Checkout Session. A remembered answer and a new one look the same.
    pub(crate) async fn finalize_checkout_session(
        &self,
        caller: &Caller,
        id: &CheckoutSessionId,
        request: &FinalizeRequest,
        simulation: Simulation,
        render: impl Fn(Outcome<'_>) -> Answer,
    ) -> Result<Answer, Refused> {
        let ladder = self.settings.finalize_rules();
        let decide = |session: &CheckoutSession, simulation, ids| {
            rules::finalize(session, request, simulation, &ladder, ids, caller.now)
        };
        self.decide_payment(caller, id, simulation, decide, render).await
    }

    /// Complete Checkout Session.
    pub(crate) async fn complete_checkout_session(
        &self,
        caller: &Caller,
        id: &CheckoutSessionId,
        request: &CompleteRequest,
        simulation: Simulation,
        render: impl Fn(Outcome<'_>) -> Answer,
    ) -> Result<Answer, Refused> {
        let ladder = self.settings.finalize_rules();
        let decide = |session: &CheckoutSession, simulation, ids| {
            rules::complete(session, request, simulation, &ladder, ids, caller.now)
        };
        self.decide_payment(caller, id, simulation, decide, render).await
    }

    async fn decide_payment(
        &self,
        caller: &Caller,
        id: &CheckoutSessionId,
        simulation: Simulation,
        decide: impl Fn(&CheckoutSession, Option<SimulationCode>, NewIds) -> Result<Finalized, FinalizeRefused>,
        render: impl Fn(Outcome<'_>) -> Answer,
    ) -> Result<Answer, Refused> {
        let mut keys = Vec::with_capacity(2);
        keys.push(checkout_session_key(id.as_str()));
        keys.extend(caller.reply_key());
        let Done { answer, changed } = self
            .transact(|| async {
                let mut documents = self.store.load(&keys).await?.into_iter();
                let document = documents.next().flatten();
                if let Some(answer) = caller.replayed(documents.next().flatten().as_ref())? {
                    return Ok(Decision { change: None, outcome: Done { answer, changed: None } });
                }
                let loaded = as_of(document.as_ref().map(read_checkout).transpose()?, caller.now)
                    .filter(|loaded| loaded.value.session.owner == caller.owner)
                    .ok_or(Refused::NotFound)?;
                let session = &loaded.value.session;
                let finalized = match simulation {
                    Simulation::None => decide(session, None, self.new_ids(session))?,
                    Simulation::Known(code) => decide(session, Some(code), self.new_ids(session))?,
                    Simulation::Unknown => without_simulation(decide(session, None, self.new_ids(session)))?,
                };
                self.carried_out(caller, loaded, document, finalized, &render).await
            })
            .await?;
        if let Some(changed) = changed {
            self.note(id, changed, caller.now);
        }
        Ok(answer)
    }

    fn new_ids(&self, session: &CheckoutSession) -> NewIds {
        let charge_permission_id = self.ids.charge_permission_id(session.owner.environment, session.region);
        let charge_id = self.ids.charge_id(&charge_permission_id);
        NewIds { charge_permission_id, charge_id }
    }

    async fn carried_out(
        &self,
        caller: &Caller,
        loaded: Loaded<Checkout>,
        before: Option<Document>,
        finalized: Finalized,
        render: &impl Fn(Outcome<'_>) -> Answer,
    ) -> Result<Decision<Done>, Refused> {
        match finalized {
            Finalized::Completed(completed) => {
                let authorization = Authorization::of(completed.charge.as_ref());
                let until = completed.permission.buyer_forgotten_at();
                let buyer = Some(ReadableBuyer { buyer: &completed.buyer, until });
                let answer = render(Outcome::Completed { session: &completed.session, buyer, authorization });
                let charge = completed.charge.as_ref();
                let due_at = [completed.permission.due_at(), charge.and_then(Charge::due_at)]
                    .into_iter()
                    .flatten()
                    .min();
                let created = (completed.permission.id.clone(), charge.map(|charge| charge.id.clone()));
                let change = self.completion(caller, *completed, loaded.version, due_at, &answer);
                let changed = Some(Changed { before, created: Some(created), due_at });
                Ok(Decision { change: Some(change), outcome: Done { answer, changed } })
            }
            Finalized::Failed(failure, step) => {
                let answer = render(Outcome::Failed(failure));
                let checkout = Checkout { session: step.next, shown: Shown::default() };
                let mut write = vec![write_checkout(&checkout, loaded.expected())];
                write.extend(caller.remember(&answer));
                let append = log(checkout.session.id.as_str(), &step.events);
                let change = self.change_set(caller.now, write, append);
                let changed = Some(Changed { before, created: None, due_at: None });
                Ok(Decision { change: Some(change), outcome: Done { answer, changed } })
            }
            Finalized::Again => {
                let answer = self.answered_again(&loaded.value.session, caller.now, render).await?;
                let reply = caller.remember(&answer);
                let change = reply.map(|reply| self.change_set(caller.now, vec![reply], Vec::new()));
                Ok(Decision { change, outcome: Done { answer, changed: None } })
            }
        }
    }

    /// The rows of a success.
    fn completion(
        &self,
        caller: &Caller,
        completed: Completed,
        version: Version,
        due_at: Option<Timestamp>,
        answer: &Answer,
    ) -> ChangeSet {
        let Completed { session, permission, charge, events, .. } = completed;
        let mut append = log(session.id.as_str(), &events);
        let merchant_id = &caller.owner.merchant_id;
        append.extend(self.tell(merchant_id, &permission.id, &events, Some(&caller.told)));
        let checkout = Checkout { session, shown: Shown::default() };
        let mut write = Vec::with_capacity(4);
        write.push(write_checkout(&checkout, Expect::Version(version)));
        write.push(write_permission(&permission, due_at, Expect::Absent));
        write.extend(charge.as_ref().map(|charge| write_charge(charge, Expect::Absent)));
        write.extend(caller.remember(answer));
        self.change_set(caller.now, write, append)
    }

    /// A Completed session is answered as it is, as if it were completed now.
    async fn answered_again(
        &self,
        session: &CheckoutSession,
        now: Timestamp,
        render: &impl Fn(Outcome<'_>) -> Answer,
    ) -> Result<Answer, StoreFailed> {
        let (mut buyer, mut authorization) = (None, Authorization::Decided);
        if let CheckoutSessionState::Completed { charge_permission_id, charge_id } = &session.state
            && let Some(mut loaded) = self.payment(charge_permission_id.as_str(), charge_id.as_ref()).await?
        {
            loaded.payment.carry_to(now, self.settings.profile).map_err(broken)?;
            let mut charges = loaded.payment.charges.iter();
            authorization = Authorization::of(charges.find(|charge| Some(&charge.id) == charge_id.as_ref()));
            if session.response_detail == ResponseDetail::Full {
                let until = loaded.payment.permission.buyer_forgotten_at();
                buyer = loaded.payment.permission.buyer.map(|buyer| (buyer, until));
            }
        }
        let buyer = buyer.as_ref().map(|(buyer, until)| ReadableBuyer { buyer, until: *until });
        Ok(render(Outcome::Completed { session, buyer, authorization }))
    }

    fn note(&self, id: &CheckoutSessionId, changed: Changed, now: Timestamp) {
        self.recent.changed(id.as_str(), changed.before, now);
        if let Some((permission, charge)) = changed.created {
            self.recent.changed(permission.as_str(), None, now);
            if let Some(charge) = charge {
                self.recent.changed(charge.as_str(), None, now);
            }
        }
        if let Some(due_at) = changed.due_at {
            self.alarm.timer_is_set(due_at);
        }
        self.notices.alarm.timer_is_set(now);
    }
}

/// An unknown code is refused where the payment would be made, and not before.
fn without_simulation(decided: Result<Finalized, FinalizeRefused>) -> Result<Finalized, FinalizeRefused> {
    match decided? {
        Finalized::Again => Ok(Finalized::Again),
        Finalized::Completed(_) | Finalized::Failed(_, _) => Err(FinalizeRefused::SimulationDoesNotFit),
    }
}
