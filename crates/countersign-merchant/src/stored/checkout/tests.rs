//! The checkout document is read back as it was written, and its form on disk does not change.

use std::sync::Arc;

use countersign_document::Bytes;
use countersign_domain::address::{Address, AddressKind, AddressMember};
use countersign_domain::ids::{
    ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, DisputeId, Environment, IdempotencyKey,
    MerchantId, RefundId, Region,
};
use countersign_domain::merchant::call::LookSchedule;
use countersign_domain::merchant::decision::evidence::Evidence;
use countersign_domain::merchant::decision::{
    Asked, Decision, DecisionState, Decisions, Precedence, SessionAbsence, Statement, Subject,
};
use countersign_domain::merchant::number::{AttemptNumber, KeyOrdinal, OperationNumber};
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::charge::ChargeOrigin;
use countersign_domain::merchant::payment::misfit::Misfit;
use countersign_domain::merchant::payment::operation::PaymentCall;
use countersign_domain::money::{Currency, Money};
use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};
use countersign_domain::time::{DAY, Timestamp};
use proptest::prelude::*;

use super::super::laid_out::shown;
use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_448_820_000 + seconds * 1_000)
}

fn address() -> Address {
    Address { city: Some("Zürich".to_owned()), name: Some(String::new()), ..Address::default() }
}

fn send() -> KeyedRequest {
    let idempotency_key = IdempotencyKey::parse("key1").unwrap();
    KeyedRequest { n: KeyOrdinal::FIRST, idempotency_key, body: Arc::from(*b"{\"a\":\"\xc3\xbc\"}") }
}

fn permission() -> ChargePermissionId {
    ChargePermissionId::parse("S01-1").unwrap()
}

fn charge() -> ChargeId {
    ChargeId::parse("S01-1-C1").unwrap()
}

/// Every state, with every reason and every option.
fn states() -> Vec<AttemptState> {
    let completed =
        |completion| AttemptState::Completed { completion, charge_permission_id: permission(), at: at(7) };
    let access = Access("SANDBOX-K1 https://amazon.example".to_owned());
    let absence = Absence { access, count: 2, first_at: at(1), reach_proved_at: Some(at(2)) };
    let doubt = Doubt {
        send: send(),
        send_count: 2,
        sent_at: at(1),
        since: at(2),
        look: LookSchedule { at: at(3), count: 4 },
        alarm_count: 7,
        stored_error: None,
        missing: Some(absence.clone()),
        refusals: StatusRefusals {
            count: 2,
            open_before: Some(at(2)),
            open_since: Some(at(3)),
            open_count: 1,
            names_permission: true,
        },
        asked_again: Some(at(5)),
        must_be_compared: true,
    };
    let stored_error = Some(StoredError { cause: "500".to_owned(), replay_count: 2 });
    let erring = Doubt { stored_error, ..doubt.clone() };
    let in_flight = AttemptState::Finalize;
    let recorded = |left_at, retry_at| InFlight::Recorded { earlier: Some(send()), left_at, retry_at };
    let mut states = vec![
        AttemptState::Bound { retry_at: at(1), missing: None },
        AttemptState::Bound { retry_at: at(1), missing: Some(absence) },
        in_flight(recorded(None, at(1))),
        in_flight(recorded(Some(at(1)), at(2))),
        in_flight(InFlight::Sent { send: send(), sent_at: at(1), lease_until: at(2) }),
        in_flight(InFlight::InDoubt(doubt.clone())),
        in_flight(InFlight::InDoubt(erring)),
        AttemptState::Pending {
            charge_permission_id: permission(),
            charge_id: charge(),
            since: at(1),
            look: LookSchedule { at: at(2), count: 3 },
            alarm_count: 1,
        },
        completed(Completion::Captured(charge())),
        completed(Completion::CaptureInitiated(charge())),
        completed(Completion::Authorized(charge())),
        completed(Completion::Confirmed),
        AttemptState::NotApproved(NotApproved {
            doubt: doubt.clone(),
            seen_at: at(5),
            asked_again: Some(at(6)),
        }),
        AttemptState::Surplus { of: AttemptNumber::new(3) },
        AttemptState::Released { at: at(4) },
    ];
    let word = || "Word".to_owned();
    let reasons = [
        NotPaidReason::Declined(word()),
        NotPaidReason::SessionCanceled(None),
        NotPaidReason::SessionCanceled(Some(word())),
        NotPaidReason::Mismatch(word()),
        NotPaidReason::AddressDrift(AddressKind::Shipping, AddressMember::City),
        NotPaidReason::AddressDrift(AddressKind::Billing, AddressMember::PostalCode),
        NotPaidReason::Misuse(word()),
        NotPaidReason::SessionGone,
        NotPaidReason::Abandoned,
        NotPaidReason::OrderCanceled,
        NotPaidReason::Decided,
        NotPaidReason::ChargeDeclined(None),
        NotPaidReason::ChargeDeclined(Some(word())),
        NotPaidReason::ChargeCanceled(None),
        NotPaidReason::ChargeCanceled(Some(word())),
    ];
    states.extend(reasons.map(|reason| AttemptState::NotPaid { reason, charge: None, at: at(9) }));
    for reason in UnresolvedReason::ALL {
        let look_at = at(3).plus(DAY);
        for send in [None, Some(send())] {
            states.push(AttemptState::Unresolved { reason: *reason, send, sent_at: at(1), look_at });
        }
    }
    for contradicted in [None, Some(LookSchedule { at: at(10), count: 1 })] {
        let (charge_permission_id, charge_id) = (permission(), charge());
        let charge = Some(FailedCharge { charge_permission_id, charge_id, contradicted });
        states.push(AttemptState::NotPaid { reason: NotPaidReason::ChargeDeclined(None), charge, at: at(9) });
    }
    states
}

