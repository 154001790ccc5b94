//! The document of a buyer's visit to the hosted page. Its key is the hash of the token that its URL carries,
//! so that nobody who reads the store can go on with a visit.

use std::borrow::Cow;

use bytes::Bytes;
use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::money::Currency;
use countersign_domain::provider::event::HandlerFailure;
use countersign_protocol::wire::{CartDetails, Object as _, Spellings, read_request};
use serde::{Deserialize, Serialize};

use super::buyer::StoredAddress;
use super::{Illegible, Legible as _, Text, Unreadable, from_json, instant, to_json};
use crate::hosted::visit::{Choice, Ending, Failure, Gift, Question, Visit, VisitStep};
use crate::hosted::words::{CheckoutLanguage, Display, Handler, Purpose, Scope};

pub(crate) const COLLECTION: &str = "visit";
pub(crate) const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredVisit<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    checkout_session_id: Text<'a>,
    #[serde(borrow)]
    origin: Text<'a>,
    #[serde(borrow)]
    display: Text<'a>,
    /// Only where it is not choosing.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    purpose: Option<Text<'a>>,
    #[serde(borrow)]
    language: Text<'a>,
    #[serde(borrow)]
    handlers: Vec<Text<'a>>,
    #[serde(borrow)]
    scopes: Vec<Text<'a>>,
    #[serde(borrow)]
    currency: Text<'a>,
    #[serde(borrow)]
    step: StoredStep<'a>,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<StoredAddress<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_option: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    coupon_codes: Vec<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    gift: Option<StoredGift<'a>>,
    #[serde(default)]
    points: u32,
    /// CartDetails, as JSON in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cart: Option<Text<'a>>,
    #[serde(default)]
    cart_number: u32,
    #[serde(default)]
    questions: u32,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    question: Option<StoredQuestion<'a>>,
}

/// Whether it is wrapped, and the message.
#[derive(Serialize, Deserialize)]
struct StoredGift<'a>(bool, #[serde(borrow)] Option<Text<'a>>);

