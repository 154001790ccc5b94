//! Buyers' visits to the hosted page: begun by a button, read and acted on by whoever has the token. A visit
//! and its Checkout Session are written together or not at all.

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::money::Currency;
use countersign_domain::provider::checkout_session::{
    self as rules, CheckoutSession, CheckoutSessionState, Constraint, Flow, WebCheckoutDetails,
};
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::sha256_hex;
use countersign_protocol::wire::{DeliverySpecifications, Spellings, read_request};
use countersign_store::contract::{
    Content, Document, Expect, IndexEntry, IndexRange, Key, MAX_ROWS, StoreError, Write,
};
use countersign_store::transact::Decision;

use super::change::{Loaded, checkout_session_key, log, read_checkout, write_checkout};
use super::checkout_session::{Checkout, Shown, as_of};
use super::{App, Refused, StoreFailed};
use crate::hosted::restriction::Restrictions;
use crate::hosted::visit::{self, Act, Acted, Misfit, Visit, VisitStep};
use crate::stored::visit as stored;

/// How much of the key names a visit where its token must not stand, in hexadecimal digits.
const ID_LEN: usize = 16;

/// The most visits that are kept: far more than a test leaves open, and so many that one read counts them.
pub(crate) const MAX_VISITS: usize = MAX_ROWS;
/// How many that are over make room at once. Each is one write of the change set that brings a new one.
const MAX_FORGOTTEN: usize = 100;

/// The visits, by when each is over: with its session's last step, else with its session's 24 hours.
const BY_END: &str = "visit_by_end";

/// The token of a visit, as its URL carries it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct VisitToken(String);

impl VisitToken {
    /// Reads what may be a token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn key(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }
}

/// A checkout that a button begins: the visit's own members are filled in here.
#[derive(Debug, Clone)]
pub(crate) struct NewVisit {
    /// Its ids and instants are filled in here.
    pub(crate) session: CheckoutSession,
    pub(crate) shown: Shown,
    pub(crate) visit: Visit,
}

/// Why no visit begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BeginRefused {
    /// No such Checkout Session waits for its buyer.
    NotWaiting,
    /// The Checkout Session has no page of the shop's on which its buyer reviews the order, and could change
    /// something: Buy Now and `ProcessOrder` have none.
    NoReviewPage,
    /// The page that asks is none of the shop's: `checkoutReviewReturnUrl` leads to another origin.
    ForeignPage,
    /// [`MAX_VISITS`] are kept, and none of them is over.
    TooManyVisits,
    /// The shop has not said yet what there is to pay, and where the buyer returns to.
    Constrained(Constraint),
    /// A rule between the members of a new session's payment part.
    Payment(PaymentDetailsRefused),
    /// The store let the caller down.
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

impl From<PaymentDetailsRefused> for BeginRefused {
    fn from(refused: PaymentDetailsRefused) -> Self {
        Self::Payment(refused)
    }
}

/// What becomes of a buyer whom the shop sends to pay.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SentToPay {
    To(VisitToken),
    /// There is nothing to pay any more: back to the shop, by this URL.
    Back(String),
}

/// A visit with its Checkout Session as of now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) visit: Visit,
    pub(crate) session: CheckoutSession,
    pub(crate) restrictions: Restrictions,
}

/// What an act came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Done,
    /// It did not fit; nothing was changed.
    NotNow,
}

impl App {
    /// A buyer comes to the hosted page by a button, for a new Checkout Session.
    pub(crate) async fn start_visit(&self, new: &NewVisit) -> Result<VisitToken, BeginRefused> {
        let moment = self.moment().await;
        let now = moment.now;
        let token = VisitToken(self.ids.visit_token());
        let checkout = self
            .transact(|| async {
                let id = self.ids.checkout_session_id();
                let session = CheckoutSession {
                    id: id.clone(),
                    created_at: now,
                    updated_at: now,
                    ..new.session.clone()
                };
                let step = rules::create(session)?;
                let checkout = Checkout { session: step.next, shown: new.shown.clone() };
                let visit = Visit { id: visit_id(&token), checkout_session_id: id, ..new.visit.clone() };
                let mut write = self.room_for_a_visit(now).await?;
                write.push(write_checkout(&checkout, Expect::Absent));
                write.push(write_visit(&token, &visit, &checkout.session, Expect::Absent, now));
                let append = log(checkout.session.id.as_str(), &step.events);
                let change = self.change_set(now, write, append);
                Ok::<_, BeginRefused>(Decision { change: Some(change), outcome: checkout })
            })
            .await?;
        self.created(&checkout, now);
        Ok(token)
    }

