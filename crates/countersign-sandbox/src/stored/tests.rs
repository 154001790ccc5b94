//! Every document reads back as it was written, and an unknown format is refused.

use std::borrow::Cow;

use countersign_domain::address::{Address, AddressMember};
use countersign_domain::ids::{
    BuyerId, ChargeId, ChargePermissionId, CheckoutSessionId, Environment, MerchantId, RefundId, Region,
    StoreId,
};
use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::buyer::{Buyer, Card};
use countersign_domain::provider::charge::{
    Charge, ChargeCancelReason, ChargeDeclineReason, ChargeState, PendingOutcome,
};
use countersign_domain::provider::charge_permission::{
    ChargePermission, ChargePermissionState, ClosureReason, NonChargeableReason,
};
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail, SessionCancelReason,
    WebCheckoutDetails,
};
use countersign_domain::provider::event::{Event, EventKind};
use countersign_domain::provider::ledger::{Account, Balances, Posting};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::provider::refund::{Refund, RefundDeclineReason, RefundState};
use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};
use countersign_domain::time::Timestamp;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::{charge, charge_permission, checkout_session, event, refund, reply};
use crate::book::answer::{ApiAnswer, Reply, WithBuyer};
use crate::book::checkout::{Checkout, SessionExtras};

fn text() -> impl Strategy<Value = String> {
    "[ -~äß京\\n\"\\\\]{0,12}"
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._-]{0,20}"
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64).prop_map(Timestamp::from_millis)
}

fn money() -> impl Strategy<Value = Money> {
    (any::<u64>(), select(Currency::ALL)).prop_map(|(minor, currency)| Money::from_minor(minor, currency))
}

fn address() -> impl Strategy<Value = Address> {
    proptest::collection::vec(of(text()), 11).prop_map(|texts| {
        let mut address = Address::default();
        for (member, text) in AddressMember::ALL.iter().zip(texts) {
            *address.member_mut(*member) = text;
        }
        address
    })
}

fn notes() -> impl Strategy<Value = MerchantMetadata> {
    (of(text()), of(text()), of(text()), of(text())).prop_map(
        |(merchant_reference_id, merchant_store_name, note_to_buyer, custom_information)| MerchantMetadata {
            merchant_reference_id,
            merchant_store_name,
            note_to_buyer,
            custom_information,
        },
    )
}

fn buyer() -> impl Strategy<Value = Buyer> {
    let texts = (of(text()), of(text()), of(text()), of(text()));
    (id(), texts, of(address()), of(address()), select(Card::ALL)).prop_map(
        |(id, (name, email, phone_number, delivery_option), shipping_address, billing_address, card)| Buyer {
            id: BuyerId::parse(&id).unwrap(),
            name,
            email,
            phone_number,
            shipping_address,
            billing_address,
            card,
            delivery_option,
        },
    )
}

fn owner() -> impl Strategy<Value = Owner> {
    (id(), select(&[Environment::Sandbox, Environment::Live][..]))
        .prop_map(|(id, environment)| Owner { merchant_id: MerchantId::parse(&id).unwrap(), environment })
}

fn charge_id() -> impl Strategy<Value = ChargeId> {
    id().prop_map(|id| ChargeId::parse(&id).unwrap())
}

fn permission_id() -> impl Strategy<Value = ChargePermissionId> {
    id().prop_map(|id| ChargePermissionId::parse(&id).unwrap())
}

fn payment() -> impl Strategy<Value = PaymentDetails> {
    (
        (of(select(PaymentIntent::ALL)), any::<bool>(), any::<bool>(), any::<bool>()),
        (of(money()), of(money()), of(money())),
        of(text()),
        of(select(Currency::ALL)),
    )
        .prop_map(|(flags, amounts, soft_descriptor, presentment_currency)| PaymentDetails {
            payment_intent: flags.0,
            can_handle_pending_authorization: flags.1,
            charge_amount: amounts.0,
            total_order_amount: amounts.1,
            soft_descriptor,
            presentment_currency,
            allow_overcharge: flags.2,
            extend_expiration: flags.3,
            estimate_order_total: amounts.2,
        })
}

