//! Binds the session that a buyer came back with to one checkout, once and forever.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::GivenAddresses;
use countersign_domain::merchant::attempt::arrive::{
    Arrival, ArrivalRefused, arrive, end_unquoted, give_later,
};
use countersign_domain::merchant::checkout::draft::Draft;
use countersign_domain::merchant::number::AttemptNumber;
use countersign_store::contract::Key;

use super::commit::{LoadedRegistration, checkout_key, decode};
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

/// The caller of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// The shop's own server, which knows what the order costs.
    Shop,
    /// The buyer's browser, which may have skipped the quote.
    Browser,
}

/// A session that is bound, its attempt, and whether this call has bound it.
pub(crate) struct SessionBinding {
    pub(crate) loaded: LoadedRegistration,
    pub(crate) attempt: AttemptNumber,
    pub(crate) is_mine: bool,
}

fn session_key(session: &CheckoutSessionId) -> Key {
    Key { collection: "session", id: session.to_string() }
}

impl Book {
    /// Binds the session to this checkout, once and forever, unless another checkout has bound it before. The
    /// caller that has bound the session completes it.
    pub(crate) async fn bind(
        &self,
        checkout_id: &str,
        session: &CheckoutSessionId,
        given: &GivenAddresses,
        bearer: Bearer,
    ) -> Result<SessionBinding, DecisionError<CompleteRefused>> {
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
                if claim.as_ref().is_some_and(|claim| claim.bytes != checkout_id.as_bytes()) {
                    return Err(DecisionError::Refused(CompleteRefused::BoundToAnotherOrder));
                }
                let draft = &mut revision.draft;
                let attempt = match arrive(draft, session, given) {
                    Err(refused) => return Err(DecisionError::Refused(CompleteRefused::Arrival(refused))),
                    Ok(Arrival::Known(attempt)) => {
                        give_later(draft, attempt, given);
                        return Ok(self.keep(revision, (attempt, false)));
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
                revision.writes.push(pointer(session_key(session), checkout_id));
                Ok(self.keep(revision, (attempt, is_mine)))
            })
            .await?;
        let loaded = after.ok_or(DecisionError::Refused(CompleteRefused::NotFound))?;
        Ok(SessionBinding { loaded, attempt, is_mine })
    }
}