    /// A buyer comes back from the shop's review page to change what they chose. The session must wait for that:
    /// it is Open, has its buyer, and its order is not placed.
    pub(crate) async fn start_another_visit(
        &self,
        id: &CheckoutSessionId,
        visit: &Visit,
    ) -> Result<VisitToken, BeginRefused> {
        let moment = self.moment().await;
        let now = moment.now;
        let token = VisitToken(self.ids.visit_token());
        self.transact(|| async {
            let document = self.document(checkout_session_key(id.as_str())).await?;
            let loaded = as_of(document.as_ref().map(read_checkout).transpose()?, now);
            let session = loaded.ok_or(BeginRefused::NotWaiting)?.value.session;
            let WebCheckoutDetails { checkout_review_return_url: review, checkout_mode, .. } =
                &session.web_checkout;
            let review =
                review.as_deref().filter(|_| session.flow == Flow::Redirect && checkout_mode.is_none());
            let review = review.ok_or(BeginRefused::NoReviewPage)?;
            if !is_of_origin(review, &visit.origin) {
                return Err(BeginRefused::ForeignPage);
            }
            let CheckoutSessionState::Open { buyer: Some(buyer), placed_at: None, .. } = &session.state
            else {
                return Err(BeginRefused::NotWaiting);
            };
            let address = buyer.shipping_address.clone();
            let visit = Visit {
                id: visit_id(&token),
                checkout_session_id: id.clone(),
                currency: session.payment.charge_amount.map_or(visit.currency, |amount| amount.currency()),
                step: VisitStep::Review,
                address: address.as_ref().map(|_| 0),
                addresses: address.into_iter().collect(),
                ..visit.clone()
            };
            let mut write = self.room_for_a_visit(now).await?;
            write.push(write_visit(&token, &visit, &session, Expect::Absent, now));
            let change = self.change_set(now, write, Vec::new());
            Ok::<_, BeginRefused>(Decision { change: Some(change), outcome: () })
        })
        .await?;
        Ok(token)
    }

    /// A buyer comes to the hosted page by a Checkout Session's `amazonPayRedirectUrl`, to pay for what they
    /// chose and the shop has reckoned.
    pub(crate) async fn start_payment(&self, id: &CheckoutSessionId) -> Result<SentToPay, BeginRefused> {
        let moment = self.moment().await;
        let now = moment.now;
        let token = VisitToken(self.ids.visit_token());
        self.transact(|| async {
            let document = self.document(checkout_session_key(id.as_str())).await?;
            let loaded = as_of(document.as_ref().map(read_checkout).transpose()?, now);
            let session = loaded.ok_or(BeginRefused::NotWaiting)?.value.session;
            if session.flow != Flow::Redirect {
                return Err(BeginRefused::NotWaiting);
            }
            if !matches!(session.state, CheckoutSessionState::Open { placed_at: None, .. }) {
                let url = visit::way_back(&session).ok_or(BeginRefused::NotWaiting)?;
                return Ok(Decision { change: None, outcome: SentToPay::Back(url) });
            }
            // Whoever has not signed in yet can do so on the page.
            let lacks = session.constraints().into_iter().find(|it| *it != Constraint::BuyerNotAssociated);
            if let Some(constraint) = lacks {
                return Err(BeginRefused::Constrained(constraint));
            }
            let visit = Visit {
                id: visit_id(&token),
                checkout_session_id: id.clone(),
                currency: session.payment.charge_amount.map_or(Currency::USD, |amount| amount.currency()),
                ..Visit::to_pay(&session)
            };
            let mut write = self.room_for_a_visit(now).await?;
            write.push(write_visit(&token, &visit, &session, Expect::Absent, now));
            let change = self.change_set(now, write, Vec::new());
            Ok(Decision { change: Some(change), outcome: SentToPay::To(token.clone()) })
        })
        .await
    }

    /// A visit as of now.
    pub(crate) async fn visit(&self, token: &VisitToken) -> Result<Seen, Refused> {
        let moment = self.moment().await;
        let (visit, checkout, _) = self.load_visit(token, moment.now).await?.ok_or(Refused::NotFound)?;
        let restrictions = restrictions(&checkout.value.shown);
        Ok(Seen { visit: visit.value, session: checkout.value.session, restrictions })
    }

