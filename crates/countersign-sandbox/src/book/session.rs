//! Creating, reading and changing Checkout Sessions.

use std::time::Duration;

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::checkout_session::{
    self as rules, AsOf, CheckoutSession, Owner, SessionRefused, SessionStep,
};
use countersign_domain::provider::event::Event;
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
use countersign_domain::step::Step;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key};

use super::Book;
use super::answer::ApiAnswer;
use super::caller::Caller;
use super::checkout::Checkout;
use super::commit::{Change, PendingCommit};
use super::documents::{LoadedDocument, checkout_session_key, log, read, write_checkout};
use super::refused::{BookRefused, StoreFailed};
use crate::stored::checkout_session;

/// Which state of an object is shown: as of now, or as it was before its last change if that change was less
/// than `staleness` ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadPoint {
    pub(crate) now: Timestamp,
    pub(crate) staleness: Option<Duration>,
}

impl Book {
    /// A new session of a checkout that is about to begin, with its id and its instants.
    pub(super) fn begun(
        &self,
        new: &Checkout,
        now: Timestamp,
    ) -> Result<(Checkout, Vec<Event>), PaymentDetailsRefused> {
        let Checkout { session, shown } = new.clone();
        let id = self.ids.checkout_session_id();
        let Step { next, events } =
            rules::create(CheckoutSession { id, created_at: now, updated_at: now, ..session })?;
        Ok((Checkout { session: next, shown }, events))
    }

    /// Begins a checkout without its merchant's server. `then` applies what the buyer has done
    /// already.
    pub(crate) async fn start_checkout(
        &self,
        new: &Checkout,
        then: impl Fn(CheckoutSession, Timestamp) -> Result<SessionStep, SessionRefused>,
    ) -> Result<Checkout, BookRefused> {
        let moment = self.moment().await;
        let at = moment.now;
        self.decide(|| async {
            let (Checkout { session, shown }, mut events) = self.begun(new, at)?;
            let Step { next, events: later } = then(session, at)?;
            events.extend(later);
            let checkout = Checkout { session: next, shown };
            let write = vec![write_checkout(&checkout, Expect::Absent)];
            let append = log(&checkout.session.id, &events);
            Ok(PendingCommit::change(Change { append, ..Change::rows(at, write) }, checkout))
        })
        .await
    }

    /// Create Checkout Session.
    pub(crate) async fn create_checkout_session(
        &self,
        caller: &Caller,
        new: &Checkout,
        render: impl Fn(&Checkout) -> ApiAnswer,
    ) -> Result<ApiAnswer, BookRefused> {
        let at = caller.now;
        self.decide(|| async {
            if let Some(answer) = self.replayed(caller).await? {
                return Ok(PendingCommit::nothing(answer));
            }
            let (checkout, events) = self.begun(new, at)?;
            let answer = render(&checkout);
            let mut write = vec![write_checkout(&checkout, Expect::Absent)];
            write.extend(caller.remember(&answer));
            let append = log(&checkout.session.id, &events);
            Ok(PendingCommit::change(Change { append, ..Change::rows(at, write) }, answer))
        })
        .await
    }

    /// Get Checkout Session.
    pub(crate) async fn checkout_session(
        &self,
        owner: &Owner,
        id: &CheckoutSessionId,
        look: ReadPoint,
    ) -> Result<Checkout, BookRefused> {
        let document = match self.recent.before(id.as_str(), look.staleness, look.now) {
            Some(before) => before,
            None => self.document(checkout_session_key(id)).await?,
        };
        let loaded = as_of(document, look.now)?.filter(|loaded| loaded.value.session.owner == *owner);
        Ok(loaded.ok_or(BookRefused::NotFound)?.value)
    }

    /// A session as of now.
    pub(super) async fn checkout(
        &self,
        id: &CheckoutSessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedDocument<Checkout>>, StoreFailed> {
        as_of(self.document(checkout_session_key(id)).await?, now)
    }

    /// Takes one step of a session. With an `owner`, only the owner's session is found.
    pub(crate) async fn change_checkout_session(
        &self,
        id: &CheckoutSessionId,
        owner: Option<&Owner>,
        at: Timestamp,
        decide: impl Fn(&Checkout) -> Result<SessionStep, SessionRefused>,
    ) -> Result<Checkout, BookRefused> {
        self.decide(|| async {
            let loaded = self.checkout(id, at).await?;
            let loaded = loaded
                .filter(|loaded| owner.is_none_or(|owner| loaded.value.session.owner == *owner))
                .ok_or(BookRefused::NotFound)?;
            let Step { next, events } = decide(&loaded.value)?;
            let expected = loaded.expected();
            let before = vec![former(&loaded)];
            let checkout = Checkout { session: next, shown: loaded.value.shown };
            let write = vec![write_checkout(&checkout, expected)];
            Ok(PendingCommit::change(Change { at, write, append: log(id, &events), before }, checkout))
        })
        .await
    }
}

/// A session's former document, for a change's `before`.
pub(super) fn former(loaded: &LoadedDocument<Checkout>) -> (Key, Document) {
    (checkout_session_key(&loaded.value.session.id), loaded.document.clone())
}

/// A session with its deadlines applied; `None` once it is deleted.
pub(super) fn as_of(
    document: Option<Document>,
    now: Timestamp,
) -> Result<Option<LoadedDocument<Checkout>>, StoreFailed> {
    let Some(document) = document else { return Ok(None) };
    let LoadedDocument { value: Checkout { session, shown }, document } =
        read(document, checkout_session::decode)?;
    Ok(match rules::as_of(session, now) {
        AsOf::Present(session, _) => Some(LoadedDocument { value: Checkout { session, shown }, document }),
        AsOf::Deleted(_) => None,
    })
}
