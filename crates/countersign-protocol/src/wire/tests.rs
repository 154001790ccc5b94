//! Bodies of real SDKs, refusals by kind, and other input.

use countersign_domain::address::Address as PostalAddress;
use countersign_domain::money::{Currency, Money};
use countersign_domain::terms::PaymentIntent;
use proptest::prelude::*;

use super::*;

fn finalize(body: &str) -> Result<FinalizeCheckoutSession, BodyRefused> {
    read_request(body.as_bytes(), Spellings::Every)
}

fn refused_as(body: &str) -> (BodyRefusedKind, String) {
    let refused = finalize(body).expect_err(body);
    (refused.kind, refused.field.unwrap_or_default())
}

#[test]
fn the_bodies_of_official_sdks_are_one_request() {
    let dollars = Money::from_minor(1400, Currency::USD);
    for (sdk, body) in [
        (
            "Node",
            r#"{"paymentIntent":"Confirm","chargeAmount":{"amount":"14.00","currencyCode":"USD"},
                "canHandlePendingAuthorization":false,"shippingAddress":{"name":"Susie","city":"New York"}}"#,
        ),
        (
            "PHP and Java, as their manuals have it",
            r#"{"shippingAddress":{"name":"Susie","city":"New York","county":null,"district":null},
                "billingAddress":null,"chargeAmount":{"amount":"14.00","currencyCode":"USD"},
                "totalOrderAmount":null,"paymentIntent":"Confirm",
                "canHandlePendingAuthorization":"false","supplementaryData":null}"#,
        ),
        (
            ".NET",
            r#"{"paymentIntent":"Confirm","canHandlePendingAuthorization":false,
                "shippingAddress":{"name":"Susie","city":"New York"},
                "chargeAmount":{"amount":14,"currencyCode":"USD"}}"#,
        ),
    ] {
        let request = finalize(body).expect(sdk);
        assert_eq!(request.payment_intent, Some(PaymentIntent::Confirm.into()), "{sdk}");
        assert_eq!(request.charge_amount, Some(dollars.into()), "{sdk}");
        assert_eq!(request.total_order_amount, None, "{sdk}");
        assert_eq!(request.can_handle_pending_authorization, Some(false), "{sdk}");
        let address = PostalAddress::from(request.shipping_address.expect(sdk));
        assert_eq!((address.city.as_deref(), address.county), (Some("New York"), None), "{sdk}");
        assert_eq!((request.billing_address, request.supplementary_data), (None, None), "{sdk}");
    }
    let minimal = r#"{"paymentIntent":"Confirm","chargeAmount":{"amount":10,"currencyCode":"USD"}}"#;
    let minimal: FinalizeCheckoutSession = finalize(minimal).expect(".NET's own test");
    assert_eq!(minimal.charge_amount.map(Money::from), Some(Money::from_minor(1000, Currency::USD)));
    assert_eq!(finalize(" {} "), Ok(FinalizeCheckoutSession::default()));
}

#[test]
fn php_escapes_are_the_characters_they_stand_for() {
    let body = r#"{"shippingAddress":{"name":"\u65e5\u672c","addressLine1":"c\/o \ud83d\ude80"}}"#;
    let address = finalize(body).unwrap().shipping_address.unwrap();
    assert_eq!(address.name.as_deref(), Some("日本"));
    assert_eq!(address.address_line1.as_deref(), Some("c/o 🚀"));
}

