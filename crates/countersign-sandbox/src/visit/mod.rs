//! A buyer's visit to the hosted page: its step, what the buyer chose, and what the shop's page was
//! last asked. [`act::act`] applies what the buyer or the shop's page does.

pub(crate) mod act;
mod answer;
pub(crate) mod begin;
mod detail;
pub(crate) mod restriction;
pub(crate) mod test_buyer;
pub(crate) mod token;
pub(crate) mod words;

use countersign_domain::address::Address;
use countersign_domain::cart::Cart;
use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::checkout_session::{CheckoutSession, CheckoutSessionState, Flow};
use countersign_domain::provider::event::HandlerFailure;
use countersign_domain::terms::ProductType;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::CartDetails;

use restriction::Restrictions;
use words::{CheckoutLanguage, Display, Handler, Purpose, Scope};

/// A buyer's visit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    /// The visit's name on pages and in messages. It is not the token, and gives no access to the
    /// visit.
    pub(crate) id: String,
    pub(crate) checkout_session_id: CheckoutSessionId,
    /// The shop's page: the only origin that is sent messages, and that may frame the page.
    pub(crate) origin: String,
    pub(crate) display: Display,
    pub(crate) purpose: Purpose,
    pub(crate) language: CheckoutLanguage,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) scopes: Vec<Scope>,
    /// The currency that all of the shop's amounts must have.
    pub(crate) currency: Currency,
    pub(crate) step: VisitStep,
    /// The address book.
    pub(crate) addresses: Vec<Address>,
    /// The place in the book of the address that the cart is for.
    pub(crate) address: Option<usize>,
    /// The id of the option that the cart is for.
    pub(crate) delivery_option: Option<String>,
    pub(crate) coupon_codes: Vec<String>,
    pub(crate) gift: Gift,
    /// How many of the shop's own points are redeemed.
    pub(crate) points: u32,
    /// The last CartDetails, with the delivery options of an earlier one if it had none.
    pub(crate) cart: Option<CartDetails>,
    /// The number of the answer that brought the cart. Placing an order names it, so that nobody places an
    /// order for a total that they were not shown.
    pub(crate) cart_number: u32,
    pub(crate) questions: u32,
    pub(crate) question: Option<Question>,
}

/// What the buyer asks for if the order is a gift.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gift {
    pub(crate) is_wrapped: bool,
    pub(crate) message: Option<String>,
}

/// The step of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VisitStep {
    SignIn,
    Consent,
    Review,
    /// The bank asks for a confirmation.
    Bank,
    Declined,
    /// The order is placed.
    Completing,
    Finished(Ending),
}

/// How a visit ended, according to the shop's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    /// The shop's page reported this error code.
    Error(String),
    /// The shop's page sends the buyer elsewhere.
    Redirect(String),
    /// The buyer returns to the shop's page, in the flow that redirects.
    Return(String),
}

/// A question to the shop's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The question's number in the visit. A page that was reloaded asks the same question again.
    pub(crate) number: u32,
    pub(crate) handler: Handler,
    /// The event, as JSON.
    pub(crate) detail: String,
    pub(crate) choice: Choice,
    pub(crate) asked_at: Timestamp,
    /// Why the answer was not usable.
    pub(crate) failure: Option<Failure>,
}

/// What the buyer chose. The choice takes effect once the shop's page has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The checkout begins.
    Start,
    Address(usize),
    DeliveryOption(String),
    Coupons(Vec<String>),
    Gift(Gift),
    Points(u32),
    /// The order is placed.
    Complete,
}

/// Why an answer was not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: HandlerFailure,
    /// The code that the shop's page reported, or what is wrong with its answer.
    pub(crate) why: String,
}

impl Visit {
    /// A visit that begins from a page of this origin. Its ids are placeholders until the real ones
    /// are drawn.
    pub(crate) fn arriving(origin: String, display: Display, language: CheckoutLanguage) -> Self {
        Self {
            id: String::new(),
            checkout_session_id: CheckoutSessionId::from_random([0; 16]),
            origin,
            display,
            purpose: Purpose::Choosing,
            language,
            handlers: Vec::new(),
            scopes: Vec::new(),
            currency: Currency::USD,
            step: VisitStep::SignIn,
            addresses: Vec::new(),
            address: None,
            delivery_option: None,
            coupon_codes: Vec::new(),
            gift: Gift::default(),
            points: 0,
            cart: None,
            cart_number: 0,
            questions: 0,
            question: None,
        }
    }