/// Every state of a permission that names the order.
fn unexplained() -> Vec<Unexplained> {
    let look = LookSchedule { at: at(10), count: 1 };
    let mut states = vec![UnexplainedState::Heard { look }, UnexplainedState::Watched { look }];
    let reasons = UnexplainedReason::ALL.iter();
    states.extend(reasons.map(|reason| UnexplainedState::Open { reason: *reason, since: at(9), look }));
    states.extend(UnexplainedEnd::ALL.iter().map(|end| UnexplainedState::Over { end: *end, at: at(9) }));
    let mut returning = returning().into_iter();
    let known = states.into_iter().zip(1_u32..).map(|(state, number)| Unexplained {
        returning: if number > 6 { returning.next() } else { None },
        charge_permission_id: permission(),
        charge_ids: if number == 1 { Vec::new() } else { vec![charge()] },
        attempt: (number == 3).then_some(AttemptNumber::FIRST),
        amount: (number > 1).then(|| Money::from_minor(1_400, Currency::USD)),
        heard_at: at(1),
        asked_at: (number > 1).then(|| at(2)),
        state,
    });
    known.collect()
}

/// Every state of a call that returns money.
fn returning() -> Vec<Returning> {
    let cancel = PaymentCall::CancelCharge { charge_id: charge() };
    let refund = PaymentCall::Refund { charge_id: charge(), amount: Money::from_minor(1_400, Currency::USD) };
    let refund_id = Some(RefundId::parse("S01-1-R1").unwrap());
    let states = [
        (cancel, ReturnState::Recorded),
        (refund.clone(), ReturnState::Sent { send: send(), sent_at: at(4), earlier_at: Some(at(3)) }),
        (refund.clone(), ReturnState::Accepted { refund_id }),
        (refund, ReturnState::Refused { code: "InvalidChargeStatus".to_owned() }),
    ];
    let returning = states.into_iter().zip(1_u32..);
    returning.map(|((call, state), try_number)| Returning { call, try_number, since: at(3), state }).collect()
}

