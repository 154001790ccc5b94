//! Buyers' visits to the hosted page. A button begins a visit; its token reads it and acts on it. A
//! visit and its Checkout Session are written together or not at all.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::checkout_session::{CheckoutSession, CheckoutSessionState};
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{DeliverySpecifications, Spellings, read_request};
use countersign_store::contract::{
    Content, Expect, IndexEntry, IndexRange, Key, MAX_ROWS, StoreError, Write,
};

use super::Book;
use super::checkout::{Checkout, SessionExtras};
use super::commit::{Change, PendingCommit};
use super::documents::{LoadedDocument, log, read, write_checkout};
use super::refused::{BookRefused, StoreFailed};
use super::session::former;
use crate::stored::visit as stored;
use crate::visit::act::{ActOutcome, ActRefused, VisitAct, act};
use crate::visit::begin::{Arrival, NoVisit};
use crate::visit::restriction::Restrictions;
use crate::visit::token::VisitToken;
use crate::visit::{Visit, VisitStep};

/// The largest number of visits that are stored: far more than a test leaves open, and few enough
/// for one read to count them.
pub(crate) const MAX_VISITS: usize = MAX_ROWS;
/// The largest number of ended visits that are deleted together to make room. Each is one write of
/// the change set that adds the new visit.
const MAX_FORGOTTEN: usize = 100;

/// The index of the visits by the time at which each ends: at its session's last step, or else
/// after its session's 24 hours.
const BY_END: &str = "visit_by_end";

/// Why no visit begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BeginRefused {
    /// No visit can begin for the session.
    NoVisit(NoVisit),
    /// [`MAX_VISITS`] are stored, and none of them has ended.
    TooManyVisits,
    /// The members of a new session's payment part contradict each other.
    Payment(PaymentDetailsRefused),
    /// The store failed.
    Store(StoreFailed),
}

impl From<StoreFailed> for BeginRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl From<StoreError> for BeginRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// A visit with its Checkout Session as of now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VisitView {
    pub(crate) visit: Visit,
    pub(crate) session: CheckoutSession,
    pub(crate) restrictions: Restrictions,
}

impl Book {
    /// A buyer comes to the hosted page by a button, for a new Checkout Session.
    pub(crate) async fn start_visit(
        &self,
        new: &Checkout,
        visit: &Visit,
    ) -> Result<Arrival<VisitToken>, BeginRefused> {
        let moment = self.moment().await;
        let at = moment.now;
        let token = VisitToken::drawn(self.ids.visit_token());
        self.decide(|| async {
            let (checkout, events) = self.begun(new, at).map_err(BeginRefused::Payment)?;
            let id = &checkout.session.id;
            let mut write = self.room_for_a_visit(at).await?;
            write.push(write_checkout(&checkout, Expect::Absent));
            let visit = Visit { id: token.visit_id(), checkout_session_id: id.clone(), ..visit.clone() };
            write.push(write_visit(&token, &visit, &checkout.session, Expect::Absent, at));
            let append = log(id, &events);
            Ok(PendingCommit::change(
                Change { append, ..Change::rows(at, write) },
                Arrival::Visit(token.clone()),
            ))
        })
        .await
    }

    /// A buyer comes to the hosted page for an existing Checkout Session, as `begin` decides.
    pub(crate) async fn join_visit(
        &self,
        id: &CheckoutSessionId,
        begin: impl Fn(&CheckoutSession) -> Result<Arrival<Visit>, NoVisit>,
    ) -> Result<Arrival<VisitToken>, BeginRefused> {
        let moment = self.moment().await;
        let at = moment.now;
        let token = VisitToken::drawn(self.ids.visit_token());
        self.decide(|| async {
            let loaded = self.checkout(id, at).await?.ok_or(BeginRefused::NoVisit(NoVisit::NotWaiting))?;
            let session = &loaded.value.session;
            let visit = match begin(session).map_err(BeginRefused::NoVisit)? {
                Arrival::Visit(visit) => visit,
                Arrival::Back(url) => return Ok(PendingCommit::nothing(Arrival::Back(url))),
            };
            let visit = Visit { id: token.visit_id(), checkout_session_id: id.clone(), ..visit };
            let mut write = self.room_for_a_visit(at).await?;
            write.push(write_visit(&token, &visit, session, Expect::Absent, at));
            Ok(PendingCommit::change(Change::rows(at, write), Arrival::Visit(token.clone())))
        })
        .await
    }