    /// Lets an act happen on a visit.
    pub(crate) async fn act_on_visit(&self, token: &VisitToken, act: &Act) -> Result<Taken, Refused> {
        let moment = self.moment().await;
        let now = moment.now;
        let (taken, changed) = self
            .transact(|| async {
                let (visit, checkout, document) =
                    self.load_visit(token, now).await?.ok_or(Refused::NotFound)?;
                let Checkout { session, shown } = checkout.value.clone();
                let restrictions = restrictions(&shown);
                let acted = visit::act(visit.value.clone(), session, &restrictions, act.clone(), now);
                let Acted { visit: next, session, events } = match acted {
                    Ok(acted) => acted,
                    Err(Misfit) => return Ok(Decision { change: None, outcome: (Taken::NotNow, None) }),
                };
                let mut write = vec![write_visit(token, &next, &session, visit.expected(), now)];
                let is_changed = session != checkout.value.session;
                let (id, due_at) = (session.id.clone(), session.due_at());
                if is_changed {
                    write.push(write_checkout(&Checkout { session, shown }, checkout.expected()));
                }
                let change = self.change_set(now, write, log(id.as_str(), &events));
                let changed = is_changed.then_some((id, document, due_at));
                Ok::<_, Refused>(Decision { change: Some(change), outcome: (Taken::Done, changed) })
            })
            .await?;
        if let Some((id, before, due_at)) = changed {
            self.recent.changed(id.as_str(), Some(before), now);
            self.alarm.timer_is_set(due_at);
        }
        Ok(taken)
    }

    /// What is to be deleted so that a new visit finds room: nothing, or those that are over, the oldest first.
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
    ) -> Result<Option<(Loaded<Visit>, Loaded<Checkout>, Document)>, StoreFailed> {
        let Some(document) = self.document(visit_key(token)).await? else { return Ok(None) };
        let visit = stored::decode(document.format, &document.bytes)?;
        let visit = Loaded { value: visit, version: document.version };
        let key = checkout_session_key(visit.value.checkout_session_id.as_str());
        let Some(document) = self.document(key).await? else { return Ok(None) };
        let Some(checkout) = as_of(Some(read_checkout(&document)?), now) else { return Ok(None) };
        Ok(Some((visit, checkout, document)))
    }
}

/// Whether a URL is on an origin, as a browser writes that: without the scheme's own port.
fn is_of_origin(url: &str, origin: &str) -> bool {
    let parts = |url: &str| {
        let uri = url.parse::<http::Uri>().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme, uri.host()?.to_ascii_lowercase(), port))
    };
    parts(url).is_some_and(|of_url| parts(origin) == Some(of_url))
}

/// What a merchant's deliveries are restricted to; a session's were read before it was made.
fn restrictions(shown: &Shown) -> Restrictions {
    let read = |json: &String| read_request::<DeliverySpecifications>(json.as_bytes(), Spellings::Every).ok();
    let specifications = shown.delivery_specifications.as_ref().and_then(read);
    Restrictions::read(specifications.as_ref()).unwrap_or_default()
}

fn visit_id(token: &VisitToken) -> String {
    token.key().get(..ID_LEN).unwrap_or_default().to_owned()
}

fn visit_key(token: &VisitToken) -> Key {
    Key { collection: stored::COLLECTION, id: token.key() }
}

/// It goes with its session: nobody finds it after that, nor once it is over and others need its place.
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

/// An instant as a text that is ordered as instants are. None is before 1970.
fn end_key(at: Timestamp) -> String {
    format!("{:020}", at.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_on_an_origin_by_scheme_host_and_port() {
        for (url, origin, is_there) in [
            ("https://shop.example/review?a=1#b", "https://shop.example", true),
            ("https://Shop.Example:443/", "https://shop.example", true),
            ("http://localhost:8080/review", "http://localhost:8080", true),
            ("http://localhost:80", "http://localhost", true),
            ("https://shop.example/", "http://shop.example", false),
            ("https://shop.example:8443/", "https://shop.example", false),
            ("https://shop.example/", "https://www.shop.example", false),
            ("https://shop.example.evil/", "https://shop.example", false),
            ("https://evil.example/https://shop.example", "https://shop.example", false),
            ("/review", "https://shop.example", false),
            ("", "", false),
        ] {
            assert_eq!(is_of_origin(url, origin), is_there, "{url} {origin}");
        }
    }
}