fn session_state() -> impl Strategy<Value = CheckoutSessionState> {
    prop_oneof![
        (of(buyer().prop_map(Box::new)), of(instant()), of(instant())).prop_map(
            |(buyer, placed_at, mfa_started_at)| CheckoutSessionState::Open {
                buyer,
                placed_at,
                mfa_started_at
            }
        ),
        (permission_id(), of(charge_id())).prop_map(|(charge_permission_id, charge_id)| {
            CheckoutSessionState::Completed { charge_permission_id, charge_id }
        }),
        select(SessionCancelReason::ALL).prop_map(|reason| CheckoutSessionState::Canceled { reason }),
    ]
}

fn checkout() -> impl Strategy<Value = Checkout> {
    let words = (
        select(&[Region::NorthAmerica, Region::Europe, Region::Japan][..]),
        select(&[Flow::BuyNow, Flow::Redirect][..]),
        select(ProductType::ALL),
        select(&[ResponseDetail::Short, ResponseDetail::Full][..]),
    );
    let urls = (of(text()), of(text()), of(text()), of(text()));
    let ids = (id(), of(id()), of(text()), of(text()));
    let shown = (of(text()), of(text()), of(text()), of(address()));
    let rest = (of(text()), notes(), instant(), instant(), session_state());
    (words, urls, ids, shown, owner(), payment(), rest).prop_map(
        |(words, urls, ids, shown, owner, payment, rest)| Checkout {
            session: CheckoutSession {
                id: CheckoutSessionId::parse(&ids.0).unwrap(),
                owner,
                region: words.0,
                flow: words.1,
                product_type: words.2,
                payment,
                supplementary_data: rest.0,
                merchant_metadata: rest.1,
                web_checkout: WebCheckoutDetails {
                    checkout_review_return_url: urls.0,
                    checkout_result_return_url: urls.1,
                    checkout_cancel_url: urls.2,
                    checkout_mode: urls.3,
                },
                store_id: ids.1.map(|id| StoreId::parse(&id).unwrap()),
                platform_id: ids.2,
                provider_reference_id: ids.3,
                response_detail: words.3,
                created_at: rest.2,
                updated_at: rest.3,
                state: rest.4,
            },
            shown: SessionExtras {
                delivery_specifications: shown.0,
                multi_addresses: shown.1,
                checkout_button_text: shown.2,
                given_address: shown.3,
            },
        },
    )
}

fn permission() -> impl Strategy<Value = ChargePermission> {
    let state = prop_oneof![
        Just(ChargePermissionState::Chargeable),
        select(NonChargeableReason::ALL).prop_map(|reason| ChargePermissionState::NonChargeable { reason }),
        select(ClosureReason::ALL).prop_map(|reason| ChargePermissionState::Closed { reason }),
    ];
    let balances = (select(Currency::ALL), any::<[u32; 6]>()).prop_map(|(currency, minor)| {
        let [available, held, captured, refunded, overcharge, goodwill] =
            minor.map(|minor| Money::from_minor(u64::from(minor), currency));
        Balances { available, held, captured, refunded, overcharge, goodwill }
    });
    let balances = balances.prop_filter_map("a limit is not negative", |balances| {
        let Balances { available, held, captured, refunded, overcharge, goodwill } = balances;
        let sum = [held, captured, refunded].into_iter().try_fold(available, Money::checked_add)?;
        let limit = sum.checked_sub(overcharge)?.checked_sub(goodwill)?;
        Some((limit, balances))
    });
    let charges = proptest::collection::vec(charge_id(), 0..4);
    let instants = (instant(), instant(), instant());
    let counted = (charges, 0..26_u32, any::<bool>(), of(id()));
    (permission_id(), id(), owner(), balances, counted, of(buyer()), notes(), instants, state).prop_map(
        |(id, session, owner, money, counted, buyer, merchant_metadata, instants, state)| {
            let (open_charges, charge_count, allow_overcharge, platform_id) = counted;
            ChargePermission {
                id,
                checkout_session_id: CheckoutSessionId::parse(&session).unwrap(),
                owner,
                limit: money.0,
                balances: money.1,
                charge_count,
                allow_overcharge,
                open_charges,
                buyer: buyer.map(Box::new),
                merchant_metadata,
                platform_id,
                created_at: instants.0,
                updated_at: instants.1,
                expires_at: instants.2,
                state,
            }
        },
    )
}

