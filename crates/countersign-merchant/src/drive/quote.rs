//! What the order costs, asked by the buyer's page and answered by the shop's hook or the configured table. A
//! good quote becomes the order's terms, with the address that it was computed for, before the page gets it.
//!
//! The shop is asked first, and then the terms are written: a crash in between leaves the earlier terms, and
//! the page without an answer. A crash after the write leaves terms that Amazon has not received: a session
//! with the earlier amount disagrees with them, and is not finalized. So only the last quote can be charged.

use bytes::Bytes;
use countersign_domain::address::{Address, AddressMembers};
use countersign_domain::cart::DeliveryOptions;
use countersign_domain::merchant::attempt::agree::{OpenSession, QuoteBasis};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::quote::{
    QuoteInput, QuoteRefused, goes_where_registered, quote, quoted_terms,
};
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::number::AttemptNumber;
use countersign_domain::terms::ProductType;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{self, CartDetails, Object as _};
use serde_json::value::RawValue;

use super::App;
use super::driver::Driver;
use crate::book::commit::LoadedRegistration;
use crate::book::quote::{MAX_QUOTES, Trigger};
use crate::book::{DecisionError, StoreFailed};
use crate::gateway::quote_hook::QuoteFailure;
use crate::ids;
use crate::registration::{LastQuote, Registration};

/// A question of the buyer's page, as the event brings it. What the event leaves out is unchanged.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) trigger: Trigger,
    pub(crate) shipping_address: Option<Address>,
    pub(crate) billing_address: Option<Address>,
    pub(crate) delivery_option_id: Option<String>,
    pub(crate) coupon_codes: Option<Vec<String>>,
    pub(crate) buyer: Option<wire::Buyer>,
}

impl Question {
    /// A question that has only its trigger.
    pub(crate) const fn new(trigger: Trigger) -> Self {
        Self {
            trigger,
            shipping_address: None,
            billing_address: None,
            delivery_option_id: None,
            coupon_codes: None,
            buyer: None,
        }
    }
}

/// A question with everything that its quote depends on.
struct PreparedQuestion<'a> {
    checkout: &'a Checkout,
    registered: Terms,
    question: &'a Question,
    /// The address that the price depends on: the shipping address, or for `PayOnly` the billing address.
    address: Option<Address>,
    /// The billing address, in addition to the parcel's address.
    billing_address: Option<&'a Address>,
    /// What to keep with the terms if the quote is good.
    quoted: LastQuote,
}

/// What an order costs: the answer to the page, the registered terms, the quoted terms, and what to keep with
/// them.
struct Price {
    details: CartDetails,
    registered: Terms,
    terms: Terms,
    quoted: LastQuote,
}

impl<'a> PreparedQuestion<'a> {
    fn new(
        registration: &'a Registration,
        question: &'a Question,
        priced: AddressMembers,
        now: Timestamp,
    ) -> Result<Self, QuoteFailure> {
        let checkout = &registration.checkout;
        let registered = registration.registered_terms();
        // On a new visit to Amazon's page nothing is chosen yet.
        let before = registration.browsing.quoted.as_ref().filter(|_| question.trigger != Trigger::Init);
        let is_shipped = registered.product_type == ProductType::PayAndShip;
        let told = if is_shipped { &question.shipping_address } else { &question.billing_address };
        let address = told.clone().or_else(|| before.and_then(|_| checkout.terms.quoted_address.clone()));
        if is_shipped && address.is_none() {
            return Err(match question.trigger {
                Trigger::Init => {
                    QuoteFailure::because(QuoteRefused::ShippingAddressInvalid, "the event has no address")
                }
                // The shop has changed the terms, which dropped the buyer's earlier choices.
                Trigger::ShippingAddress | Trigger::DeliveryOption | Trigger::Complete => {
                    QuoteFailure::because(
                        QuoteRefused::CartChanged,
                        "the shop has changed the terms since the buyer chose an address, and the address \
                         is no longer known",
                    )
                }
            });
        }
        let goes_elsewhere = |address: &Address| !goes_where_registered(&registered, address, priced);
        if is_shipped && address.as_ref().is_some_and(goes_elsewhere) {
            let why = "the shop registered a different address";
            return Err(QuoteFailure::because(QuoteRefused::ShippingAddressInvalid, why));
        }
        let quoted = LastQuote {
            at: now,
            base: registered.charge_amount,
            total: registered.total_order_amount,
            delivery_option_id: question
                .delivery_option_id
                .clone()
                .or_else(|| before.and_then(|before| before.delivery_option_id.clone())),
            coupon_codes: match &question.coupon_codes {
                Some(codes) => codes.clone(),
                None => before.map(|before| before.coupon_codes.clone()).unwrap_or_default(),
            },
        };
        Ok(Self {
            checkout,
            registered,
            question,
            address,
            billing_address: question.billing_address.as_ref().filter(|_| is_shipped),
            quoted,
        })
    }