#[derive(Serialize, Deserialize)]
enum StoredStep<'a> {
    SignIn,
    Consent,
    Review,
    Bank,
    Declined,
    Completing,
    Success,
    #[serde(borrow)]
    Error(Text<'a>),
    #[serde(borrow)]
    Redirect(Text<'a>),
    #[serde(borrow)]
    Return(Text<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredQuestion<'a> {
    number: u32,
    #[serde(borrow)]
    handler: Text<'a>,
    #[serde(borrow)]
    detail: Text<'a>,
    #[serde(borrow)]
    choice: StoredChoice<'a>,
    asked_at: i64,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    failure: Option<StoredFailure<'a>>,
}

#[derive(Serialize, Deserialize)]
enum StoredChoice<'a> {
    Start,
    Address(usize),
    #[serde(borrow)]
    DeliveryOption(Text<'a>),
    #[serde(borrow)]
    Coupons(Vec<Text<'a>>),
    #[serde(borrow)]
    Gift(StoredGift<'a>),
    Points(u32),
    Complete,
}

#[derive(Serialize, Deserialize)]
struct StoredFailure<'a>(#[serde(borrow)] Text<'a>, #[serde(borrow)] Text<'a>);

fn text(text: &str) -> Text<'_> {
    Cow::Borrowed(text)
}

pub(crate) fn encode(visit: &Visit) -> Bytes {
    let Visit {
        id,
        checkout_session_id,
        origin,
        display,
        purpose,
        language,
        handlers,
        scopes,
        currency,
        step,
        addresses,
        address,
        delivery_option,
        coupon_codes,
        gift,
        points,
        cart,
        cart_number,
        questions,
        question,
    } = visit;
    to_json(&StoredVisit {
        id: text(id),
        checkout_session_id: text(checkout_session_id.as_str()),
        origin: text(origin),
        display: text(display.as_str()),
        purpose: (*purpose != Purpose::Choosing).then(|| text(purpose.as_str())),
        language: text(language.as_str()),
        handlers: handlers.iter().map(|handler| text(handler.as_str())).collect(),
        scopes: scopes.iter().map(|scope| text(scope.as_str())).collect(),
        currency: text(currency.code()),
        step: write_step(step),
        addresses: addresses.iter().map(Into::into).collect(),
        address: *address,
        delivery_option: delivery_option.as_deref().map(text),
        coupon_codes: coupon_codes.iter().map(|code| text(code)).collect(),
        gift: (*gift != Gift::default()).then(|| write_gift(gift)),
        points: *points,
        cart: cart.as_ref().map(|cart| Cow::Owned(cart.to_request())),
        cart_number: *cart_number,
        questions: *questions,
        question: question.as_ref().map(write_question),
    })
}

fn write_gift(gift: &Gift) -> StoredGift<'_> {
    StoredGift(gift.is_wrapped, gift.message.as_deref().map(text))
}

fn read_gift(StoredGift(is_wrapped, message): StoredGift<'_>) -> Gift {
    Gift { is_wrapped, message: message.map(Text::into_owned) }
}

fn write_step(step: &VisitStep) -> StoredStep<'_> {
    match step {
        VisitStep::SignIn => StoredStep::SignIn,
        VisitStep::Consent => StoredStep::Consent,
        VisitStep::Review => StoredStep::Review,
        VisitStep::Bank => StoredStep::Bank,
        VisitStep::Declined => StoredStep::Declined,
        VisitStep::Completing => StoredStep::Completing,
        VisitStep::Finished(Ending::Success) => StoredStep::Success,
        VisitStep::Finished(Ending::Error(code)) => StoredStep::Error(text(code)),
        VisitStep::Finished(Ending::Redirect(url)) => StoredStep::Redirect(text(url)),
        VisitStep::Finished(Ending::Return(url)) => StoredStep::Return(text(url)),
    }
}

fn write_question(question: &Question) -> StoredQuestion<'_> {
    let Question { number, handler, detail, choice, asked_at, failure } = question;
    StoredQuestion {
        number: *number,
        handler: text(handler.as_str()),
        detail: text(detail),
        choice: match choice {
            Choice::Start => StoredChoice::Start,
            Choice::Address(place) => StoredChoice::Address(*place),
            Choice::DeliveryOption(id) => StoredChoice::DeliveryOption(text(id)),
            Choice::Coupons(codes) => StoredChoice::Coupons(codes.iter().map(|code| text(code)).collect()),
            Choice::Gift(gift) => StoredChoice::Gift(write_gift(gift)),
            Choice::Points(points) => StoredChoice::Points(*points),
            Choice::Complete => StoredChoice::Complete,
        },
        asked_at: asked_at.as_millis(),
        failure: failure
            .as_ref()
            .map(|failure| StoredFailure(text(failure.kind.as_str()), text(&failure.why))),
    }
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Visit, Unreadable> {
    let stored: StoredVisit<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    read(stored).map_err(|illegible| illegible.of(COLLECTION))
}

fn read(stored: StoredVisit<'_>) -> Result<Visit, Illegible> {
    let words = |words: Vec<Text<'_>>| words.into_iter().map(Text::into_owned).collect::<Vec<String>>();
    let cart = |json: Text<'_>| {
        let details: Result<CartDetails, _> = read_request(json.as_bytes(), Spellings::Every);
        details.member("cart")
    };
    Ok(Visit {
        id: stored.id.into_owned(),
        checkout_session_id: CheckoutSessionId::parse(&stored.checkout_session_id)
            .member("checkoutSessionId")?,
        origin: stored.origin.into_owned(),
        display: Display::parse(&stored.display).member("display")?,
        purpose: match stored.purpose {
            None => Purpose::Choosing,
            Some(word) => Purpose::parse(&word).member("purpose")?,
        },
        language: CheckoutLanguage::parse(&stored.language).member("language")?,
        handlers: stored
            .handlers
            .iter()
            .map(|word| Handler::parse(word))
            .collect::<Option<_>>()
            .member("handlers")?,
        scopes: stored
            .scopes
            .iter()
            .map(|word| Scope::parse(word))
            .collect::<Option<_>>()
            .member("scopes")?,
        currency: Currency::parse(&stored.currency).member("currency")?,
        step: match stored.step {
            StoredStep::SignIn => VisitStep::SignIn,
            StoredStep::Consent => VisitStep::Consent,
            StoredStep::Review => VisitStep::Review,
            StoredStep::Bank => VisitStep::Bank,
            StoredStep::Declined => VisitStep::Declined,
            StoredStep::Completing => VisitStep::Completing,
            StoredStep::Success => VisitStep::Finished(Ending::Success),
            StoredStep::Error(code) => VisitStep::Finished(Ending::Error(code.into_owned())),
            StoredStep::Redirect(url) => VisitStep::Finished(Ending::Redirect(url.into_owned())),
            StoredStep::Return(url) => VisitStep::Finished(Ending::Return(url.into_owned())),
        },
        addresses: stored.addresses.into_iter().map(Into::into).collect(),
        address: stored.address,
        delivery_option: stored.delivery_option.map(Text::into_owned),
        coupon_codes: words(stored.coupon_codes),
        gift: stored.gift.map(read_gift).unwrap_or_default(),
        points: stored.points,
        cart: stored.cart.map(cart).transpose()?,
        cart_number: stored.cart_number,
        questions: stored.questions,
        question: stored.question.map(read_question).transpose()?,
    })
}