fn a_charge() -> impl Strategy<Value = Charge> {
    let outcome = prop_oneof![
        Just(PendingOutcome::Authorized),
        select(ChargeDeclineReason::ALL).prop_map(PendingOutcome::Declined),
    ];
    let state = prop_oneof![
        (outcome, instant())
            .prop_map(|(outcome, decided_at)| ChargeState::AuthorizationInitiated { outcome, decided_at }),
        Just(ChargeState::Authorized),
        (money(), of(select(ChargeDeclineReason::ALL)), instant()).prop_map(
            |(capturing, decline, decided_at)| ChargeState::CaptureInitiated {
                capturing,
                decline,
                decided_at
            }
        ),
        money().prop_map(|captured| ChargeState::Captured { captured }),
        select(ChargeCancelReason::ALL).prop_map(|reason| ChargeState::Canceled { reason }),
        select(ChargeDeclineReason::ALL).prop_map(|reason| ChargeState::Declined { reason }),
    ];
    let instants = (instant(), instant(), instant(), instant());
    let ids = (charge_id(), permission_id());
    let texts = (of(text()), of(text()), of(text()), notes());
    let refunds = proptest::collection::vec(a_refund(), 0..3);
    (ids, money(), any::<(bool, bool)>(), texts, instants, state, refunds).prop_map(
        |((id, charge_permission_id), amount, flags, texts, instants, state, refunds)| {
            let (created_at, updated_at, authorized_at, expires_at) = instants;
            let (soft_descriptor, provider_reference_id, platform_id, merchant_metadata) = texts;
            Charge {
                id,
                charge_permission_id,
                amount,
                can_handle_pending_authorization: flags.0,
                capture_now: flags.1,
                soft_descriptor,
                merchant_metadata,
                provider_reference_id,
                platform_id,
                created_at,
                updated_at,
                authorized_at,
                expires_at,
                state,
                refunds,
            }
        },
    )
}

fn a_refund() -> impl Strategy<Value = Refund> {
    let state = prop_oneof![
        (of(select(RefundDeclineReason::ALL)), instant())
            .prop_map(|(decline, decided_at)| RefundState::RefundInitiated { decline, decided_at }),
        Just(RefundState::Refunded),
        select(RefundDeclineReason::ALL).prop_map(|reason| RefundState::Declined { reason }),
    ];
    let id =
        (permission_id(), any::<u64>()).prop_map(|(permission, draw)| RefundId::under(&permission, draw));
    (id, money(), of(text()), instant(), instant(), state).prop_map(
        |(id, amount, soft_descriptor, created_at, updated_at, state)| Refund {
            id,
            amount,
            soft_descriptor,
            created_at,
            updated_at,
            state,
        },
    )
}

/// A body: a JSON object.
fn body() -> impl Strategy<Value = String> {
    (text(), any::<u64>())
        .prop_map(|(text, number)| serde_json::json!({ "a": text, "b": [number] }).to_string())
}

fn answer() -> impl Strategy<Value = ApiAnswer> {
    let with_buyer = (body(), instant()).prop_map(|(body, until)| WithBuyer { body, until });
    (200_u16..600, body(), of(with_buyer)).prop_map(|(status, body, with_buyer)| ApiAnswer {
        status,
        body,
        with_buyer,
    })
}

