//! What a buyer does on the hosted page, and what the shop's page answers: the rules of a visit.
//! The rules are pure. The domain decides how the Checkout Session changes.
//!
//! ```text
//! SignIn ─▶ Consent ─▶ Review ─▶ Completing ─▶ Finished
//!                       │  ▲ ▲
//!                       ▼  │ │
//!                      Bank  Declined          Canceled is the Checkout Session's own state
//! ```
//!
//! The shop's page is asked one question at a time. The buyer's choice takes effect when the answer is
//! accepted, so that address and delivery option are always those that the shown cart was computed for.

use countersign_domain::address::Address;
use countersign_domain::cart::{DeliveryOptions, MAX_COUPONS};
use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::buyer::{Buyer, Card};
use countersign_domain::provider::checkout_session::{
    self as rules, BuyerAct, CheckoutSession, CheckoutSessionState, Flow, SessionCancelReason, SessionUpdate,
    WebCheckoutDetails,
};
use countersign_domain::provider::event::{Event, EventKind, HandlerFailure};
use countersign_domain::provider::payment_details::PaymentDetailsUpdate;
use countersign_domain::step::Step;
use countersign_domain::terms::ProductType;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::CartDetails;

use super::answer::{self, UnusableAnswer};
use super::detail;
use super::restriction::Restrictions;
use super::test_buyer::{self, TestBuyer, test_buyer, test_buyers};
use super::words::{Bank, Handler, Purpose, Scope};
use super::{Choice, Ending, Failure, Gift, Question, Visit, VisitStep};

/// The largest number of addresses in a book: more would test something else.
const MAX_ADDRESSES: usize = 20;
/// The longest coupon code, as in CartDetails.
const MAX_COUPON_LEN: usize = 64;
/// The longest gift message, in characters. Amazon documents no limit.
pub(crate) const MAX_GIFT_MESSAGE_LEN: usize = 240;
/// The largest number of points that are redeemed: nine digits.
const MAX_POINTS: u32 = 999_999_999;

/// What the buyer does, or the shop's page answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VisitAct {
    SignIn(usize),
    Consent,
    SelectAddress(usize),
    AddAddress(Address),
    EditAddress(usize, Address),
    SelectDeliveryOption(String),
    AddCoupon(String),
    RemoveCoupon(String),
    ChooseGift(Gift),
    RedeemPoints(u32),
    SelectCard(Card),
    PlaceOrder(OrderPlacement),
    PassMfa,
    FailMfa,
    /// The buyer tries another card after a decline.
    TryAnotherCard(Card),
    GiveUp,
    /// Asks the shop's page again.
    Retry,
    Answer {
        number: u32,
        answer: HandlerAnswer,
    },
    Cancel,
}

/// An order as the page showed it when the buyer placed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderPlacement {
    pub(crate) cart_number: u32,
    pub(crate) bank: Bank,
    /// The address that was selected on the page. If it, or the delivery option, differs from the
    /// last choice, the buyer selected it after that choice: it is chosen first, and the order is
    /// placed only if the shop's page does not have to be asked about it.
    pub(crate) address: Option<usize>,
    pub(crate) delivery_option: Option<String>,
    pub(crate) gift: Option<Gift>,
    pub(crate) points: Option<u32>,
    pub(crate) card: Option<Card>,
}

/// How the shop's page answered a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandlerAnswer {
    /// The answer, as JSON.
    With(String),
    Failed(Failure),
}

/// The act does not fit the visit's step. It changes nothing, and the buyer sees the current state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActRefused;

/// The result of an act.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActOutcome {
    pub(crate) visit: Visit,
    pub(crate) session: CheckoutSession,
    pub(crate) events: Vec<Event>,
}