/// A decision about each subject, with each verdict and in each state.
fn decisions() -> Decisions {
    let (permission, charge) = (Some(permission()), Some(charge()));
    let refund = RefundId::parse("S01-1-R1").unwrap();
    let money = Money::from_minor(1_400, Currency::USD);
    let paid =
        Asked::Paid { charge_permission_id: permission.clone(), charge_id: charge.clone(), amount: None };
    let refunded =
        Asked::Refund { charge_permission_id: permission, charge_id: charge.clone().unwrap(), amount: money };
    let verdicts = [
        (paid, DecisionState::AwaitsSecond { until: at(9) }),
        (Asked::NotPaid, DecisionState::Expired { at: at(9) }),
        (refunded, DecisionState::Made { at: at(9) }),
        (Asked::Done { charge_id: charge, refund_id: Some(refund) }, DecisionState::Superseded { at: at(9) }),
        (Asked::NoEffect, DecisionState::Reminded { at: at(9) }),
        (Asked::Remind { at: None }, DecisionState::Reminds { at: at(9) }),
        (Asked::Ours, DecisionState::Made { at: at(9) }),
        (Asked::NotOurs, DecisionState::Made { at: at(9) }),
        (Asked::RefundUnexplained { amount: money }, DecisionState::Made { at: at(9) }),
        (Asked::Won, DecisionState::Made { at: at(9) }),
        (Asked::Lost { amount: Some(money) }, DecisionState::Superseded { at: at(9) }),
    ];
    let statement = |name: &str| Statement {
        reference: format!("case {name}"),
        actor: name.to_owned(),
        evidence: Evidence::parse("Seller Central shows it: \"Captured\"").unwrap(),
        at: at(8),
    };
    let made = verdicts.into_iter().zip(0..).map(|((asked, state), place)| Decision {
        subject: match place {
            0..=2 => Subject::Attempt(AttemptNumber::new(place + 1)),
            9.. => Subject::Dispute(DisputeId::parse("S01-1-B1").unwrap()),
            6.. => Subject::Unexplained(ChargePermissionId::parse("S01-1").unwrap()),
            _ => Subject::Operation(OperationNumber::new(place)),
        },
        asked,
        first: statement("alice"),
        second: (place == 2).then(|| statement("bob")),
        supersedes: if place == 2 { Precedence::Disputes } else { Precedence::First },
        replaces: (place == 2).then(|| "case carol".to_owned()),
        state,
    });
    let absence =
        Absence { access: Access("a".to_owned()), count: 2, first_at: at(1), reach_proved_at: None };
    let absences = vec![SessionAbsence { attempt: AttemptNumber::FIRST, absence }];
    Decisions { made: made.collect(), absences }
}

/// Sends of each kind, for a session that Amazon shows Completed.
fn known_sends() -> Sends {
    Sends {
        unanswered_count: 1,
        unanswered_later_count: 2,
        was_refused: true,
        completed: Some(Box::new(CompletedSession {
            charge_permission_id: permission(),
            charge_id: Some(charge()),
            silence_count: 3,
            was_asked: false,
            completed_by: CompletedBy::Us,
        })),
    }
}