#[test]
fn each_refusal_names_its_kind_and_its_field() {
    use BodyRefusedKind::*;
    let amount = |amount: &str, code: &str| {
        format!(r#"{{"chargeAmount":{{"amount":{amount},"currencyCode":"{code}"}}}}"#)
    };
    let long = |field: &str, len: usize| format!(r#"{{"{field}":"{}"}}"#, "x".repeat(len));
    let note =
        |field: &str, len: usize| format!(r#"{{"merchantMetadata":{{"{field}":"{}"}}}}"#, "日".repeat(len));
    for (body, kind, field) in [
        ("", InvalidRequestFormat, ""),
        ("   ", InvalidRequestFormat, ""),
        ("null", InvalidRequestFormat, ""),
        ("[]", InvalidRequestFormat, ""),
        ("\"{}\"", InvalidRequestFormat, ""),
        ("{", InvalidRequestFormat, ""),
        ("{}{}", InvalidRequestFormat, ""),
        (r#"{"paymentIntent":"Confirm","#, InvalidRequestFormat, ""),
        (r#"{"paymentIntent":'Confirm'}"#, InvalidRequestFormat, ""),
        ("\u{feff}{}", InvalidRequestFormat, ""),
        (r#"{"paymentIntent":"Confirm","paymentIntent":null}"#, InvalidRequestFormat, "paymentIntent"),
        (r#"{"chargeAmount":{"amount":1,"amount":2}}"#, InvalidRequestFormat, "chargeAmount.amount"),
        (
            r#"{"x":{},"shippingAddress":{"city":"a","city":"b"}}"#,
            InvalidRequestFormat,
            "shippingAddress.city",
        ),
        (r#"{"\ud800":1}"#, InvalidRequestFormat, ""),
        (r#"{"paymentintent":"Confirm"}"#, UnrecognizedField, "paymentintent"),
        (r#"{"paymentIntent":3,"shippingAddress":{"zip":null}}"#, UnrecognizedField, "shippingAddress.zip"),
        (r#"{"chargeAmount":{"amount":"","x":1}}"#, UnrecognizedField, "chargeAmount.x"),
        (r#"{"b":1,"a":1}"#, UnrecognizedField, "b"),
        (r#"{"shippingAddress":{"addressId":"x"}}"#, UnrecognizedField, "shippingAddress.addressId"),
        (r#"{"paymentIntent":"confirm"}"#, InvalidParameterValue, "paymentIntent"),
        (r#"{"paymentIntent":3}"#, InvalidParameterValue, "paymentIntent"),
        (
            r#"{"canHandlePendingAuthorization":"yes"}"#,
            InvalidParameterValue,
            "canHandlePendingAuthorization",
        ),
        (r#"{"canHandlePendingAuthorization":0}"#, InvalidParameterValue, "canHandlePendingAuthorization"),
        (
            r#"{"canHandlePendingAuthorization":"True"}"#,
            InvalidParameterValue,
            "canHandlePendingAuthorization",
        ),
        (r#"{"shippingAddress":"here"}"#, InvalidParameterValue, "shippingAddress"),
        (r#"{"shippingAddress":[]}"#, InvalidParameterValue, "shippingAddress"),
        (r#"{"shippingAddress":{"postalCode":98101}}"#, InvalidParameterValue, "shippingAddress.postalCode"),
        (r#"{"shippingAddress":{"city":"\udc00"}}"#, InvalidParameterValue, "shippingAddress.city"),
        (r#"{"supplementaryData":{}}"#, InvalidParameterValue, "supplementaryData"),
        (r#"{"chargeAmount":14}"#, InvalidParameterValue, "chargeAmount"),
        (r#"{"chargeAmount":{}}"#, InvalidParameterValue, "chargeAmount.amount"),
        (
            r#"{"chargeAmount":{"amount":null,"currencyCode":"USD"}}"#,
            InvalidParameterValue,
            "chargeAmount.amount",
        ),
        (r#"{"chargeAmount":{"amount":"1"}}"#, InvalidParameterValue, "chargeAmount.currencyCode"),
        (&amount("\"1\"", "usd"), InvalidParameterValue, "chargeAmount.currencyCode"),
        (&amount("\"1\"", "BHD"), InvalidParameterValue, "chargeAmount.currencyCode"),
        (&amount("\"\"", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("\"14.000\"", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("14.000", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("\"1,000.00\"", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("\"+1\"", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("-1", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("1e3", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("1E400", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("99999999999999999999999999", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("true", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("{}", "USD"), InvalidParameterValue, "chargeAmount.amount"),
        (&amount("\"500.00\"", "JPY"), InvalidParameterValue, "chargeAmount.amount"),
        (&long("supplementaryData", 4_097), InvalidParameterValue, "supplementaryData"),
        (&note("merchantReferenceId", 257), InvalidParameterValue, "merchantMetadata.merchantReferenceId"),
        (&note("merchantStoreName", 51), InvalidParameterValue, "merchantMetadata.merchantStoreName"),
        (&note("noteToBuyer", 256), InvalidParameterValue, "merchantMetadata.noteToBuyer"),
        (&note("customInformation", 4_097), InvalidParameterValue, "merchantMetadata.customInformation"),
        (
            &format!(r#"{{"billingAddress":{{"addressLine3":"{}"}}}}"#, "x".repeat(256)),
            InvalidParameterValue,
            "billingAddress.addressLine3",
        ),
    ] {
        assert_eq!(refused_as(body), (kind, field.to_owned()), "{body}");
    }
}

#[test]
fn a_member_that_is_there_twice_is_found_among_few_and_among_many() {
    for count in [2, 24, 25, 2_000] {
        let names: Vec<_> = (0..count).map(|number| format!("\"n{number}\":0")).collect();
        let once = format!("{{{}}}", names.join(","));
        assert_eq!(refused_as(&once), (BodyRefusedKind::UnrecognizedField, "n0".to_owned()), "{count}");
        let twice = format!("{{{},\"n1\":0}}", names.join(","));
        assert_eq!(refused_as(&twice), (BodyRefusedKind::InvalidRequestFormat, "n1".to_owned()), "{count}");
    }
}

#[test]
fn a_text_may_be_exactly_as_long_as_its_limit() {
    for (field, len) in [
        ("merchantReferenceId", 256),
        ("merchantStoreName", 50),
        ("noteToBuyer", 255),
        ("customInformation", 4_096),
    ] {
        let body = format!(r#"{{"merchantMetadata":{{"{field}":"{}"}}}}"#, "日".repeat(len));
        assert!(finalize(&body).is_ok(), "{field}");
    }
    let descriptor = |len: usize| {
        let body = format!(r#"{{"paymentDetails":{{"softDescriptor":"{}"}}}}"#, "x".repeat(len));
        read_request::<UpdateCheckoutSession>(body.as_bytes(), Spellings::Every)
            .map_err(|refused| refused.field)
    };
    assert!(descriptor(16).is_ok());
    assert_eq!(descriptor(17), Err(Some("paymentDetails.softDescriptor".to_owned())));
}

// Promise: A14
#[test]
fn documented_spellings_alone_can_be_demanded() {
    for (body, field) in [
        (r#"{"chargeAmount":{"amount":14,"currencyCode":"USD"}}"#, "chargeAmount.amount"),
        (r#"{"canHandlePendingAuthorization":"false"}"#, "canHandlePendingAuthorization"),
    ] {
        assert!(read_request::<FinalizeCheckoutSession>(body.as_bytes(), Spellings::Every).is_ok());
        let refused =
            read_request::<FinalizeCheckoutSession>(body.as_bytes(), Spellings::Documented).unwrap_err();
        assert_eq!(
            (refused.kind, refused.field.as_deref()),
            (BodyRefusedKind::InvalidParameterValue, Some(field))
        );
    }
    let frequency = r#"{"recurringMetadata":{"frequency":{"unit":"Month","value":1}}}"#.as_bytes();
    assert!(read_request::<CreateCheckoutSession>(frequency, Spellings::Every).is_ok());
    assert!(read_request::<CreateCheckoutSession>(frequency, Spellings::Documented).is_err());
}

#[test]
fn depth_is_bounded_at_the_limit_and_brackets_in_strings_do_not_count() {
    let nested = |levels: usize| {
        format!(r#"{{"multiAddressesCheckoutMetadata":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    let create = |body: &str| read_request::<CreateCheckoutSession>(body.as_bytes(), Spellings::Every);
    assert!(create(&nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(create(&nested(MAX_DEPTH)).unwrap_err().kind, BodyRefusedKind::InvalidRequestFormat);
    assert!(create(&nested(200_000)).is_err());
    assert!(finalize(&format!(r#"{{"supplementaryData":"\"{}"}}"#, "[".repeat(100))).is_ok());
}

#[test]
fn a_refusal_quotes_no_value() {
    for body in [
        r#"{"shippingAddress":{"postalCode":{"canary":1}}}"#,
        r#"{"shippingAddress":{"postalCode":9810177}}"#,
        r#"{"shippingAddress":"canary"}"#,
        r#"{"paymentIntent":"canary"}"#,
        r#"{"chargeAmount":{"amount":"canary","currencyCode":"USD"}}"#,
        r#"{"shippingAddress":{"name":"canary"#,
    ] {
        let refused = finalize(body).unwrap_err();
        let said = format!("{refused} {refused:?}");
        assert!(!said.contains("canary") && !said.contains("9810177"), "{said}");
    }
    let long_name = format!(r#"{{"{}":1}}"#, "n".repeat(1_000));
    assert_eq!(finalize(&long_name).unwrap_err().field.map(|field| field.len()), Some(64));
}

#[test]
fn debug_prints_no_free_text() {
    let body = r#"{"buyer":{"name":"canary","email":"canary","phoneNumber":"canary","buyerId":"amzn1.account.X"},
        "shippingAddress":{"name":"canary","city":"canary","unheardOf":"canary"},
        "paymentPreferences":[{"paymentDescriptor":"canary"}],"supplementaryData":"canary",
        "shippingAddressList":["{\"addressId\":\"canary\",\"name\":\"canary\"}"],"tokens":["canary"],
        "multiAddressesCheckoutMetadata":["canary"],
        "paymentDetails":{"chargeAmount":{"amount":"14.00","currencyCode":"USD"}},
        "statusDetails":{"state":"Open","reasonDescription":"canary"}}"#;
    let session = read_answer::<CheckoutSession>(body.as_bytes()).unwrap();
    let shown = format!("{session:?}");
    assert!(!shown.contains("canary"), "{shown}");
    for visible in ["14.00 USD", "state: Open", "city", "unheardOf", "amzn1.account.X"] {
        assert!(shown.contains(visible), "{visible} in {shown}");
    }
}

#[test]
fn an_answer_has_every_member_and_null_where_it_has_no_value() {
    let session = CheckoutSession {
        checkout_session_id: Some("bd504926-f659-4ad7-a1a9-9a747aaf5275".id()),
        status_details: Some(CheckoutSessionStatus {
            state: Some(CheckoutSessionState::Completed.into()),
            last_updated_timestamp: Some(
                countersign_domain::time::Timestamp::parse("20261123T154700Z").unwrap(),
            ),
            ..CheckoutSessionStatus::default()
        }),
        merchant_metadata: Some(MerchantMetadata::default()),
        provider_metadata: Some(ProviderMetadata::default()),
        payment_preferences: Some(vec![None]),
        shipping_address_list: Some(vec![EmbeddedJson(ListedAddress {
            address_id: Some("A \"1\"".to_owned()),
            ..ListedAddress::default()
        })]),
        payment_details: Some(PaymentDetails {
            charge_amount: Some(Money::from_minor(500, Currency::JPY).into()),
            can_handle_pending_authorization: Some(false),
            ..PaymentDetails::default()
        }),
        ..CheckoutSession::default()
    };
    let answer = session.to_answer();
    insta::assert_snapshot!(answer);
    assert_eq!(
        read_answer::<CheckoutSession>(answer.as_bytes()).unwrap(),
        ReadAnswer { value: session, malformed: vec![] }
    );
}

trait SessionId {
    fn id(&self) -> countersign_domain::ids::CheckoutSessionId;
}

impl SessionId for str {
    fn id(&self) -> countersign_domain::ids::CheckoutSessionId {
        countersign_domain::ids::CheckoutSessionId::parse(self).unwrap()
    }
}

// Promise: C04
#[test]
fn a_client_writes_back_what_it_does_not_know() {
    let answer = r#"{"chargeId":"S01-5105180-3221187-C056351","statusDetails":{"state":"Levitating","mood":"good"},"orderType":"Future","chargeAmount":{"amount":"1.00","currencyCode":"USD","tax":{"rate":0.10}},"cartDetails":{"lineItems":[1e400]}}"#;
    let read = read_answer::<Charge>(answer.as_bytes()).unwrap();
    assert_eq!(read.malformed, []);
    let state = read.value.status_details.as_ref().and_then(|status| status.state.clone()).unwrap();
    assert_eq!((state.as_str(), state.known()), ("Levitating", None));
    assert_eq!(read.value.unknown.member("orderType"), Some("\"Future\""));
    let written = read.value.to_request();
    assert_eq!(sorted_members(&written), sorted_members(answer));
    assert_eq!(read_answer::<Charge>(written.as_bytes()).unwrap(), read);
}

/// A text's characters in the order of their value: equal for texts that differ only in the order of their
/// members.
fn sorted_members(json: &str) -> Vec<char> {
    let mut characters: Vec<char> = json.chars().collect();
    characters.sort_unstable();
    characters
}

#[test]
fn one_malformed_member_does_not_take_the_answer_with_it() {
    let body = r#"{"checkoutSessionId":"bd504926-f659-4ad7-a1a9-9a747aaf5275","chargeId":12345,
        "chargePermissionId":"S01-5105180-3221187","creationTimestamp":"yesterday",
        "paymentDetails":{"paymentIntent":"Authorize","chargeAmount":{"amount":"1.234","currencyCode":"USD"},
        "totalOrderAmount":{"amount":"5","currencyCode":"XTS"}},"constraints":[null,7]}"#;
    let read = read_answer::<CheckoutSession>(body.as_bytes()).unwrap();
    assert!(read.value.charge_permission_id.is_some());
    assert_eq!(read.value.charge_id, None);
    let details = read.value.payment_details.as_ref().unwrap();
    assert_eq!(details.payment_intent, Some(PaymentIntent::Authorize.into()));
    assert_eq!(details.charge_amount, None);
    let fields: Vec<_> = read.malformed.iter().map(|malformed| malformed.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "chargeId",
            "creationTimestamp",
            "paymentDetails.chargeAmount.amount",
            "paymentDetails.totalOrderAmount.currencyCode",
            "constraints[1]",
        ]
    );
    let written = read.value.to_answer();
    assert!(written.contains("\"chargeId\":12345") && !written.contains("\"chargeId\":null"), "{written}");
    assert_eq!(read_answer::<CheckoutSession>(written.as_bytes()).unwrap().value.to_answer(), written);
}

// Promise: C01
#[test]
fn an_answers_amounts_may_have_more_zeros_than_their_currency_has_digits_and_a_requests_may_not() {
    for (amount, currency, money) in [
        (r#""1400.00""#, "JPY", Some("1400 JPY")),
        ("1400.0", "JPY", Some("1400 JPY")),
        (r#""14.0000""#, "USD", Some("14.00 USD")),
        (r#""14.001""#, "USD", None),
        (r#""1400.50""#, "JPY", None),
    ] {
        let price = format!(r#"{{"amount":{amount},"currencyCode":"{currency}"}}"#);
        let charge = format!(r#"{{"chargeAmount":{price},"captureAmount":{price}}}"#);
        let read = read_answer::<Charge>(charge.as_bytes()).unwrap();
        let shown = [&read.value.charge_amount, &read.value.capture_amount];
        for price in shown {
            let price = price.as_ref().map(|price| price.money.to_string());
            assert_eq!(price.as_deref(), money, "{amount}");
        }
        assert_eq!(read.malformed.is_empty(), money.is_some(), "{amount}");
        let request = format!(r#"{{"captureAmount":{price}}}"#);
        let refused = read_request::<CaptureCharge>(request.as_bytes(), Spellings::Every).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("captureAmount.amount"), "{amount}");
    }
}

#[test]
fn an_answer_that_contradicts_itself_is_not_read() {
    for body in ["", "[]", "<html>", r#"{"chargeId":"a","chargeId":"b"}"#, r#"{"chargeId":"a""#] {
        assert!(read_answer::<Charge>(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_listed_address_is_read_from_a_string_or_an_object() {
    for element in [r#""{\"addressId\":\"1\",\"city\":\"Kyoto\"}""#, r#"{"addressId":"1","city":"Kyoto"}"#] {
        let body = format!(r#"{{"shippingAddressList":[{element}]}}"#);
        let list =
            read_answer::<CheckoutSession>(body.as_bytes()).unwrap().value.shipping_address_list.unwrap();
        let [EmbeddedJson(listed)] = list.as_slice() else { panic!("{list:?}") };
        assert_eq!((listed.address_id.as_deref(), listed.city.as_deref()), (Some("1"), Some("Kyoto")));
    }
    for element in ["\"nonsense\"", "\"[]\"", "7"] {
        let body = format!(r#"{{"shippingAddressList":[{element}]}}"#);
        let read = read_answer::<CheckoutSession>(body.as_bytes()).unwrap();
        assert_eq!(read.malformed[0].field, "shippingAddressList[0]", "{element}");
    }
}

#[test]
fn every_reason_code_has_its_status_and_its_spelling() {
    let table: String = ReasonCode::ALL.iter().map(|code| format!("{} {code}\n", code.status())).collect();
    insta::assert_snapshot!(table);
    for code in ReasonCode::ALL {
        assert_eq!(ReasonCode::parse(code.as_str()), Some(*code));
    }
    let error = Error::new(ReasonCode::AmountMismatch, "say \"why\"\n");
    assert_eq!(error.to_answer(), r#"{"reasonCode":"AmountMismatch","message":"say \"why\"\n"}"#);
    let future = read_answer::<Error>(br#"{"reasonCode":"TooLucky","message":null}"#).unwrap().value;
    assert_eq!(future.reason_code, Some(Word::Unknown("TooLucky".to_owned())));
}

fn texts() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(any::<String>().prop_map(|text| text.chars().take(50).collect()))
}

prop_compose! {
    fn addresses()(
        name in texts(), address_line1 in texts(), city in texts(), postal_code in texts(), phone_number in texts(),
    ) -> Address {
        Address { name, address_line1, city, postal_code, phone_number, ..Address::default() }
    }
}

prop_compose! {
    fn prices()(minor: u64, index in 0..Currency::ALL.len()) -> Price {
        Money::from_minor(minor, Currency::ALL[index]).into()
    }
}

prop_compose! {
    fn finalize_requests()(
        intent in proptest::option::of(0..PaymentIntent::ALL.len()),
        charge_amount in proptest::option::of(prices()),
        total_order_amount in proptest::option::of(prices()),
        can_handle_pending_authorization: Option<bool>,
        shipping_address in proptest::option::of(addresses()),
        billing_address in proptest::option::of(addresses()),
        supplementary_data in texts(),
        note_to_buyer in texts(),
    ) -> FinalizeCheckoutSession {
        FinalizeCheckoutSession {
            payment_intent: intent.map(|index| PaymentIntent::ALL[index].into()),
            charge_amount,
            total_order_amount,
            can_handle_pending_authorization,
            shipping_address,
            billing_address,
            supplementary_data,
            merchant_metadata: Some(MerchantMetadata { note_to_buyer, ..MerchantMetadata::default() }),
            ..FinalizeCheckoutSession::default()
        }
    }
}

/// JSON of any shape, with the API's names among the members' names.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        "[0-9]{1,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""14.00""#.to_owned()),
        Just(r#""USD""#.to_owned()),
    ];
    let name = prop_oneof![
        Just("chargeAmount"),
        Just("amount"),
        Just("currencyCode"),
        Just("shippingAddress"),
        Just("name"),
        Just("paymentIntent"),
        Just("statusDetails"),
        Just("shippingAddressList"),
        Just("constraints"),
        Just("x"),
        Just("paymentDetails"),
        Just("merchantMetadata"),
        Just("\\ud800"),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|list| format!("[{}]", list.join(","))),
            proptest::collection::vec((name.clone(), inner), 0..8).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(request in finalize_requests()) {
        prop_assert_eq!(finalize(&request.to_request()), Ok(request.clone()));
        prop_assert_eq!(finalize(&request.to_answer()), Ok(request.clone()));
        let answer = read_answer::<FinalizeCheckoutSession>(request.to_request().as_bytes()).unwrap();
        prop_assert_eq!(answer, ReadAnswer { value: request, malformed: vec![] });
    }

    #[test]
    fn written_text_is_the_json_that_other_readers_know(text: String) {
        let mut writer = Writer::new(AbsentMember::Null);
        writer.text(&text);
        prop_assert_eq!(serde_json::from_str::<String>(&writer.finish()).unwrap(), text);
    }

    #[test]
    fn addresses_and_notes_pass_between_wire_and_domain(address in addresses(), note_to_buyer in texts()) {
        prop_assert_eq!(&Address::from(PostalAddress::from(address.clone())), &address);
        let notes = MerchantMetadata { note_to_buyer, ..MerchantMetadata::default() };
        let of_the_domain = countersign_domain::terms::MerchantMetadata::from(notes.clone());
        prop_assert_eq!(MerchantMetadata::from(of_the_domain), notes);
    }

    #[test]
    fn hostile_bytes_never_panic(body: Vec<u8>) {
        let _ = read_request::<FinalizeCheckoutSession>(&body, Spellings::Every);
        let _ = read_answer::<CheckoutSession>(&body);
    }

    // Promise: C04
    #[test]
    fn json_of_any_shape_never_panics_and_a_client_never_loses_a_member(json in any_json()) {
        let _ = read_request::<CreateCheckoutSession>(json.as_bytes(), Spellings::Every);
        if let Ok(read) = read_answer::<CheckoutSession>(json.as_bytes()) {
            let written = read.value.to_request();
            let again = read_answer::<CheckoutSession>(written.as_bytes()).unwrap();
            prop_assert_eq!(again.value.to_request(), written);
            prop_assert_eq!(again.malformed.len(), read.malformed.len());
        }
    }

    #[test]
    fn cut_short_nothing_is_accepted(request in finalize_requests(), cut in 0..10_000_usize) {
        let body = request.to_request();
        let cut = cut % body.len();
        prop_assert!(read_request::<FinalizeCheckoutSession>(&body.as_bytes()[..cut], Spellings::Every).is_err());
    }
}