/// Applies an act, as of now.
///
/// # Errors
/// [`ActRefused`].
pub(crate) fn act(
    visit: Visit,
    session: CheckoutSession,
    restrictions: &Restrictions,
    act: VisitAct,
    now: Timestamp,
) -> Result<ActOutcome, ActRefused> {
    let is_placed = match &session.state {
        CheckoutSessionState::Open { placed_at, .. } => placed_at.is_some(),
        // Once the merchant has finalized, only the answer of the shop's page about that still
        // matters.
        CheckoutSessionState::Completed { .. }
            if visit.step == VisitStep::Completing && act != VisitAct::Cancel =>
        {
            true
        }
        CheckoutSessionState::Completed { .. } | CheckoutSessionState::Canceled { .. } => {
            return Err(ActRefused);
        }
    };
    let step = match &visit.step {
        // A test may have placed the order by the control API.
        step if is_placed && !matches!(step, VisitStep::Finished(_)) => VisitStep::Completing,
        step => step.clone(),
    };
    let mut going = ActInProgress { visit, session, restrictions, now, events: Vec::new() };
    match (step, act) {
        (VisitStep::Finished(_), _) => return Err(ActRefused),
        (_, VisitAct::Cancel) => going.buyer(BuyerAct::Cancel)?,
        (VisitStep::Completing, VisitAct::Retry) => going.ask_to_complete()?,
        (VisitStep::Completing, VisitAct::Answer { number, answer }) => going.completed(number, answer)?,
        (VisitStep::SignIn, VisitAct::SignIn(place)) => going.sign_in(place)?,
        (VisitStep::Consent, VisitAct::Consent) => going.consent()?,
        (VisitStep::Review, act) => going.review(act)?,
        (VisitStep::Bank, VisitAct::PassMfa) => {
            going.buyer(BuyerAct::PassMfa)?;
            going.place()?;
        }
        (VisitStep::Bank, VisitAct::FailMfa) => going.buyer(BuyerAct::FailMfa)?,
        (VisitStep::Declined, VisitAct::TryAnotherCard(card)) => {
            going.buyer(BuyerAct::SelectCard(card))?;
            going.visit.step = VisitStep::Review;
        }
        (VisitStep::Declined, VisitAct::GiveUp) => going.buyer(BuyerAct::GiveUp)?,
        _ => return Err(ActRefused),
    }
    let ActInProgress { visit, session, events, .. } = going;
    Ok(ActOutcome { visit, session, events })
}

/// A visit while an act is applied to it.
struct ActInProgress<'a> {
    visit: Visit,
    session: CheckoutSession,
    restrictions: &'a Restrictions,
    now: Timestamp,
    events: Vec<Event>,
}

