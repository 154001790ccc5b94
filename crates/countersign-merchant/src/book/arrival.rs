//! Records the session that a buyer came back with, and binds it to one checkout, once and forever, in the change
//! set that makes its Finalize durable: before that, Amazon has shown whose it is.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::arrive::{
    Arrival, ArrivalRefused, arrive, end_unquoted, give_later, release,
};
use countersign_domain::merchant::attempt::not_approved::ask_for_again;
use countersign_domain::merchant::attempt::surplus::ask_for_surplus;
use countersign_domain::merchant::attempt::{AttemptState, Bearer, GivenAddresses};
use countersign_domain::merchant::call::InFlight;
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::next::{BoundSession, NextStep};
use countersign_domain::merchant::number::AttemptNumber;
use countersign_store::contract::{Document, Key};

use super::cart::decide_seeing;
use super::commit::{LoadedRegistration, PendingCommit, Revision, checkout_key, decode};
use super::register::pointer;
use super::{Book, DecisionError, PriceSource, StoreFailed};

/// Why a completion is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompleteRefused {
    /// No checkout has this id.
    NotFound,
    /// This session is already bound to another order.
    BoundToAnotherOrder,
    /// The checkout does not accept sessions any more.
    Arrival(ArrivalRefused),
}

/// A session that has arrived, its attempt, and whether it was this call that brought it.
pub(crate) struct SessionArrival {
    pub(crate) loaded: LoadedRegistration,
    pub(crate) attempt: AttemptNumber,
    pub(crate) is_mine: bool,
}

/// Which checkout has bound a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Free,
    Ours,
    AnotherCheckouts,
}

impl Claim {
    fn read(claim: Option<&Document>, checkout_id: &str) -> Self {
        match claim {
            None => Self::Free,
            Some(claim) if claim.bytes == checkout_id.as_bytes() => Self::Ours,
            Some(_) => Self::AnotherCheckouts,
        }
    }
}

fn attempt_is(draft: &Draft, session: &BoundSession, is: impl Fn(&AttemptState) -> bool) -> bool {
    draft.checkout().attempt(session.attempt).is_some_and(|attempt| is(&attempt.state))
}

fn session_key(session: &CheckoutSessionId) -> Key {
    Key { collection: "session", id: session.to_string() }
}

impl Book {
    /// Records that a session has arrived, unless another checkout has bound it. The caller that brought it
    /// completes it.
    pub(crate) async fn record_arrival(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
        bearer: Bearer,
    ) -> Result<SessionArrival, DecisionError<CompleteRefused>> {
        let must_be_quoted = bearer == Bearer::Browser && self.prices == PriceSource::Quoted;
        let now = self.clock.now();
        let keys = [checkout_key(checkout_id), session_key(session)];
        let (after, (attempt, is_mine)) = self
            .commit(|| async {
                let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
                let [Some(document), claim] = documents.as_slice() else {
                    return Err(DecisionError::Refused(CompleteRefused::NotFound));
                };
                let mut revision = self.open(decode(document)?, now);
                if Claim::read(claim.as_ref(), checkout_id) == Claim::AnotherCheckouts {
                    return Err(DecisionError::Refused(CompleteRefused::BoundToAnotherOrder));
                }
                let draft = &mut revision.draft;
                let attempt = match arrive(draft, session, given, bearer) {
                    Err(refused) => return Err(DecisionError::Refused(CompleteRefused::Arrival(refused))),
                    Ok(Arrival::Known(attempt)) => {
                        give_later(draft, attempt, given, bearer);
                        let may_ask = !must_be_quoted || revision.browsing.quoted.is_some();
                        let is_mine = may_ask
                            && (ask_for_again(draft, attempt, given, bearer)
                                || ask_for_surplus(draft, attempt, given, bearer));
                        return Ok(self.keep(revision, (attempt, is_mine)));
                    }
                    Ok(Arrival::New(attempt)) => attempt,
                };
                let is_unsent = |draft: &Draft| {
                    draft.checkout().attempt(attempt).is_some_and(|bound| bound.state.is_unsent())
                };
                if is_unsent(draft) && must_be_quoted && revision.browsing.quoted.is_none() {
                    tracing::warn!(
                        checkout_id,
                        attempt = attempt.get(),
                        "a buyer's page completed an order without asking for a quote: the attempt was \
                         ended unpaid"
                    );
                    end_unquoted(draft, attempt);
                }
                let is_mine = is_unsent(draft);
                Ok(self.keep(revision, (attempt, is_mine)))
            })
            .await?;
        let loaded = after.ok_or(DecisionError::Refused(CompleteRefused::NotFound))?;
        Ok(SessionArrival { loaded, attempt, is_mine })
    }

    /// Makes a decision that may send a session's Finalize for the first time. If it does, the session is bound
    /// to this checkout in the same change set; if another checkout has bound it, it is released instead.
    pub(crate) async fn decide_and_bind(
        &self,
        checkout_id: &str,
        session: &BoundSession,
        known: Option<LoadedRegistration>,
        decide: impl Fn(&mut Draft) -> NextStep + Send + Sync,
    ) -> Result<(Option<LoadedRegistration>, NextStep), StoreFailed> {
        let now = self.clock.now();
        let keys = &[checkout_key(checkout_id), session_key(&session.id)];
        let (decide, mut known) = (&decide, known);
        self.commit(|| {
            let known = known.take();
            async move {
                let may_be_old = known.is_some();
                let (before, claim) = match known {
                    // Usually nobody has bound it. The write requires that, so it is not read first.
                    Some(known) => (known, Claim::Free),
                    None => {
                        let documents = self.store.load(keys).await?;
                        let [Some(document), claim] = documents.as_slice() else {
                            return Ok(PendingCommit::nothing(NextStep::Rest));
                        };
                        (decode(document)?, Claim::read(claim.as_ref(), checkout_id))
                    }
                };
                let cart = self.cart(&before.registration.checkout).await?;
                let mut revision = self.open(before, now);
                let was_unsent = attempt_is(&revision.draft, session, AttemptState::is_to_be_sent);
                let next = match claim {
                    Claim::Free | Claim::Ours => decide_seeing(cart, now, &mut revision, decide),
                    Claim::AnotherCheckouts => {
                        release(&mut revision.draft, session.attempt);
                        NextStep::Rest
                    }
                };
                if !may_be_old
                    && let Some(claiming) = self.claim_unless_taken(&mut revision)
                    && let Some(collision) = claiming.await?
                {
                    let decide =
                        |revision: &mut Revision| Ok::<_, StoreFailed>(Some(decide(&mut revision.draft)));
                    let decided = self.decide_contested(checkout_id, collision, now, &decide);
                    return Ok(Box::pin(decided).await?.or(NextStep::Rest));
                }
                let leaves =
                    |state: &AttemptState| matches!(state, AttemptState::Finalize(InFlight::Sent { .. }));
                if claim == Claim::Free && was_unsent && attempt_is(&revision.draft, session, leaves) {
                    revision.writes.push(pointer(session_key(&session.id), checkout_id));
                }
                let decided = self.keep(revision, next);
                Ok(if may_be_old { decided.unless_unchanged() } else { decided })
            }
        })
        .await
    }
}