fn registration(states: Vec<AttemptState>) -> Registration {
    let attempts = states.into_iter().zip(1..).map(|(state, number)| Attempt {
        number: AttemptNumber::new(number),
        checkout_session_id: CheckoutSessionId::parse(&format!("session{number}")).unwrap(),
        bearer: if number == 1 { Bearer::Shop } else { Bearer::Browser },
        bound_at: at(0),
        buyer_seen_at: at(1),
        given: match number {
            1 => GivenAddresses { shipping: Some(address()), billing: Some(address()) },
            _ => GivenAddresses::default(),
        },
        spent_keys: 2,
        turned_away: (number > 1).then(send),
        turned_away_terms: (number > 1).then_some(2),
        waits_for: (number > 1).then(|| CheckoutId::parse("c0").unwrap()),
        refused_keys: 1,
        terms_version: 3,
        account: (number == 1).then(|| Account {
            merchant_id: MerchantId::parse("M1").unwrap(),
            environment: Environment::Sandbox,
            region: Region::NorthAmerica,
        }),
        refusal: (number > 1).then_some(RefusalLooks { open_since: Some(at(6)), open_count: 1 }),
        unreadable_count: 1,
        sends: if number == 1 { known_sends() } else { Sends::one_unanswered() },
        was_sent: number > 1,
        state,
    });
    let usd = |minor| Money::from_minor(minor, Currency::USD);
    let registration = Registration {
        checkout: Checkout {
            id: CheckoutId::parse("c1").unwrap(),
            order_id: "1001 \"ü\"".to_owned(),
            terms: Terms {
                product_type: ProductType::PayAndShip,
                payment_intent: PaymentIntent::Authorize,
                can_handle_pending_authorization: true,
                charge_amount: usd(1_400),
                total_order_amount: Some(usd(3_000)),
                supplementary_data: Some("{\"a\":1}".to_owned()),
                merchant_metadata: MerchantMetadata {
                    merchant_reference_id: Some("r".to_owned()),
                    merchant_store_name: Some("s".to_owned()),
                    note_to_buyer: Some("n".to_owned()),
                    custom_information: Some("i".to_owned()),
                },
                shipping_address: Some(address()),
                quoted_address: Some(address()),
            },
            terms_version: 3,
            attempts: attempts.collect(),
            payment: None,
            cancellation: None,
            cart: Some(Cart {
                key: CartKey::Named("cart \"ü\"".to_owned()),
                supersedes: Some(CheckoutId::parse("c0").unwrap()),
            }),
            superseded_by: Some(CheckoutId::parse("c2").unwrap()),
            unexplained: Vec::new(),
            decisions: decisions(),
            registered_at: at(0),
        },
        links: Links {
            browser_token: "b".to_owned(),
            result_token: "r".to_owned(),
            start_of_checkout_url: "https://shop.example".to_owned(),
            success_url: Some("https://shop.example/thanks".to_owned()),
            checkout_language: Some("de_DE".to_owned()),
        },
        browsing: BrowserState {
            quoted: Some(LastQuote {
                at: at(5),
                base: usd(1_000),
                total: Some(usd(2_600)),
                delivery_option_id: Some("express".to_owned()),
                coupon_codes: vec!["SPRING".to_owned()],
            }),
            quote_count: 4,
            told_count: 1,
        },
        missed: Missed { snapshot_at: Some(at(7)), webhooks: vec![5, 8] },
    };
    with_payment(registration)
}

/// A success has a payment.
fn with_payment(mut registration: Registration) -> Registration {
    let Checkout { terms, attempts, .. } = &registration.checkout;
    registration.checkout.payment = attempts.iter().find_map(|attempt| Payment::begun_by(terms, attempt));
    registration
}

#[test]
fn every_state_comes_back_as_it_went() {
    let mut registration = registration(states());
    registration.checkout.unexplained = unexplained();
    let (format, bytes) = encode(&registration);
    assert_eq!(decode(format, &bytes), Ok(registration));
}