    /// The visit of a buyer whom the shop sends to pay. No page is sent messages, since the buyer
    /// has left the shop's page.
    pub(crate) fn to_pay(session: &CheckoutSession) -> Self {
        let has_buyer = matches!(session.state, CheckoutSessionState::Open { buyer: Some(_), .. });
        let arriving =
            Self::arriving(String::new(), Display::Window, CheckoutLanguage::default_for(session.region));
        Self {
            purpose: Purpose::Paying,
            scopes: Scope::unless_named(),
            currency: session.payment.charge_amount.map_or(Currency::USD, Money::currency),
            step: if has_buyer { VisitStep::Review } else { VisitStep::SignIn },
            ..arriving
        }
    }

    /// Whether the order is placed on this page, not only prepared here.
    pub(crate) fn places(&self, session: &CheckoutSession) -> bool {
        session.flow == Flow::BuyNow
            || session.web_checkout.checkout_mode.is_some()
            || self.purpose == Purpose::Paying
    }

    /// Whether the address at this place of the book can be chosen.
    fn may_choose(&self, place: usize, restrictions: &Restrictions) -> bool {
        self.addresses.get(place).is_some_and(|address| restrictions.refuse(address).is_none())
    }

    /// The open question.
    pub(crate) fn asking(&self) -> Option<&Question> {
        self.question.as_ref().filter(|question| question.failure.is_none())
    }

    /// The choice that the open question is about.
    pub(crate) fn asking_for(&self) -> Option<&Choice> {
        self.asking().map(|question| &question.choice)
    }

    /// The last question, if it had no usable answer, and why.
    pub(crate) fn failed(&self) -> Option<(&Question, &Failure)> {
        let question = self.question.as_ref()?;
        Some((question, question.failure.as_ref()?))
    }

    /// The cart as its rules read it.
    pub(crate) fn read_cart(&self) -> Option<Cart> {
        self.cart.as_ref().and_then(|cart| cart.cart().ok())
    }

    /// Whether the order can be placed as it is shown. If the shop's page reported an error, its
    /// earlier cart still applies; if its answer was not usable, it may have computed a different
    /// cart.
    pub(crate) fn can_place(&self, flow: Flow, product_type: ProductType) -> bool {
        let is_answered = match self.question.as_ref() {
            None => true,
            Some(Question { failure: Some(failure), choice, .. }) => {
                failure.kind == HandlerFailure::ErrorReported && *choice != Choice::Start
            }
            Some(Question { failure: None, .. }) => false,
        };
        let has_address =
            product_type == ProductType::PayOnly || self.address.is_some() || self.purpose == Purpose::Paying;
        let has_cart = flow == Flow::Redirect || self.cart.is_some();
        self.step == VisitStep::Review && is_answered && has_address && has_cart
    }

    /// Whether the shop's page can be asked about a coupon. If nothing is shipped, the page is
    /// asked with the same event as at the start, because the other events are about deliveries.
    pub(crate) fn takes_coupons(&self, product_type: ProductType) -> bool {
        let is_heard = match product_type {
            ProductType::PayOnly => true,
            ProductType::PayAndShip => {
                self.has(Handler::DeliveryOptionSelection) || self.has(Handler::ShippingAddressSelection)
            }
        };
        self.cart.is_some() && is_heard
    }

    /// Whether the shop offers gift wrapping.
    pub(crate) fn takes_gifts(&self) -> bool {
        self.cart.is_some() && self.has(Handler::GiftWrapOptionSelection)
    }

    /// Whether the shop has points of its own.
    pub(crate) fn takes_points(&self) -> bool {
        self.cart.is_some() && self.has(Handler::MerchantManagedPaymentMethodSelection)
    }

    fn has(&self, handler: Handler) -> bool {
        self.handlers.contains(&handler)
    }

    /// The billing address is shared if it is asked for, or if it is payment-critical.
    fn shares_billing(&self, product_type: ProductType) -> bool {
        product_type == ProductType::PayOnly || self.scopes.contains(&Scope::BillingAddress)
    }
}
