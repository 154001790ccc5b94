//! The document of a buyer's visit to the hosted page. Its key is the hash of the token in the
//! visit's URL, so that nobody who reads the store can continue a visit.

use countersign_document::stored;
use countersign_domain::provider::event::HandlerFailure;
use countersign_protocol::wire::{CartDetails, Object as _, Spellings, read_request};

use super::Sandbox;
use crate::visit::words::{CheckoutLanguage, Display, Handler, Purpose, Scope};
use crate::visit::{Choice, Ending, Failure, Gift, Question, Visit, VisitStep};

stored! {
    by Sandbox;

    document Visit as "visit", format 2;

    struct Visit {
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
        addresses or default,
        address,
        delivery_option,
        coupon_codes or default,
        gift or default,
        points or default,
        cart,
        cart_number or default,
        questions or default,
        question,
    }

    text Display: as_str, Display::parse;
    text Purpose: as_str, Purpose::parse;
    text CheckoutLanguage: as_str, CheckoutLanguage::parse;
    text Handler: as_str, Handler::parse;
    text Scope: as_str, Scope::parse;
    text CartDetails: to_request, |json| read_request::<CartDetails>(json.as_bytes(), Spellings::Every);

    enum VisitStep { SignIn, Consent, Review, Bank, Declined, Completing, Finished(ending) }

    enum Ending { Success, Error(code), Redirect(url), Return(url) }

    struct Gift { is_wrapped, message }

    struct Question { number, handler, detail, choice, asked_at, failure }

    enum Choice {
        Start,
        Address(place),
        DeliveryOption(id),
        Coupons(codes),
        Gift(gift),
        Points(points),
        Complete,
    }

    struct Failure { kind, why }

    text HandlerFailure: as_str, HandlerFailure::parse;
}

#[cfg(test)]
mod tests {
    use countersign_domain::address::Address;
    use countersign_domain::ids::CheckoutSessionId;
    use countersign_domain::money::Currency;
    use countersign_domain::time::Timestamp;

    use super::*;

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
                asked_at: Timestamp::from_millis(1_795_448_820_000),
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
                    let (format, bytes) = encode(&visit);
                    assert_eq!(decode(format, &bytes), Ok(visit));
                }
            }
        }
        assert!(decode(3, b"{}").is_err());
    }
}