proptest! {
    #[test]
    fn a_checkout_session_reads_back_as_it_was_written(checkout in checkout()) {
        let (format, bytes) = checkout_session::encode(&checkout);
        prop_assert_eq!(checkout_session::decode(format, &bytes), Ok(checkout));
    }

    #[test]
    fn a_charge_permission_reads_back_as_it_was_written(permission in permission()) {
        let (format, bytes) = charge_permission::encode(&permission);
        let owner = charge_permission::decode_owner(format, &bytes);
        prop_assert_eq!(owner.as_ref(), Ok(&permission.owner));
        prop_assert_eq!(charge_permission::decode(format, &bytes), Ok(permission));
    }

    #[test]
    fn a_charge_reads_back_as_it_was_written(it in a_charge()) {
        let (format, bytes) = charge::encode(&it);
        prop_assert_eq!(charge::decode(format, &bytes), Ok(it));
    }

    #[test]
    fn a_refund_reads_back_as_it_was_written(charge_id in charge_id()) {
        let (format, bytes) = refund::encode(&charge_id);
        prop_assert_eq!(refund::decode(format, &bytes), Ok(charge_id));
    }

    #[test]
    fn a_reply_reads_back_as_it_was_written(fingerprint in "[0-9a-f]{64}", answer in answer()) {
        let kept = Reply { fingerprint: fingerprint.into(), answer: Cow::Owned(answer) };
        let (format, bytes) = reply::encode(&kept);
        prop_assert_eq!(reply::decode(format, &bytes), Ok(kept));
    }
}