fn read_question(stored: StoredQuestion<'_>) -> Result<Question, Illegible> {
    let failure = |StoredFailure(kind, why): StoredFailure<'_>| {
        let kind = HandlerFailure::parse(&kind).member("failure")?;
        Ok(Failure { kind, why: why.into_owned() })
    };
    Ok(Question {
        number: stored.number,
        handler: Handler::parse(&stored.handler).member("handler")?,
        detail: stored.detail.into_owned(),
        choice: match stored.choice {
            StoredChoice::Start => Choice::Start,
            StoredChoice::Address(place) => Choice::Address(place),
            StoredChoice::DeliveryOption(id) => Choice::DeliveryOption(id.into_owned()),
            StoredChoice::Coupons(codes) => {
                Choice::Coupons(codes.into_iter().map(Text::into_owned).collect())
            }
            StoredChoice::Gift(gift) => Choice::Gift(read_gift(gift)),
            StoredChoice::Points(points) => Choice::Points(points),
            StoredChoice::Complete => Choice::Complete,
        },
        asked_at: instant(stored.asked_at),
        failure: stored.failure.map(failure).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_domain::address::Address;

    fn visit(step: VisitStep, choice: Choice, failure: Option<Failure>) -> Visit {
        let cart = r#"{"totalChargeAmount":{"amount":"1.00","currencyCode":"USD"},"giftDetails":{"a":[1]}}"#;
        Visit {
            id: "v1".to_owned(),
            checkout_session_id: CheckoutSessionId::from_random([1; 16]),
            origin: "https://shop.example:8443".to_owned(),
            display: Display::Overlay,
            purpose: Purpose::Paying,
            language: CheckoutLanguage::JaJp,
            handlers: Handler::ALL.to_vec(),
            scopes: Scope::ALL.to_vec(),
            currency: Currency::JPY,
            step,
            addresses: vec![
                Address::default(),
                Address { name: Some("Zoë \"𠮷\"".to_owned()), ..Address::default() },
            ],
            address: Some(1),
            delivery_option: Some("s".to_owned()),
            coupon_codes: vec!["A".to_owned(), "<B>".to_owned()],
            gift: Gift { is_wrapped: true, message: Some("Zoë \"𠮷\"".to_owned()) },
            points: 300,
            cart: Some(read_request(cart.as_bytes(), Spellings::Every).unwrap()),
            cart_number: 3,
            questions: 4,
            question: Some(Question {
                number: 4,
                handler: Handler::CompleteCheckout,
                detail: "{\"a\":\"\\u00e9\"}".to_owned(),
                choice,
                asked_at: instant(1_795_448_820_000),
                failure,
            }),
        }
    }

    #[test]
    fn a_visit_reads_back_as_it_was_written_at_every_step() {
        let text = || "t\n\"<".to_owned();
        let steps = [
            VisitStep::SignIn,
            VisitStep::Consent,
            VisitStep::Review,
            VisitStep::Bank,
            VisitStep::Declined,
            VisitStep::Completing,
            VisitStep::Finished(Ending::Success),
            VisitStep::Finished(Ending::Error(text())),
            VisitStep::Finished(Ending::Redirect(text())),
            VisitStep::Finished(Ending::Return(text())),
        ];
        let choices = [
            Choice::Start,
            Choice::Address(1),
            Choice::DeliveryOption(text()),
            Choice::Coupons(vec![text(), text()]),
            Choice::Gift(Gift { is_wrapped: true, message: None }),
            Choice::Gift(Gift { is_wrapped: false, message: Some(text()) }),
            Choice::Points(7),
            Choice::Complete,
        ];
        for step in steps {
            for choice in &choices {
                for kind in [None, Some(HandlerFailure::TimedOut)] {
                    let failure = kind.map(|kind| Failure { kind, why: text() });
                    let visit = visit(step.clone(), choice.clone(), failure);
                    assert_eq!(decode(FORMAT, &encode(&visit)), Ok(visit));
                }
            }
        }
        assert!(decode(FORMAT + 1, b"{}").is_err());
    }
}