impl ActInProgress<'_> {
    fn happened(&mut self, what: EventKind) {
        self.events.push(Event::new(self.now, what));
    }

    /// Applies the domain's act. An act that the domain refuses does not fit the visit's step.
    fn buyer(&mut self, act: BuyerAct) -> Result<(), ActRefused> {
        self.buyer_as(act, test_buyer(self.session.region, self.session.product_type))
    }

    fn buyer_as(&mut self, act: BuyerAct, arriving: Buyer) -> Result<(), ActRefused> {
        let step = test_buyer::act(self.session.clone(), act, arriving, self.now).map_err(|_| ActRefused)?;
        self.session = step.next;
        self.events.extend(step.events);
        Ok(())
    }

    fn sign_in(&mut self, place: usize) -> Result<(), ActRefused> {
        let buyers = test_buyers(self.session.region, self.session.product_type);
        let TestBuyer { mut buyer, addresses, .. } = buyers.into_iter().nth(place).ok_or(ActRefused)?;
        let ships = self.ships();
        let allowed = |address: &Address| self.restrictions.refuse(address).is_none();
        self.visit.address = addresses.iter().position(allowed).filter(|_| ships);
        self.visit.addresses = addresses;
        let first = self.visit.address.and_then(|place| self.visit.addresses.get(place)).cloned();
        buyer.shipping_address = first.filter(|_| ships);
        if !self.visit.shares_billing(self.session.product_type) {
            buyer.billing_address = None;
        }
        for (scope, member) in [
            (Scope::Name, &mut buyer.name),
            (Scope::Email, &mut buyer.email),
            (Scope::PhoneNumber, &mut buyer.phone_number),
        ] {
            if !self.visit.scopes.contains(&scope) {
                *member = None;
            }
        }
        self.buyer_as(BuyerAct::SignIn, buyer)?;
        self.visit.step = VisitStep::Consent;
        Ok(())
    }

    fn consent(&mut self) -> Result<(), ActRefused> {
        self.happened(EventKind::ConsentGiven);
        self.visit.step = VisitStep::Review;
        let has_address = self.session.product_type == ProductType::PayOnly || self.visit.address.is_some();
        if self.session.flow == Flow::BuyNow && has_address {
            self.ask(Handler::InitCheckout, Choice::Start)?;
        }
        Ok(())
    }

    fn review(&mut self, act: VisitAct) -> Result<(), ActRefused> {
        // One question at a time: while the shop's page is asked, only its answer or a retry is accepted.
        if self.visit.asking().is_some() && !matches!(act, VisitAct::Answer { .. } | VisitAct::Retry) {
            return Err(ActRefused);
        }
        // A buyer who comes to pay has already chosen: the choice is in the Checkout Session, and
        // the shop has priced it.
        if self.visit.purpose == Purpose::Paying && !matches!(act, VisitAct::PlaceOrder(_)) {
            return Err(ActRefused);
        }
        match act {
            VisitAct::SelectAddress(place) => self.select_address(place),
            VisitAct::AddAddress(address) => {
                if self.visit.addresses.len() >= MAX_ADDRESSES || !self.ships() {
                    return Err(ActRefused);
                }
                let place = self.visit.addresses.len();
                self.visit.addresses.push(address);
                self.select_if_allowed(place)
            }
            VisitAct::EditAddress(place, address) => {
                let is_chosen = self.visit.address == Some(place);
                let slot = self.visit.addresses.get_mut(place).ok_or(ActRefused)?;
                *slot = address;
                if !is_chosen && self.visit.address.is_some() {
                    return Ok(());
                }
                // The cart was computed for the former address, so no address counts as chosen
                // until the shop has answered.
                self.visit.address = None;
                self.select_if_allowed(place)
            }
            VisitAct::SelectDeliveryOption(id) => self.select_delivery_option(id),
            VisitAct::AddCoupon(code) => {
                let code = code.trim().to_owned();
                let codes = &self.visit.coupon_codes;
                let fits = !code.is_empty() && code.chars().count() <= MAX_COUPON_LEN;
                if !fits || codes.contains(&code) || codes.len() >= MAX_COUPONS {
                    return Err(ActRefused);
                }
                self.take_coupons([codes.clone(), vec![code]].concat())
            }
            VisitAct::RemoveCoupon(code) => {
                if !self.visit.coupon_codes.contains(&code) {
                    return Err(ActRefused);
                }
                let codes = self.visit.coupon_codes.iter().filter(|known| **known != code).cloned();
                self.take_coupons(codes.collect())
            }
            VisitAct::ChooseGift(gift) => self.choose_gift(gift),
            VisitAct::RedeemPoints(points) => self.redeem_points(points),
            VisitAct::SelectCard(card) => self.buyer(BuyerAct::SelectCard(card)),
            VisitAct::PlaceOrder(placing) => self.place_order(placing),
            VisitAct::Retry => {
                let question = self.visit.question.clone().ok_or(ActRefused)?;
                self.ask(question.handler, question.choice)
            }
            VisitAct::Answer { number, answer } => self.answered(number, answer),
            _ => Err(ActRefused),
        }
    }

    fn card(&self) -> Option<Card> {
        match &self.session.state {
            CheckoutSessionState::Open { buyer, .. } => buyer.as_ref().map(|buyer| buyer.card),
            CheckoutSessionState::Completed { .. } | CheckoutSessionState::Canceled { .. } => None,
        }
    }

    fn ships(&self) -> bool {
        self.session.product_type == ProductType::PayAndShip
    }

    /// Chooses the address at this place, unless the shop does not deliver to it. Either way, the
    /// address stays in the book.
    fn select_if_allowed(&mut self, place: usize) -> Result<(), ActRefused> {
        if self.ships() && self.visit.may_choose(place, self.restrictions) {
            return self.select_address(place);
        }
        Ok(())
    }

    fn select_address(&mut self, place: usize) -> Result<(), ActRefused> {
        if !self.ships() || !self.visit.may_choose(place, self.restrictions) {
            return Err(ActRefused);
        }
        let choice = Choice::Address(place);
        match self.session.flow {
            Flow::Redirect => self.choose(&choice),
            Flow::BuyNow if self.visit.cart.is_none() => {
                // The shop's page was not asked yet: the first question is asked with this address.
                self.choose(&choice)?;
                self.ask(Handler::InitCheckout, Choice::Start)
            }
            Flow::BuyNow => self.ask_or_choose(Handler::ShippingAddressSelection, choice),
        }
    }

    fn select_delivery_option(&mut self, id: String) -> Result<(), ActRefused> {
        let cart = self.visit.read_cart().ok_or(ActRefused)?;
        if !cart.delivery_options.iter().any(|option| option.id == id) {
            return Err(ActRefused);
        }
        self.ask_or_choose(Handler::DeliveryOptionSelection, Choice::DeliveryOption(id))
    }

    fn take_coupons(&mut self, codes: Vec<String>) -> Result<(), ActRefused> {
        if !self.visit.takes_coupons(self.session.product_type) {
            return Err(ActRefused);
        }
        let by_option =
            self.visit.has(Handler::DeliveryOptionSelection) && self.visit.delivery_option.is_some();
        let handler = match self.session.product_type {
            ProductType::PayOnly => Handler::InitCheckout,
            ProductType::PayAndShip if by_option => Handler::DeliveryOptionSelection,
            ProductType::PayAndShip => Handler::ShippingAddressSelection,
        };
        self.ask(handler, Choice::Coupons(codes))
    }

    fn choose_gift(&mut self, gift: Gift) -> Result<(), ActRefused> {
        let len = gift.message.as_ref().map_or(0, |message| message.chars().count());
        if !self.visit.takes_gifts() || len > MAX_GIFT_MESSAGE_LEN {
            return Err(ActRefused);
        }
        self.ask(Handler::GiftWrapOptionSelection, Choice::Gift(gift))
    }

    fn redeem_points(&mut self, points: u32) -> Result<(), ActRefused> {
        if !self.visit.takes_points() || points > MAX_POINTS {
            return Err(ActRefused);
        }
        self.ask(Handler::MerchantManagedPaymentMethodSelection, Choice::Points(points))
    }

    /// Asks the shop's page. If the shop does not have the handler, the choice takes effect
    /// immediately.
    fn ask_or_choose(&mut self, handler: Handler, choice: Choice) -> Result<(), ActRefused> {
        if self.visit.has(handler) {
            return self.ask(handler, choice);
        }
        self.visit.question = None;
        self.choose(&choice)
    }

    fn choose(&mut self, choice: &Choice) -> Result<(), ActRefused> {
        match choice {
            Choice::Start | Choice::Complete => {}
            Choice::Address(place) => {
                let address = self.visit.addresses.get(*place).cloned().ok_or(ActRefused)?;
                self.buyer(BuyerAct::SelectAddress(address))?;
                self.visit.address = Some(*place);
            }
            Choice::DeliveryOption(id) => {
                self.buyer(BuyerAct::SelectDeliveryOption(id.clone()))?;
                self.visit.delivery_option = Some(id.clone());
            }
            Choice::Coupons(codes) => self.visit.coupon_codes.clone_from(codes),
            Choice::Gift(gift) => self.visit.gift.clone_from(gift),
            Choice::Points(points) => self.visit.points = *points,
        }
        Ok(())
    }

    fn ask(&mut self, handler: Handler, choice: Choice) -> Result<(), ActRefused> {
        let detail = detail::for_handler(&self.visit, &self.session, handler, &choice).ok_or(ActRefused)?;
        let number = self.visit.questions.saturating_add(1);
        self.visit.questions = number;
        let asked_at = self.now;
        self.visit.question = Some(Question { number, handler, detail, choice, asked_at, failure: None });
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.happened(EventKind::HandlerFailed(failure.kind));
        if let Some(question) = &mut self.visit.question {
            question.failure = Some(failure);
        }
    }

    /// Applies the answer to the open question. An answer to any other question is a copy, or came
    /// too late.
    fn answered(&mut self, number: u32, answer: HandlerAnswer) -> Result<(), ActRefused> {
        let question = self.visit.asking().filter(|question| question.number == number).cloned();
        let question = question.ok_or(ActRefused)?;
        let cart = match answer {
            HandlerAnswer::Failed(failure) => Err(UnusableAnswer(failure)),
            HandlerAnswer::With(json) => {
                let options = match question.choice {
                    Choice::Start => DeliveryOptions::Required,
                    _ => DeliveryOptions::Optional,
                };
                answer::cart(&json, self.visit.currency, self.session.product_type, options)
            }
        };
        match cart.and_then(|cart| self.session_with(&cart).map(|step| (cart, step))) {
            Ok((cart, step)) => {
                self.choose(&question.choice)?;
                // Applied after the choice, since both start from the session as it was.
                let Step { next, events } = step;
                self.session.payment = next.payment;
                self.session.updated_at = next.updated_at;
                self.events.extend(events);
                self.show(cart, &question);
                Ok(())
            }
            Err(UnusableAnswer(failure)) => {
                self.fail(failure);
                Ok(())
            }
        }
    }

    /// The session with this cart's amounts, and without those of an earlier one.
    fn session_with(&self, cart: &CartDetails) -> Result<Step<CheckoutSession, Event>, UnusableAnswer> {
        let amounts = cart.cart().map_err(|_| UnusableAnswer::invalid("it is no cart"))?;
        let mut session = self.session.clone();
        session.payment.total_order_amount = None;
        let payment = PaymentDetailsUpdate {
            charge_amount: Some(amounts.charge),
            total_order_amount: amounts.total_order,
            ..PaymentDetailsUpdate::default()
        };
        let update = SessionUpdate { payment, ..SessionUpdate::default() };
        rules::update(session, update, self.now)
            .map_err(|_| UnusableAnswer::invalid("[totalChargeAmount] does not fit the Checkout Session"))
    }

    fn show(&mut self, mut details: CartDetails, question: &Question) {
        let brings_options = details.delivery_options.as_ref().is_some_and(|options| !options.is_empty());
        if !brings_options {
            let earlier = self.visit.cart.take();
            details.delivery_options = earlier.and_then(|earlier| earlier.delivery_options);
        }
        self.visit.cart = Some(details);
        self.visit.cart_number = question.number;
        self.visit.question = None;
        let Some(cart) = self.visit.read_cart() else { return };
        // The totals are for the option that the buyer chose, or else for the shop's default.
        let is_there = |id: &String| cart.delivery_options.iter().any(|option| option.id == *id);
        let moves = matches!(question.choice, Choice::Start | Choice::Address(_));
        let stays = !moves || !brings_options;
        let chosen = self.visit.delivery_option.take().filter(|id| stays && is_there(id));
        let default = cart.delivery_options.iter().find(|option| option.is_default);
        self.visit.delivery_option = chosen.or_else(|| default.map(|option| option.id.clone()));
        self.happened(EventKind::CartShown(cart.charge));
    }

    fn place_order(&mut self, placing: OrderPlacement) -> Result<(), ActRefused> {
        let OrderPlacement { cart_number, bank, address, delivery_option, gift, points, card } = placing;
        let CheckoutSession { flow, product_type, .. } = self.session;
        if !self.visit.can_place(flow, product_type) || cart_number != self.visit.cart_number {
            return Err(ActRefused);
        }
        if let Some(card) = card.filter(|card| self.card() != Some(*card)) {
            self.buyer(BuyerAct::SelectCard(card))?;
        }
        if let Some(place) = address.filter(|place| self.ships() && self.visit.address != Some(*place)) {
            self.select_address(place)?;
            if flow == Flow::BuyNow {
                return Ok(());
            }
        }
        if let Some(id) = delivery_option.filter(|id| self.visit.delivery_option.as_ref() != Some(id)) {
            return self.select_delivery_option(id);
        }
        if let Some(gift) = gift.filter(|gift| self.visit.takes_gifts() && self.visit.gift != *gift) {
            return self.choose_gift(gift);
        }
        if let Some(points) =
            points.filter(|points| self.visit.takes_points() && self.visit.points != *points)
        {
            return self.redeem_points(points);
        }
        match bank {
            Bank::AsTheCardSays => self.place(),
            Bank::Declines => {
                self.buyer(BuyerAct::BeDeclined)?;
                self.visit.step = VisitStep::Declined;
                Ok(())
            }
            Bank::Asks => {
                self.buyer(BuyerAct::StartMfa)?;
                self.visit.step = VisitStep::Bank;
                Ok(())
            }
        }
    }

    fn place(&mut self) -> Result<(), ActRefused> {
        self.visit.question = None;
        match self.session.flow {
            Flow::BuyNow => {
                self.buyer(BuyerAct::PlaceOrder)?;
                self.visit.step = VisitStep::Completing;
                self.ask(Handler::CompleteCheckout, Choice::Complete)
            }
            Flow::Redirect => {
                let details = &self.session.web_checkout;
                let places = self.visit.places(&self.session);
                let back_to = if places {
                    details.checkout_result_return_url.clone()
                } else {
                    details.checkout_review_return_url.clone()
                };
                let back_to = returning(&back_to.ok_or(ActRefused)?, &self.session.id);
                if places {
                    self.buyer(BuyerAct::PlaceOrder)?;
                }
                self.visit.step = VisitStep::Finished(Ending::Return(back_to));
                Ok(())
            }
        }
    }

    fn ask_to_complete(&mut self) -> Result<(), ActRefused> {
        if self.session.flow != Flow::BuyNow {
            return Err(ActRefused);
        }
        self.visit.step = VisitStep::Completing;
        self.ask(Handler::CompleteCheckout, Choice::Complete)
    }

    fn completed(&mut self, number: u32, answer: HandlerAnswer) -> Result<(), ActRefused> {
        let is_asked =
            |question: &&Question| question.number == number && question.handler == Handler::CompleteCheckout;
        self.visit.asking().filter(is_asked).ok_or(ActRefused)?;
        let read = match answer {
            HandlerAnswer::Failed(failure) => Err(UnusableAnswer(failure)),
            HandlerAnswer::With(json) => answer::complete(&json),
        };
        let ending = match read {
            Ok(ending) => ending,
            Err(UnusableAnswer(failure)) => {
                self.fail(failure);
                return Ok(());
            }
        };
        self.happened(match ending {
            Ending::Error(_) => EventKind::HandlerFailed(HandlerFailure::ErrorReported),
            _ => EventKind::CheckoutConfirmed,
        });
        self.visit.question = None;
        self.visit.step = VisitStep::Finished(ending);
        Ok(())
    }
}

/// The URL to which the buyer of a decided session returns: the shop's result page or, for a buyer who
/// canceled, the shop's page for that. Buy Now has neither.
pub(crate) fn way_back(session: &CheckoutSession) -> Option<String> {
    let WebCheckoutDetails { checkout_result_return_url: result, checkout_cancel_url: cancel, .. } =
        &session.web_checkout;
    let has_canceled = matches!(
        session.state,
        CheckoutSessionState::Canceled { reason: SessionCancelReason::BuyerCanceled }
    );
    let url = cancel.as_ref().filter(|_| has_canceled).or(result.as_ref());
    url.filter(|_| session.flow == Flow::Redirect).map(|url| returning(url, &session.id))
}

/// A URL of the shop, with the session's id as a parameter.
fn returning(url: &str, id: &CheckoutSessionId) -> String {
    let (url, fragment) = url.split_once('#').map_or((url, None), |(url, fragment)| (url, Some(fragment)));
    let joint = if url.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{url}{joint}amazonCheckoutSessionId={id}{fragment}")
}
