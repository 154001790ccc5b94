//! Finalize and Complete Checkout Session: each is one load of the session and of the remembered
//! reply, one decision, and one change set of at most six rows (session, permission, charge, reply,
//! events).

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::buyer::Buyer;
use countersign_domain::provider::charge::{Charge, ChargeState};
use countersign_domain::provider::checkout_session::{CheckoutSession, CheckoutSessionState, ResponseDetail};
use countersign_domain::provider::finalize::{CompletedCheckout, FinalizeOutcome, NewIds, PaymentFailure};
use countersign_domain::time::Timestamp;
use countersign_store::contract::Expect;

use super::Book;
use super::answer::ApiAnswer;
use super::caller::Caller;
use super::checkout::{Checkout, SessionExtras};
use super::commit::{Change, PendingCommit};
use super::documents::{
    LoadedDocument, checkout_session_key, log, write_charge, write_checkout, write_permission,
};
use super::refused::{BookRefused, StoreFailed};
use super::session::{as_of, former};

/// A Completed session, with what its answer depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompletedSession<'a> {
    pub(crate) session: &'a CheckoutSession,
    /// The buyer whose data a full answer shows, and until when the permission has this data;
    /// `None` once the data is no longer shown.
    pub(crate) buyer: Option<(&'a Buyer, Timestamp)>,
    /// The bank has not decided yet.
    pub(crate) is_pending: bool,
}

/// What Finalize and Complete answer. A payment that failed has also ended its session.
pub(crate) type FinalizeResult<'a> = Result<CompletedSession<'a>, PaymentFailure>;

impl Book {
    /// Completes one of the caller's sessions by one decision. A remembered answer and a new one look the
    /// same. Without an `id`, the path names an object that cannot exist.
    pub(crate) async fn complete_session<E: From<BookRefused> + From<StoreFailed>>(
        &self,
        caller: &Caller,
        id: Option<&CheckoutSessionId>,
        decide: impl Fn(&CheckoutSession, NewIds) -> Result<FinalizeOutcome, E>,
        render: impl Fn(FinalizeResult<'_>) -> ApiAnswer,
    ) -> Result<ApiAnswer, E> {
        let Some(id) = id else { return Ok(self.nothing_has_this_id(caller).await?) };
        let mut keys = Vec::with_capacity(2);
        keys.push(checkout_session_key(id));
        keys.extend(caller.reply_key());
        self.decide(|| async {
            let mut documents = self.store.load(&keys).await.map_err(StoreFailed::from)?.into_iter();
            let session = documents.next().flatten();
            if let Some(answer) = caller.replayed(documents.next().flatten().as_ref())? {
                return Ok(PendingCommit::nothing(answer));
            }
            let loaded = as_of(session, caller.now)?
                .filter(|loaded| loaded.value.session.owner == caller.owner)
                .ok_or(BookRefused::NotFound)?;
            let session = &loaded.value.session;
            match decide(session, self.new_ids(session))? {
                FinalizeOutcome::Completed(completed) => {
                    let until = completed.permission.buyer_forgotten_at();
                    let answer = render(Ok(CompletedSession {
                        session: &completed.session,
                        buyer: Some((&completed.buyer, until)),
                        is_pending: completed.is_pending(),
                    }));
                    let change = self.completion(caller, *completed, &loaded, &answer);
                    Ok(PendingCommit::change(change, answer))
                }
                FinalizeOutcome::Failed(failure, step) => {
                    let answer = render(Err(failure));
                    let append = log(id, &step.events);
                    let checkout = Checkout { session: step.next, shown: SessionExtras::default() };
                    let mut write = vec![write_checkout(&checkout, loaded.expected())];
                    write.extend(caller.remember(&answer));
                    let before = vec![former(&loaded)];
                    Ok(PendingCommit::change(Change { at: caller.now, write, append, before }, answer))
                }
                FinalizeOutcome::Again => {
                    let answer = self.answered_again(session, caller.now, &render).await?;
                    let Some(reply) = caller.remember(&answer) else {
                        return Ok(PendingCommit::nothing(answer));
                    };
                    Ok(PendingCommit::change(Change::rows(caller.now, vec![reply]), answer))
                }
            }
        })
        .await
    }

    fn new_ids(&self, session: &CheckoutSession) -> NewIds {
        let charge_permission_id = self.ids.charge_permission_id(session.owner.environment, session.region);
        let charge_id = self.ids.charge_id(&charge_permission_id);
        NewIds { charge_permission_id, charge_id }
    }

    /// The rows of a success.
    fn completion(
        &self,
        caller: &Caller,
        completed: CompletedCheckout,
        loaded: &LoadedDocument<Checkout>,
        answer: &ApiAnswer,
    ) -> Change {
        let CompletedCheckout { session, permission, charge, events, .. } = completed;
        let append = self.logged_and_told(&permission, &events, Some(&caller.told));
        let due_at = [permission.due_at(), charge.as_ref().and_then(Charge::due_at)];
        let checkout = Checkout { session, shown: SessionExtras::default() };
        let mut write = Vec::with_capacity(4);
        write.push(write_checkout(&checkout, loaded.expected()));
        write.push(write_permission(&permission, due_at.into_iter().flatten().min(), Expect::Absent));
        write.extend(charge.as_ref().map(|charge| write_charge(charge, Expect::Absent)));
        write.extend(caller.remember(answer));
        Change { at: caller.now, write, append, before: vec![former(loaded)] }
    }

    /// Answers a Completed session as it is, as if it had been completed now.
    async fn answered_again(
        &self,
        session: &CheckoutSession,
        now: Timestamp,
        render: &impl Fn(FinalizeResult<'_>) -> ApiAnswer,
    ) -> Result<ApiAnswer, StoreFailed> {
        let (mut buyer, mut is_pending) = (None, false);
        if let CheckoutSessionState::Completed { charge_permission_id, charge_id } = &session.state
            && let Some(payment) =
                self.payment_as_of(charge_permission_id.as_str(), charge_id.as_ref(), now).await?
        {
            let charge = charge_id.as_ref().and_then(|id| payment.charge(id));
            is_pending =
                charge.is_some_and(|it| matches!(it.state, ChargeState::AuthorizationInitiated { .. }));
            if session.response_detail == ResponseDetail::Full {
                let until = payment.permission.buyer_forgotten_at();
                buyer = payment.permission.buyer.map(|buyer| (buyer, until));
            }
        }
        let buyer = buyer.as_ref().map(|(buyer, until)| (&**buyer, *until));
        Ok(render(Ok(CompletedSession { session, buyer, is_pending })))
    }
}