#[test]
fn what_is_remembered_of_a_permission_has_its_form() {
    let forms: Vec<String> = unexplained()
        .iter()
        .map(|it| String::from_utf8(countersign_document::encode::<Merchant, _>(it).to_vec()).unwrap())
        .collect();
    let look = r#"{"at":1795448830000,"count":1}"#;
    let (ids, since) = (r#""charge_ids":["S01-1-C1"],"#, r#""since":1795448829000"#);
    let whole = |ids: &str, rest: &str, state: &str| {
        format!(r#"{{"charge_permission_id":"S01-1",{ids}{rest}"heard_at":1795448821000,{state}}}"#)
    };
    let asked = r#""asked_at":1795448822000,"#;
    let amount = r#""amount":[1400,"USD"],"#;
    assert_eq!(forms[0], whole("", "", &format!(r#""state":{{"Heard":{{"look":{look}}}}}"#)));
    let open = format!(r#"{asked}"state":{{"Open":{{"reason":"NoSession",{since},"look":{look}}}}}"#);
    assert_eq!(forms[2], whole(ids, &format!(r#""attempt":1,{amount}"#), &open));
    let over = format!(r#"{asked}"state":{{"Over":{{"end":"Noted","at":1795448829000}}}}"#);
    assert_eq!(forms[5], whole(ids, amount, &over));
}

#[test]
fn the_form_on_disk_is_that_of_its_format() {
    // If a line changes here, the document needs the next format.
    let registration = registration(states());
    let text_of = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let (format, whole) = encode(&registration);
    let attempts = registration.checkout.attempts.iter();
    let states: Vec<String> =
        attempts.clone().map(|it| text_of(countersign_document::encode::<Merchant, _>(&it.state))).collect();
    let attempts: Vec<String> =
        attempts.map(|it| text_of(countersign_document::encode::<Merchant, _>(it))).collect();
    let mut without_attempts = registration;
    without_attempts.checkout.attempts = Vec::new();
    let decisions = std::mem::take(&mut without_attempts.checkout.decisions);
    let absences = decisions.absences.iter();
    let absences: Vec<String> =
        absences.map(|it| text_of(countersign_document::encode::<Merchant, _>(it))).collect();
    let made = decisions.made.iter();
    let made: Vec<String> = made.map(|it| text_of(countersign_document::encode::<Merchant, _>(it))).collect();
    let without_attempts = text_of(encode(&without_attempts).1);
    let all = format!(r#""attempts":[{}]"#, attempts.join(","));
    let decided = format!(
        r#""decisions":{{"made":[{}],"absences":[{}]}},"registered_at""#,
        made.join(","),
        absences.join(",")
    );
    let expected =
        without_attempts.replace(r#""attempts":[]"#, &all).replacen(r#""registered_at""#, &decided, 1);
    assert_eq!(text_of(whole), expected);
    // From the third attempt on, only the states are shown.
    for (place, (attempt, state)) in attempts.iter().zip(&states).enumerate().skip(2) {
        let number = place + 1;
        let expected = attempts[1]
            .replace(r#""number":2"#, &format!(r#""number":{number}"#))
            .replace("session2", &format!("session{number}"))
            .replace(&states[1], state);
        assert_eq!(*attempt, expected);
    }
    insta::assert_snapshot!(format!(
        "## Format {format}, without attempts\n{}\n## Two attempts\n{}\n## The states of others\n{}",
        shown(&[without_attempts]),
        shown(&attempts[..2]),
        shown(&states[2..])
    ));
    let decisions = format!("## Decisions\n{}\n## Absences of sessions\n{}", shown(&made), shown(&absences));
    insta::assert_snapshot!("decisions_have_this_form_on_disk", decisions);
}

/// A checkout of format 3: paid by the first attempt, with a charge of each origin, and what Amazon contradicted.
const FORMAT_3: &str = r#"{"checkout":{"id":"c1","order_id":"1001","terms":{"product_type":"PayOnly",
"payment_intent":"AuthorizeWithCapture","can_handle_pending_authorization":false,"charge_amount":[1400,"USD"]},
"terms_version":2,"attempts":[
{"number":1,"checkout_session_id":"s1","bound_at":1,"buyer_seen_at":2,"spent_keys":0,
"state":{"Unresolved":{"reason":"AmountDiffers","sent_at":3,"look_at":4}}},
{"number":2,"checkout_session_id":"s2","bound_at":1,"buyer_seen_at":2,"spent_keys":0,
"state":{"NotPaid":{"reason":{"ChargeDeclined":null},
"charge":{"charge_permission_id":"S01-1","charge_id":"S01-1-C9","contradicted_at":7},"at":5}}},
{"number":3,"checkout_session_id":"s3","bound_at":1,"buyer_seen_at":2,"spent_keys":0,
"state":{"Completed":{"completion":{"Captured":"S01-2-C1"},"charge_permission_id":"S01-2","at":6}}}],
"payment":{"charge_permission_id":"S01-2","limit":[9000,"USD"],"began_at":6,"permission":{"state":"Chargeable"},
"charges":[
{"id":"S01-2-C1","amount":[1400,"USD"],"authorized_at":6,"expires_at":7,"planned_until":6,
"state":{"Captured":[1400,"USD"]},"sight":"Contradicted"},
{"id":"S01-2-C2","amount":[500,"USD"],"authorized_at":6,"expires_at":7,"planned_until":6,
"state":"Authorized","sight":{"At":8}},
{"id":"S01-2-C3","amount":[500,"USD"],"authorized_at":6,"expires_at":7,"planned_until":6,
"state":"Authorized","sight":"Never"}],
"operations":[{"number":1,"name":{"Shop":"parcel 2"},
"asked":{"Charge":{"amount":[500,"USD"],"capture_now":false,"can_handle_pending_authorization":false}},
"request":{"CreateCharge":{"amount":[500,"USD"],"capture_now":false,"can_handle_pending_authorization":false}},
"requested_at":6,"state":{"Done":{"Charge":"S01-2-C2"}}}]},
"registered_at":0},
"links":{"browser_token":"b","result_token":"r","start_of_checkout_url":"https://shop.example"}}"#;

#[test]
fn a_checkout_of_format_3_is_read_with_what_it_says() {
    let read = decode(3, FORMAT_3.as_bytes()).unwrap().checkout;
    let states: Vec<_> = read.attempts.iter().map(|attempt| attempt.state.name()).collect();
    assert_eq!(states, ["Unresolved", "NotPaid", "Completed"]);
    let AttemptState::Unresolved { reason, .. } = &read.attempts[0].state else { panic!("{states:?}") };
    assert_eq!(*reason, UnresolvedReason::Contradicted);
    assert!(read.attempts[1].state.is_contradicted() && read.attempts[1].state.due_at().is_some());
    let charges = &read.payment.as_ref().unwrap().charges;
    let origins: Vec<_> = charges.iter().map(|charge| charge.origin).collect();
    assert_eq!(origins, [ChargeOrigin::Finalize, ChargeOrigin::Operation, ChargeOrigin::Elsewhere]);
    assert_eq!(charges[0].contradicted_by(), Some(Misfit::StateDiffers));
    assert!(charges[1..].iter().all(|charge| charge.contradicted_by().is_none()));
    // What is written next has the present form.
    let registration = decode(3, FORMAT_3.as_bytes()).unwrap();
    let (format, bytes) = encode(&registration);
    assert_eq!(decode(format, &bytes), Ok(registration));
    assert!(read.attempts.iter().all(|attempt| attempt.terms_version == 2));
    assert!(decode(2, FORMAT_3.as_bytes()).is_err());
    assert!(decode(3, b"{}").is_err());
}

#[test]
fn a_checkout_of_format_4_has_the_terms_of_its_attempts() {
    let registration = registration(states());
    let (format, bytes) = encode(&registration);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let of_format_4 = text.replace(r#""terms_version":3,"refusal""#, r#""refusal""#);
    assert_ne!(of_format_4, text);
    assert_eq!(decode(4, of_format_4.as_bytes()), Ok(registration));
    assert!(decode(format, of_format_4.as_bytes()).is_err());
}

#[test]
fn format_5_is_read_and_its_count_of_missing_sessions_starts_again() {
    // Format 5 knew no such state.
    let is_known = |state: &AttemptState| !matches!(state, AttemptState::NotApproved(_));
    let whole = registration(states().into_iter().filter(is_known).collect());
    let (_, bytes) = encode(&whole);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let at = text.find(",\"missing\":{").unwrap();
    let member = &text[at..=at + text[at..].find('}').unwrap()];
    // In format 5, a bound attempt counted nothing, and a doubt had only a number.
    let old = text
        .replacen(member, "", 1)
        .replace(member, ",\"not_found_count\":2")
        .replace("\"not_found_count\":2,\"not_found_count\":2", "\"not_found_count\":2");
    assert!(!old.contains("missing"), "{old}");
    let read = decode(5, old.as_bytes()).unwrap();
    let mut expected = whole;
    for attempt in &mut expected.checkout.attempts {
        match &mut attempt.state {
            AttemptState::Bound { missing, .. } => *missing = None,
            AttemptState::Finalize(InFlight::InDoubt(doubt)) => doubt.missing = None,
            _ => {}
        }
    }
    assert_eq!(read, expected);
    assert!(decode(2, old.as_bytes()).is_err(), "a format that is not known is not guessed");
}

#[test]
fn a_checkout_of_format_6_may_have_been_completed_by_whatever_it_sent() {
    let whole = registration(states());
    let (_, bytes) = encode(&whole);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let old = text.replace(r#","sends":{"unanswered_count":1}"#, "");
    assert!(old.len() < text.len());
    for attempt in decode(6, old.as_bytes()).unwrap().checkout.attempts.iter().skip(1) {
        let was_sent = match &attempt.state {
            AttemptState::Finalize(in_flight) => in_flight.sent_at().is_some(),
            AttemptState::Unresolved { send, .. } => send.is_some(),
            _ => false,
        };
        let expected = if was_sent { Sends::one_unanswered() } else { Sends::default() };
        assert_eq!(attempt.sends, expected, "{:?}", attempt.state);
    }
}

#[test]
fn what_cannot_be_read_is_reported_without_its_content() {
    let (format, bytes) = encode(&registration(states()));
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let refused = |format, text: &str| decode(format, text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        refused(format + 1, &text),
        "a stored checkout cannot be read: its format is 8, and this version reads 7"
    );
    for (from, to) in [
        ("\"USD\"", "\"XYZ\""),
        ("\"PayAndShip\"", "\"secret\""),
        ("\"Authorize\"", "\"secret\""),
        ("\"c1\"", "\"/secret\""),
        ("\"S01-1-C1\"", "\"-secret\""),
        ("\"key1\"", "\"secret secret\""),
        ("\"Contradicted\"", "\"secret\""),
        ("\"Billing\"", "\"secret\""),
        ("\"Zürich\"", "[\"secret\"]"),
        ("\"terms_version\":3", "\"terms_version\":\"secret\""),
        ("\"InDoubt\"", "\"secret\""),
    ] {
        assert!(text.contains(from), "{from}");
        let why = refused(format, &text.replace(from, to));
        assert!(why.starts_with("a stored checkout cannot be read: "), "{why}");
        assert!(!why.contains("secret"), "{why}");
    }
    let more = refused(format, &text.replace("\"terms_version\":3", "\"terms_version\":3,\"more\":1"));
    assert!(more.starts_with("a stored checkout cannot be read: its checkout.more is not known"), "{more}");
    for end in 0..text.len().min(400) {
        if text.is_char_boundary(end) {
            assert!(decode(format, &text.as_bytes()[..end]).is_err());
        }
    }
}

proptest! {
    #[test]
    fn any_text_and_amount_comes_back_as_it_went(
        texts in proptest::collection::vec(proptest::option::of(any::<String>()), 11),
        minor: u64,
        body: String,
        millis in 0..253_402_300_799_999_i64,
        chosen in proptest::sample::subsequence(states(), 0..5),
    ) {
        let mut registration = registration(chosen);
        let terms = &mut registration.checkout.terms;
        terms.charge_amount = Money::from_minor(minor, Currency::JPY);
        terms.total_order_amount = None;
        terms.supplementary_data.clone_from(&texts[0]);
        terms.shipping_address = None;
        registration.browsing = BrowserState::default();
        registration.links.success_url.clone_from(&texts[1]);
        registration.checkout.registered_at = Timestamp::from_millis(millis);
        let mut registration = with_payment(registration);
        let mut given = Address::default();
        for (member, text) in AddressMember::ALL.iter().zip(texts) {
            *given.member_mut(*member) = text;
        }
        let given = GivenAddresses { shipping: Some(given), billing: None };
        let number = u32::try_from(registration.checkout.attempts.len()).unwrap() + 1;
        for (number, state) in [
            (number, AttemptState::Bound { retry_at: at(1), missing: None }),
            (
                number + 1,
                AttemptState::Finalize(InFlight::Recorded {
                    earlier: Some(KeyedRequest { body: Arc::from(body.into_bytes()), ..send() }),
                    left_at: None,
                    retry_at: at(2),
                }),
            ),
        ] {
            registration.checkout.attempts.push(Attempt {
                number: AttemptNumber::new(number),
                checkout_session_id: CheckoutSessionId::parse("s").unwrap(),
                bearer: Bearer::Shop,
                bound_at: at(0),
                buyer_seen_at: at(0),
                given: given.clone(),
                spent_keys: 0,
                turned_away: None,
                turned_away_terms: None,
                waits_for: None,
                refused_keys: 0,
                terms_version: 3,
                account: None,
                refusal: None,
                unreadable_count: 0,
                sends: Sends::default(),
                was_sent: true,
                state,
            });
        }
        let (format, bytes) = encode(&registration);
        prop_assert_eq!(decode(format, &bytes), Ok(registration));
    }
}