    /// A visit as of now.
    pub(crate) async fn visit(&self, token: &VisitToken) -> Result<VisitView, BookRefused> {
        let moment = self.moment().await;
        let (visit, checkout) = self.load_visit(token, moment.now).await?;
        let restrictions = restrictions(&checkout.value.shown);
        Ok(VisitView { visit: visit.value, session: checkout.value.session, restrictions })
    }

    /// Applies an act to a visit. An act that does not fit the visit's step changes nothing.
    pub(crate) async fn act_on_visit(&self, token: &VisitToken, what: &VisitAct) -> Result<(), BookRefused> {
        let moment = self.moment().await;
        let at = moment.now;
        self.decide(|| async {
            let (visit, checkout) = self.load_visit(token, at).await?;
            let Checkout { session, shown } = checkout.value.clone();
            let acted = act(visit.value.clone(), session, &restrictions(&shown), what.clone(), at);
            let Ok(ActOutcome { visit: next, session, events }) = acted.map_err(|ActRefused| ()) else {
                return Ok(PendingCommit::nothing(()));
            };
            let append = log(&session.id, &events);
            let mut write = vec![write_visit(token, &next, &session, visit.expected(), at)];
            if session != checkout.value.session {
                write.push(write_checkout(&Checkout { session, shown }, checkout.expected()));
            }
            Ok(PendingCommit::change(Change { at, write, append, before: vec![former(&checkout)] }, ()))
        })
        .await
    }

    /// The writes that make room for a new visit: none, or deletions of ended visits, the oldest
    /// first.
    async fn room_for_a_visit(&self, now: Timestamp) -> Result<Vec<Write>, BeginRefused> {
        let all = IndexRange { index: BY_END, prefix: String::new(), after: None, limit: MAX_VISITS };
        let kept = self.store.range(all).await?;
        if kept.len() < MAX_VISITS {
            return Ok(Vec::new());
        }
        let now = end_key(now);
        let over = kept.into_iter().take_while(|row| row.value <= now).take(MAX_FORGOTTEN);
        let keys: Vec<Key> = over.map(|row| row.key).collect();
        if keys.is_empty() {
            return Err(BeginRefused::TooManyVisits);
        }
        let documents = self.store.load(&keys).await?;
        let deleted = keys.into_iter().zip(documents).filter_map(|(key, document)| {
            let expect = Expect::Version(document?.version);
            Some(Write { key, expect, content: None })
        });
        Ok(deleted.collect())
    }

    async fn load_visit(
        &self,
        token: &VisitToken,
        now: Timestamp,
    ) -> Result<(LoadedDocument<Visit>, LoadedDocument<Checkout>), BookRefused> {
        let document = self.document(visit_key(token)).await?.ok_or(BookRefused::NotFound)?;
        let visit = read(document, stored::decode)?;
        let checkout = self.checkout(&visit.value.checkout_session_id, now).await?;
        Ok((visit, checkout.ok_or(BookRefused::NotFound)?))
    }
}

/// The merchant's delivery restrictions. They can always be read: that was checked before the
/// session was made.
fn restrictions(shown: &SessionExtras) -> Restrictions {
    let read = |json: &String| read_request::<DeliverySpecifications>(json.as_bytes(), Spellings::Every).ok();
    let specifications = shown.delivery_specifications.as_ref().and_then(read);
    Restrictions::read(specifications.as_ref()).unwrap_or_default()
}

fn visit_key(token: &VisitToken) -> Key {
    Key { collection: stored::COLLECTION, id: token.key() }
}

/// The write of a visit. It is deleted with its session, or earlier, if it has ended and a new
/// visit needs its place.
fn write_visit(
    token: &VisitToken,
    visit: &Visit,
    session: &CheckoutSession,
    expect: Expect,
    now: Timestamp,
) -> Write {
    let is_over = matches!(visit.step, VisitStep::Finished(_))
        || !matches!(session.state, CheckoutSessionState::Open { .. });
    let ends_at = if is_over { now } else { session.expires_at() };
    let (format, bytes) = stored::encode(visit);
    let content = Content {
        format,
        bytes,
        due_at: Some(session.deleted_at()),
        index: vec![IndexEntry { index: BY_END, value: end_key(ends_at) }],
    };
    Write { key: visit_key(token), expect, content: Some(content) }
}

/// An instant as a text that sorts as instants do. No instant is before 1970.
fn end_key(at: Timestamp) -> String {
    format!("{:020}", at.as_millis())
}
