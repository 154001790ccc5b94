//! Creating, reading and updating Checkout Sessions, and letting their buyers act.

use std::time::Duration;

use countersign_domain::address::Address;
use countersign_domain::ids::{CheckoutSessionId, Region};
use countersign_domain::provider::buyer::Buyer;
use countersign_domain::provider::checkout_session::{
    self as rules, AsOf, BuyerAct, CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail,
    SessionStep, SessionUpdate, WebCheckoutDetails,
};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::step::Step;
use countersign_domain::terms::{MerchantMetadata, ProductType};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect};
use countersign_store::transact::Decision;

use super::change::{Loaded, checkout_session_key, log, read_checkout, write_checkout};
use super::reply::{Answer, Caller};
use super::test_buyer::{self, test_buyer};
use super::{App, Refused, StoreFailed};

/// A Checkout Session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// What the rules read.
    pub(crate) session: CheckoutSession,
    /// What no rule reads.
    pub(crate) shown: Shown,
}

/// What Create brought that is only shown again while the session is Open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shown {
    /// JSON.
    pub(crate) delivery_specifications: Option<String>,
    /// JSON.
    pub(crate) multi_addresses: Option<String>,
    pub(crate) checkout_button_text: Option<String>,
    /// Where the merchant says that the parcel goes, if the buyer does not choose.
    pub(crate) given_address: Option<Address>,
}

/// A Buy Now checkout that a buyer has started.
#[derive(Debug, Clone)]
pub(crate) struct NewCheckout {
    pub(crate) owner: Owner,
    pub(crate) region: Region,
    pub(crate) product_type: ProductType,
    pub(crate) payment: PaymentDetails,
    pub(crate) supplementary_data: Option<String>,
    pub(crate) merchant_metadata: MerchantMetadata,
    pub(crate) buyer: Buyer,
    /// When the buyer placed the order, if that is done: now.
    pub(crate) placed: Placed,
    /// Without one, as the flag says.
    pub(crate) response_detail: Option<ResponseDetail>,
}

/// Whether the order is placed on Amazon's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Not yet.
    NotYet,
    /// It is.
    Already,
}

/// What Create Checkout Session brings.
#[derive(Debug, Clone)]
pub(crate) struct CreateRequest {
    pub(crate) region: Region,
    pub(crate) product_type: ProductType,
    pub(crate) update: SessionUpdate,
    pub(crate) store_id: countersign_domain::ids::StoreId,
    pub(crate) shown: Shown,
}

impl App {
    /// A buyer starts a Buy Now checkout.
    pub(crate) async fn start_checkout(&self, new: NewCheckout) -> Result<Checkout, Refused> {
        let moment = self.moment().await;
        let now = moment.now;
        let placed_at = match new.placed {
            Placed::NotYet => None,
            Placed::Already => Some(now),
        };
        self.transact(|| async {
            let NewCheckout { owner, region, product_type, payment, buyer, .. } = new.clone();
            let session = CheckoutSession {
                id: self.ids.checkout_session_id(),
                owner,
                region,
                flow: Flow::BuyNow,
                product_type,
                payment,
                supplementary_data: new.supplementary_data.clone(),
                merchant_metadata: new.merchant_metadata.clone(),
                web_checkout: WebCheckoutDetails::default(),
                store_id: None,
                platform_id: None,
                provider_reference_id: None,
                response_detail: new.response_detail.unwrap_or(self.settings.flags.response_detail),
                created_at: now,
                updated_at: now,
                state: CheckoutSessionState::Open {
                    buyer: Some(Box::new(buyer.clone())),
                    placed_at: None,
                    mfa_started_at: None,
                },
            };
            let mut step = rules::create(session)?;
            if placed_at.is_some() {
                let placed = rules::act(step.next, BuyerAct::PlaceOrder, buyer, now)?;
                step = Step { next: placed.next, events: [step.events, placed.events].concat() };
            }
            let checkout = Checkout { session: step.next, shown: Shown::default() };
            let id = checkout.session.id.as_str();
            let write = vec![write_checkout(&checkout, Expect::Absent)];
            let change = self.change_set(now, write, log(id, &step.events));
            Ok(Decision { change: Some(change), outcome: checkout })
        })
        .await
        .inspect(|checkout: &Checkout| self.created(checkout, now))
    }

    /// Create Checkout Session.
    pub(crate) async fn create_checkout_session(
        &self,
        caller: &Caller,
        request: &CreateRequest,
        render: impl Fn(&Checkout) -> Answer,
    ) -> Result<Answer, Refused> {
        let now = caller.now;
        let keys: Vec<_> = caller.reply_key().into_iter().collect();
        let (answer, created) = self
            .transact(|| async {
                let replies = self.store.load(&keys).await?;
                if let Some(answer) = caller.replayed(replies.first().and_then(Option::as_ref))? {
                    return Ok(Decision { change: None, outcome: (answer, None) });
                }
                let step = rules::create(self.new_session(caller, request))?;
                let checkout = Checkout { session: step.next, shown: request.shown.clone() };
                let answer = render(&checkout);
                let mut write = vec![write_checkout(&checkout, Expect::Absent)];
                write.extend(caller.remember(&answer));
                let change = self.change_set(now, write, log(checkout.session.id.as_str(), &step.events));
                Ok::<_, Refused>(Decision { change: Some(change), outcome: (answer, Some(checkout)) })
            })
            .await?;
        if let Some(checkout) = created {
            self.created(&checkout, now);
        }
        Ok(answer)
    }