#[test]
fn an_unknown_format_is_refused() {
    let refusals = [
        checkout_session::decode(2, b"{}").unwrap_err(),
        charge_permission::decode(2, b"{}").unwrap_err(),
        charge_permission::decode_owner(2, b"{}").unwrap_err(),
        charge::decode(0, b"{}").unwrap_err(),
        refund::decode(1, b"{}").unwrap_err(),
        reply::decode(u16::MAX, b"{}").unwrap_err(),
    ];
    let told: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(
        told[0],
        "a stored checkout_session cannot be read: its format is 2, and this version reads 3"
    );
    assert_eq!(told[3], "a stored charge cannot be read: its format is 0, and this version reads 3");
    assert!(told.iter().all(|text| text.contains("its format is")));
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn usd(minor: u64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn the_owner() -> Owner {
    Owner { merchant_id: MerchantId::parse("M1").unwrap(), environment: Environment::Sandbox }
}

fn the_charge_id() -> ChargeId {
    ChargeId::parse("S01-1234567-1234567-C000001").unwrap()
}

fn the_permission_id() -> ChargePermissionId {
    ChargePermissionId::parse("S01-1234567-1234567").unwrap()
}

fn the_buyer() -> Buyer {
    Buyer {
        id: BuyerId::parse("amzn1.account.B1").unwrap(),
        name: Some("Robin \"Tester\"".to_owned()),
        email: None,
        phone_number: None,
        shipping_address: Some(Address { city: Some("Zürich".to_owned()), ..Address::default() }),
        billing_address: None,
        card: Card::Visa1111,
        delivery_option: None,
    }
}

fn the_notes() -> MerchantMetadata {
    MerchantMetadata { note_to_buyer: Some("n".to_owned()), ..MerchantMetadata::default() }
}

fn the_session() -> CheckoutSession {
    CheckoutSession {
        id: CheckoutSessionId::from_random([1; 16]),
        owner: the_owner(),
        region: Region::NorthAmerica,
        flow: Flow::BuyNow,
        product_type: ProductType::PayAndShip,
        payment: PaymentDetails {
            payment_intent: Some(PaymentIntent::Authorize),
            can_handle_pending_authorization: false,
            charge_amount: Some(usd(1_400)),
            total_order_amount: None,
            soft_descriptor: None,
            presentment_currency: Some(Currency::USD),
            allow_overcharge: true,
            extend_expiration: false,
            estimate_order_total: None,
        },
        supplementary_data: None,
        merchant_metadata: the_notes(),
        web_checkout: WebCheckoutDetails {
            checkout_review_return_url: None,
            checkout_result_return_url: Some("https://shop.example/".to_owned()),
            checkout_cancel_url: None,
            checkout_mode: None,
        },
        store_id: StoreId::parse("store").ok(),
        platform_id: None,
        provider_reference_id: None,
        response_detail: ResponseDetail::Short,
        created_at: at(1),
        updated_at: at(2),
        state: CheckoutSessionState::Open {
            buyer: Some(Box::new(the_buyer())),
            placed_at: Some(at(3)),
            mfa_started_at: None,
        },
    }
}

fn the_charge() -> Charge {
    let refund = Refund {
        id: RefundId::parse("S01-1234567-1234567-R000001").unwrap(),
        amount: usd(400),
        soft_descriptor: None,
        created_at: at(6),
        updated_at: at(6),
        state: RefundState::RefundInitiated {
            decline: Some(RefundDeclineReason::AmazonRejected),
            decided_at: at(7),
        },
    };
    Charge {
        id: the_charge_id(),
        charge_permission_id: the_permission_id(),
        amount: usd(1_400),
        can_handle_pending_authorization: true,
        capture_now: false,
        soft_descriptor: None,
        merchant_metadata: MerchantMetadata::default(),
        provider_reference_id: None,
        platform_id: None,
        created_at: at(3),
        updated_at: at(6),
        authorized_at: at(4),
        expires_at: at(9),
        state: ChargeState::Captured { captured: usd(1_400) },
        refunds: vec![refund],
    }
}

fn the_permission() -> ChargePermission {
    ChargePermission {
        id: the_permission_id(),
        checkout_session_id: CheckoutSessionId::from_random([1; 16]),
        owner: the_owner(),
        limit: usd(3_000),
        balances: Balances {
            available: usd(1_600),
            held: usd(0),
            captured: usd(1_000),
            refunded: usd(400),
            overcharge: usd(0),
            goodwill: usd(0),
        },
        charge_count: 1,
        allow_overcharge: false,
        open_charges: Vec::new(),
        buyer: Some(Box::new(the_buyer())),
        merchant_metadata: the_notes(),
        platform_id: None,
        created_at: at(3),
        updated_at: at(6),
        expires_at: at(9),
        state: ChargePermissionState::NonChargeable { reason: NonChargeableReason::PaymentMethodInvalid },
    }
}

/// One of each document that a payment leaves behind. If a form changes here, its document needs
/// the next format number.
#[test]
fn the_forms_on_disk_are_those_of_their_formats() {
    let answer = ApiAnswer {
        status: 200,
        body: r#"{"a":1}"#.to_owned(),
        with_buyer: Some(WithBuyer { body: r#"{"a":2}"#.to_owned(), until: at(8) }),
    };
    let kept = Reply { fingerprint: "0a".into(), answer: Cow::Owned(answer) };
    let checkout = Checkout { session: the_session(), shown: SessionExtras::default() };
    let posting = Posting { from: Account::Held, to: Account::Captured, amount: usd(1_400) };
    let what = EventKind::ChargeCaptured(the_charge_id(), usd(1_400));
    let happened = Event { at: at(5), what, postings: vec![posting] };
    let forms = [
        ("checkout_session", checkout_session::encode(&checkout)),
        ("charge_permission", charge_permission::encode(&the_permission())),
        ("charge", charge::encode(&the_charge())),
        ("refund", refund::encode(&the_charge_id())),
        ("reply", reply::encode(&kept)),
        ("event", (0, event::encode(&[happened]))),
    ];
    let told: Vec<String> = forms
        .iter()
        .map(|(document, (format, bytes))| {
            let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            format!("## {document} in format {format}\n{}\n", serde_json::to_string_pretty(&value).unwrap())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_damaged_document_is_refused_without_quoting_its_content() {
    let answer = ApiAnswer::new(200, r#"{"a":"secret"}"#.to_owned());
    let (format, bytes) = reply::encode(&Reply { fingerprint: "f".into(), answer: Cow::Owned(answer) });
    let refused = |bytes: &[u8]| reply::decode(format, bytes).unwrap_err().to_string();
    let cut = refused(&bytes[..bytes.len() - 2]);
    assert!(cut.starts_with("a stored reply cannot be read: its answer is cut off"), "{cut}");
    let unknown = String::from_utf8(bytes.to_vec()).unwrap().replacen('{', "{\"more\":1,", 1);
    let unknown = refused(unknown.as_bytes());
    assert!(unknown.starts_with("a stored reply cannot be read: its more is not known"), "{unknown}");
    assert!(!cut.contains("secret") && !unknown.contains("secret"));
}

#[test]
fn balances_that_do_not_add_up_to_their_limit_are_refused() {
    let (format, bytes) = charge_permission::encode(&the_permission());
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let refused = charge_permission::decode(format, text.replacen("[1600,", "[1601,", 1).as_bytes());
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("it has balances that do not add up to its limit"), "{why}");
}