    /// The body of the hook's request.
    fn body(&self) -> Bytes {
        let raw = |text: String| RawValue::from_string(text).ok();
        let address = |address: &Address| raw(wire::Address::from(address.clone()).to_request());
        let (shipping, billing) = match self.registered.product_type {
            ProductType::PayAndShip => (self.address.as_ref(), self.billing_address),
            ProductType::PayOnly => (None, self.address.as_ref()),
        };
        let mut body = serde_json::json!({
            "type": "quote",
            "checkoutId": self.checkout.id.as_str(),
            "orderId": self.checkout.order_id,
            "trigger": self.question.trigger.as_str(),
            "shippingAddress": shipping.and_then(address),
            "deliveryOptionId": self.quoted.delivery_option_id,
            "couponCodes": self.quoted.coupon_codes,
        });
        if let Some(buyer) = self.question.buyer.as_ref().and_then(|buyer| raw(buyer.to_request())) {
            body["buyer"] = serde_json::json!(buyer);
        }
        if let Some(billing) = billing.and_then(address) {
            body["billingAddress"] = serde_json::json!(billing);
        }
        Bytes::from(body.to_string())
    }
}

const fn not_in_the_table(refused: QuoteRefused) -> &'static str {
    match refused {
        QuoteRefused::UnknownError => {
            "taxes depend on the country, but the event has no billing address: the button must request the \
             scope billingAddress"
        }
        QuoteRefused::ShippingAddressInvalid
        | QuoteRefused::DeliveryOptionUnavailable
        | QuoteRefused::CouponInvalid
        | QuoteRefused::CartChanged
        | QuoteRefused::Timeout => "the configured table has no match",
    }
}

impl App {
    /// Answers a question of the buyer's page. A good answer becomes the order's terms.
    pub(crate) async fn quote(
        &self,
        loaded: &LoadedRegistration,
        question: &Question,
    ) -> Result<CartDetails, DecisionError<QuoteRefused>> {
        let answered = self.answer_page(loaded, question).await;
        match &answered {
            Ok(_) => self.metrics.note_quote("quoted"),
            Err(DecisionError::Refused(refused)) => self.metrics.note_quote(refused.as_str()),
            Err(DecisionError::Store(_)) => {}
        }
        answered
    }

    async fn answer_page(
        &self,
        loaded: &LoadedRegistration,
        question: &Question,
    ) -> Result<CartDetails, DecisionError<QuoteRefused>> {
        let registration = &loaded.registration;
        let checkout = &registration.checkout;
        // Nothing is written, because a payment in progress must not be held up.
        if checkout.live_attempt().is_some() || checkout.cancellation.is_some() {
            return Err(DecisionError::Refused(QuoteRefused::CartChanged));
        }
        if registration.browsing.quote_count >= MAX_QUOTES {
            return Err(DecisionError::Refused(QuoteRefused::UnknownError));
        }
        let checkout_id = checkout.id.as_str();
        let Price { details, registered, terms, quoted } = match self.price(registration, question).await {
            Ok(price) => price,
            Err(QuoteFailure { refused, field, why, .. }) => {
                let (trigger, code) = (question.trigger.as_str(), refused.as_str());
                tracing::warn!(
                    checkout_id,
                    trigger,
                    code,
                    field,
                    why,
                    "no quote was given to a buyer's page"
                );
                self.keep_refusal(checkout_id, question.trigger, refused, field.as_deref()).await?;
                return Err(DecisionError::Refused(refused));
            }
        };
        self.keep_quote(checkout_id, (question.trigger, None), &registered, &terms, &quoted).await?;
        Ok(details)
    }