    fn new_session(&self, caller: &Caller, request: &CreateRequest) -> CheckoutSession {
        let SessionUpdate {
            web_checkout,
            payment,
            merchant_metadata,
            supplementary_data,
            platform_id,
            provider_reference_id,
        } = request.update.clone();
        CheckoutSession {
            id: self.ids.checkout_session_id(),
            owner: caller.owner.clone(),
            region: request.region,
            flow: Flow::Redirect,
            product_type: request.product_type,
            payment: PaymentDetails::default().updated(payment),
            supplementary_data,
            merchant_metadata,
            web_checkout,
            store_id: Some(request.store_id.clone()),
            platform_id,
            provider_reference_id,
            response_detail: self.settings.flags.response_detail,
            created_at: caller.now,
            updated_at: caller.now,
            state: CheckoutSessionState::Open { buyer: None, placed_at: None, mfa_started_at: None },
        }
    }

    /// A new session was not there before, and its timer may be the earliest.
    pub(super) fn created(&self, checkout: &Checkout, now: Timestamp) {
        self.recent.changed(checkout.session.id.as_str(), None, now);
        self.alarm.timer_is_set(checkout.session.due_at());
    }

    /// Get Checkout Session, as of now, or as it was before its last change if that is less than
    /// `staleness` ago.
    pub(crate) async fn checkout_session(
        &self,
        owner: &Owner,
        id: &CheckoutSessionId,
        now: Timestamp,
        staleness: Option<Duration>,
    ) -> Result<Checkout, Refused> {
        let stale = staleness.and_then(|delay| self.recent.before(id.as_str(), delay, now));
        let document = match stale {
            Some(before) => before,
            None => self.checkout_document(id).await?,
        };
        let loaded = document.as_ref().map(read_checkout).transpose()?;
        let Loaded { value, .. } = as_of(loaded, now).ok_or(Refused::NotFound)?;
        if value.session.owner == *owner { Ok(value) } else { Err(Refused::NotFound) }
    }

    async fn checkout_document(&self, id: &CheckoutSessionId) -> Result<Option<Document>, StoreFailed> {
        let documents = self.store.load(&[checkout_session_key(id.as_str())]).await?;
        Ok(documents.into_iter().next().flatten())
    }

    /// Update Checkout Session.
    pub(crate) async fn update_checkout_session(
        &self,
        owner: &Owner,
        id: &CheckoutSessionId,
        update: &SessionUpdate,
        now: Timestamp,
    ) -> Result<Checkout, Refused> {
        let owned = |session: &CheckoutSession| session.owner == *owner;
        self.step(id, now, owned, |checkout| rules::update(checkout.session.clone(), update.clone(), now))
            .await
    }

    /// The buyer acts on Amazon's page.
    pub(crate) async fn buyer_acts(
        &self,
        id: &CheckoutSessionId,
        act: &BuyerAct,
    ) -> Result<Checkout, Refused> {
        let moment = self.moment().await;
        let now = moment.now;
        let decide = |checkout: &Checkout| {
            let session = checkout.session.clone();
            let mut arriving = test_buyer(session.region, session.product_type);
            if let Some(address) = &checkout.shown.given_address {
                arriving.shipping_address = Some(address.clone());
            }
            test_buyer::act(session, act.clone(), arriving, now)
        };
        self.step(id, now, |_| true, decide).await
    }

    /// One step of a session that is there and the caller's.
    async fn step(
        &self,
        id: &CheckoutSessionId,
        now: Timestamp,
        is_the_callers: impl Fn(&CheckoutSession) -> bool,
        decide: impl Fn(&Checkout) -> Result<SessionStep, rules::SessionRefused>,
    ) -> Result<Checkout, Refused> {
        let (checkout, before) = self
            .transact(|| async {
                let document = self.checkout_document(id).await?;
                let loaded = as_of(document.as_ref().map(read_checkout).transpose()?, now)
                    .filter(|loaded| is_the_callers(&loaded.value.session))
                    .ok_or(Refused::NotFound)?;
                let Step { next, events } = decide(&loaded.value)?;
                let expected = loaded.expected();
                let checkout = Checkout { session: next, shown: loaded.value.shown };
                let write = vec![write_checkout(&checkout, expected)];
                let change = self.change_set(now, write, log(id.as_str(), &events));
                Ok::<_, Refused>(Decision { change: Some(change), outcome: (checkout, document) })
            })
            .await?;
        self.recent.changed(id.as_str(), before, now);
        Ok(checkout)
    }
}

/// A session as its deadlines have left it; `None` when there is none any more.
pub(super) fn as_of(loaded: Option<Loaded<Checkout>>, now: Timestamp) -> Option<Loaded<Checkout>> {
    let Loaded { value: Checkout { session, shown }, version } = loaded?;
    match rules::as_of(session, now) {
        AsOf::Present(session, _) => Some(Loaded { value: Checkout { session, shown }, version }),
        AsOf::Deleted(_) => None,
    }
}