    /// Computes what the order costs.
    async fn price(&self, registration: &Registration, question: &Question) -> Result<Price, QuoteFailure> {
        let priced = self.settings.policy.priced_address();
        let asked = PreparedQuestion::new(registration, question, priced, self.clock.now())?;
        let quoted = &asked.quoted;
        let details = match &self.quote_hook {
            Some(hook) => {
                let id = format!("quote_{}", ids::token(&*self.entropy));
                hook.ask(&self.clock.waiting(), &id, asked.checkout.id.as_str(), asked.body()).await?
            }
            None => {
                let by_table = QuoteInput {
                    base: quoted.base,
                    total: quoted.total,
                    product_type: asked.registered.product_type,
                    country: asked.address.as_ref().and_then(|address| address.country_code.as_deref()),
                    delivery_option_id: quoted.delivery_option_id.as_deref(),
                    is_choosing: question.trigger == Trigger::DeliveryOption,
                    coupon_codes: &quoted.coupon_codes,
                };
                let cart = quote(&self.settings.storefront.quote_table, &by_table)
                    .map_err(|refused| QuoteFailure::because(refused, not_in_the_table(refused)))?;
                CartDetails::from(&cart)
            }
        };
        let wrong = |field: &str, why: String| QuoteFailure {
            field: Some(field.to_owned()),
            ..QuoteFailure::because(QuoteRefused::UnknownError, why)
        };
        let cart = details.cart().map_err(|no_cart| wrong(no_cart.field(), format!("{no_cart:?}")))?;
        let options = match question.trigger {
            Trigger::Init => DeliveryOptions::Required,
            Trigger::ShippingAddress | Trigger::DeliveryOption | Trigger::Complete => {
                DeliveryOptions::Optional
            }
        };
        let terms = quoted_terms(&asked.registered, &cart, asked.address.as_ref(), options)
            .map_err(|refused| wrong(refused.field(), format!("{refused:?}")))?;
        // A delivery option that is no longer offered is no longer chosen, even if it is offered again later.
        let is_offered = |id: &String| cart.delivery_options.iter().any(|option| option.id == *id);
        let chosen = quoted.delivery_option_id.clone();
        let chosen = chosen.filter(|id| cart.delivery_options.is_empty() || is_offered(id));
        let quoted = LastQuote { delivery_option_id: chosen, ..asked.quoted };
        Ok(Price { details, registered: asked.registered, terms, quoted })
    }
}

impl Driver<'_> {
    /// Asks once more what a placed order costs when `address`, that of its session, differs from the address
    /// that the order was quoted for. If it costs the same there, the quote is for that address from now on;
    /// if not, the terms stay, and the session disagrees with them.
    pub(super) async fn price_where_paid(
        &mut self,
        attempt: AttemptNumber,
        session: &OpenSession,
        address: &Address,
    ) -> Result<QuoteBasis, StoreFailed> {
        let (app, checkout_id) = (self.app(), self.checkout_id());
        // The result is written by the book, not through this driver.
        let Some(LoadedRegistration { registration, .. }) = self.take_known() else {
            return Ok(QuoteBasis::Known);
        };
        let terms = &registration.checkout.terms;
        let is_shipped = terms.product_type == ProductType::PayAndShip;
        let question = Question {
            shipping_address: is_shipped.then(|| address.clone()),
            billing_address: if is_shipped { session.billing_address.clone() } else { Some(address.clone()) },
            ..Question::new(Trigger::Complete)
        };
        match app.price(&registration, &question).await {
            Ok(Price { registered, terms: priced, quoted, .. })
                if (priced.charge_amount, priced.total_order_amount)
                    == (terms.charge_amount, terms.total_order_amount) =>
            {
                let trigger = (Trigger::Complete, Some(registration.checkout.terms_version));
                // Another caller may have written a new quote, which the comparison that follows sees, or changed
                // the terms, which ended this attempt.
                match app.keep_quote(checkout_id, trigger, &registered, &priced, &quoted).await {
                    Ok(()) | Err(DecisionError::Refused(_)) => Ok(QuoteBasis::Known),
                    Err(DecisionError::Store(failed)) => Err(failed),
                }
            }
            Ok(_) => {
                tracing::warn!(
                    checkout_id,
                    attempt = attempt.get(),
                    "the order costs a different amount at the buyer's address: the quoted terms are kept, \
                     and the session does not match them"
                );
                app.keep_refusal(checkout_id, Trigger::Complete, QuoteRefused::CartChanged, None).await?;
                Ok(QuoteBasis::Known)
            }
            Err(QuoteFailure { refused, field, why, is_silence }) => {
                let code = refused.as_str();
                tracing::warn!(
                    checkout_id,
                    attempt = attempt.get(),
                    code,
                    field,
                    why,
                    "no quote was given for the buyer's address"
                );
                if is_silence {
                    return Ok(QuoteBasis::Unanswered);
                }
                app.keep_refusal(checkout_id, Trigger::Complete, refused, field.as_deref()).await?;
                Ok(QuoteBasis::Known)
            }
        }
    }
}
