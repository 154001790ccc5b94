//! Every form reads back as it was written, and anything else is refused by the member's name.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::address::{Address, AddressKind, AddressMember};
use countersign_domain::ids::ChargeId;
use countersign_domain::money::{Currency, Money};
use countersign_domain::time::Timestamp;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::document::decode_member;

struct Shop;

#[derive(Debug, Clone, PartialEq)]
struct Lane(usize);

#[derive(Debug, Clone, PartialEq)]
struct Step<'a> {
    number: u32,
    word: Cow<'a, str>,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Open,
    Doubt(Doubt),
    Drift(AddressKind, AddressMember),
    Captured { amount: Money, at: Timestamp },
    Declined(Option<String>),
}

#[derive(Debug, Clone, PartialEq)]
struct Doubt {
    body: Arc<[u8]>,
    look_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
struct Order {
    id: ChargeId,
    kind: String,
    is_marked: bool,
    state: State,
    address: Option<Box<Address>>,
    codes: Vec<String>,
    steps: Vec<Step<'static>>,
    lane: Lane,
    seal: ([u8; 12], Bytes),
    /// Never less than `low`.
    high: i64,
    low: i64,
}

mod order {
    use super::{Doubt, Lane, Order, Shop, State, Step};

    crate::stored! {
        by Shop;

        document Order as "order", format 3;

        struct Order {
            id,
            kind as "type",
            is_marked or default,
            state,
            address,
            codes as "couponCodes" or default,
            steps,
            lane,
            seal,
            high,
            low;
            check |order| order.low <= order.high => "has bounds in the wrong order"
        }

        struct Lane(number) check |lane| lane.0 < 4 => "is not a lane";

        struct Step<'a> { number, word }

        struct Doubt { body, look_at as "look" }

        enum State {
            Open,
            Doubt(doubt),
            Drift(kind, member),
            Captured { amount, at as "since" },
            Declined(reason),
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~äß京\u{1}\\n\"\\\\{\\[]{0,12}", any::<String>()]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0..253_402_300_800_000_i64).prop_map(Timestamp::from_millis)
}

fn money() -> impl Strategy<Value = Money> {
    (any::<u64>(), select(Currency::ALL)).prop_map(|(minor, currency)| Money::from_minor(minor, currency))
}

fn address() -> impl Strategy<Value = Address> {
    proptest::collection::vec(of(text()), AddressMember::ALL.len()).prop_map(|texts| {
        let mut address = Address::default();
        for (member, text) in AddressMember::ALL.iter().zip(texts) {
            *address.member_mut(*member) = text;
        }
        address
    })
}

fn state() -> impl Strategy<Value = State> {
    let doubt = (text(), of(instant())).prop_map(|(body, look_at)| {
        let body = Arc::from(body.into_bytes());
        State::Doubt(Doubt { body, look_at })
    });
    let kinds = select(&[AddressKind::Shipping, AddressKind::Billing][..]);
    prop_oneof![
        Just(State::Open),
        doubt,
        (kinds, select(AddressMember::ALL)).prop_map(|(kind, member)| State::Drift(kind, member)),
        (money(), instant()).prop_map(|(amount, at)| State::Captured { amount, at }),
        of(text()).prop_map(State::Declined),
    ]
}

fn an_order() -> impl Strategy<Value = Order> {
    let step = (any::<u32>(), text()).prop_map(|(number, word)| Step { number, word: Cow::Owned(word) });
    let lists = (proptest::collection::vec(text(), 0..3), proptest::collection::vec(step, 0..3));
    let seal = (any::<[u8; 12]>(), proptest::collection::vec(any::<u8>(), 0..9));
    let rest = (0..4_usize, seal, any::<[i64; 2]>());
    ("[A-Za-z0-9]{1,9}", text(), any::<bool>(), state(), of(address()), lists, rest).prop_map(
        |(id, kind, is_marked, state, address, (codes, steps), (lane, seal, bounds))| Order {
            id: ChargeId::parse(&id).unwrap(),
            kind,
            is_marked,
            state,
            address: address.map(Box::new),
            codes,
            steps,
            lane: Lane(lane),
            seal: (seal.0, Bytes::from(seal.1)),
            high: bounds[0].max(bounds[1]),
            low: bounds[0].min(bounds[1]),
        },
    )
}

/// One document, with one text of it replaced.
fn refused(from: &str, to: &str) -> String {
    const WHOLE: &str = r#"{ "id" : "C1","type":"a\nb","state":{"Captured":{"amount":[1400,"USD"],"since":5}},
        "address":{"city":"secret"},"steps":[{"number":1,"word":"w"},{"number":2,"word":"w"}],"lane":3,
        "seal":["AAAAAAAAAAAAAAAA",""],"high":2,"low":-1}"#;
    assert!(WHOLE.contains(from), "{from}");
    assert!(order::decode(3, WHOLE.as_bytes()).is_ok());
    let why = order::decode(3, WHOLE.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
    let why = why.strip_prefix("a stored order cannot be read: ").unwrap();
    assert!(!why.contains("secret"), "{why}");
    why.rsplit_once(" (byte ").unwrap().0.to_owned()
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(it in an_order()) {
        let (format, bytes) = order::encode(&it);
        // The bytes are JSON for every other reader too.
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let spread = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(order::decode(format, &spread), Ok(it.clone()));
        prop_assert_eq!(decode_member::<Shop, ChargeId>("order", "id", &bytes), Ok(it.id.clone()));
        prop_assert_eq!(decode_member::<Shop, i64>("order", "low", &bytes), Ok(it.low));
        prop_assert_eq!(order::decode(format, &bytes), Ok(it));
    }

    #[test]
    fn a_document_that_is_cut_off_is_refused(it in an_order(), cut in 1_usize..400) {
        let (format, bytes) = order::encode(&it);
        let cut = cut.min(bytes.len());
        prop_assert!(order::decode(format, &bytes[..bytes.len() - cut]).is_err());
    }

    #[test]
    fn damage_is_refused_or_read_and_never_panics(it in an_order(), at: usize, byte: u8) {
        let (format, bytes) = order::encode(&it);
        let mut bytes = bytes.to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if order::decode(format, &bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
    }
}

#[test]
fn what_is_the_default_or_absent_is_left_out() {
    let whole = Order {
        id: ChargeId::parse("C1").unwrap(),
        kind: "a".to_owned(),
        is_marked: false,
        state: State::Drift(AddressKind::Billing, AddressMember::City),
        address: None,
        codes: Vec::new(),
        steps: Vec::new(),
        lane: Lane(2),
        seal: ([0; 12], Bytes::from_static(b"a")),
        high: 0,
        low: 0,
    };
    let (format, bytes) = order::encode(&whole);
    assert_eq!(
        (format, core::str::from_utf8(&bytes).unwrap()),
        (
            3,
            r#"{"id":"C1","type":"a","state":{"Drift":{"kind":"Billing","member":"city"}},"steps":[],"lane":2,"seal":["AAAAAAAAAAAAAAAA","YQ=="],"high":0,"low":0}"#
        )
    );
    let more = Order {
        is_marked: true,
        state: State::Declined(None),
        address: Some(Box::default()),
        codes: vec!["A".to_owned()],
        ..whole
    };
    let (_, bytes) = order::encode(&more);
    assert_eq!(
        core::str::from_utf8(&bytes).unwrap(),
        r#"{"id":"C1","type":"a","is_marked":true,"state":{"Declined":null},"address":{},"couponCodes":["A"],"steps":[],"lane":2,"seal":["AAAAAAAAAAAAAAAA","YQ=="],"high":0,"low":0}"#
    );
}

#[test]
fn a_refusal_names_the_member() {
    for (from, to, why) in [
        (r#""low""#, r#""lowest":1,"low""#, "its lowest is not known"),
        (r#""city""#, r#""town":"secret","city""#, "its address.town is not known"),
        (r#""low":-1"#, r#""low":-1,"low":-1"#, "its low appears twice"),
        (r#","low":-1"#, "", "its low is missing"),
        (r#","since":5"#, "", "its state.Captured.since is missing"),
        (r#"{"number":2,"#, "{", "its steps[1].number is missing"),
        (r#""type":"a\nb""#, r#""type":7"#, "its type is not a string"),
        (r#""city":"secret""#, r#""city":["secret"]"#, "its address.city is not a string"),
        (r#""low":-1"#, r#""low":"secret""#, "its low is not a whole number in the accepted range"),
        (r#""low":-1"#, r#""low":01"#, "its low is not a whole number in the accepted range"),
        (
            r#""low":-1"#,
            r#""low":-9223372036854775809"#,
            "its low is not a whole number in the accepted range",
        ),
        (r#""low":-1"#, r#""low":-1,"is_marked":1"#, "its is_marked is not true or false"),
        (r#"{"number":1,"word":"w"}"#, "[1]", "its steps[0] is not an object"),
        (r#"[1400,"USD"]"#, r#"[1400,"secret"]"#, "its state.Captured.amount[1] is not valid"),
        (r#"[1400,"USD"]"#, "[1400]", "its state.Captured.amount is not a pair"),
        (r#"[1400,"USD"]"#, r#"[1400,"USD",1]"#, "its state.Captured.amount is not a pair"),
        ("\"Captured\"", "\"secret\"", "its state is not a known variant"),
        (r#"{"Captured":"#, r#"{"Open":"#, "its state is not a known variant"),
        (
            r#"{"Captured":{"amount":[1400,"USD"],"since":5}}"#,
            r#""Captured""#,
            "its state is not a known variant",
        ),
        (r#","since":5}}"#, r#","since":5},"Open":1}"#, "its state is more than one variant"),
        (r#""C1""#, r#""-secret""#, "its id is not valid"),
        (r#""lane":3"#, r#""lane":4"#, "its lane is not a lane"),
        (r#"["AAAAAAAAAAAAAAAA""#, r#"["AAAA""#, "its seal[0] is not valid"),
        (r#""low":-1"#, r#""low":3"#, "it has bounds in the wrong order"),
        (r#""low":-1}"#, r#""low":-1} secret"#, "it is followed by more text"),
        (r#""low":-1}"#, r#""low":-1"#, "it is cut off"),
        (r#""w"}],"#, r#""w"},],"#, "its steps[2] is not an object"),
        (r#""a\nb""#, r#""a\xsecret""#, "its type is not well-formed"),
        (r#""a\nb""#, "\"a\nb\"", "its type is not well-formed"),
        (r#""a\nb""#, r#""\ud800""#, "its type is not well-formed"),
    ] {
        assert_eq!(refused(from, to), why, "{from} {to}");
    }
    let damaged_name = refused(r#""low""#, &format!(r#""{}\u0007":1,"low""#, "x".repeat(99)));
    assert_eq!(damaged_name, format!("its {} is not known", "x".repeat(40)));
}

#[test]
fn another_format_is_refused_before_its_bytes_are_looked_at() {
    let why = order::decode(2, b"{}").unwrap_err().to_string();
    assert_eq!(why, "a stored order cannot be read: its format is 2, and this version reads 3");
}

#[test]
fn what_is_not_text_is_refused() {
    let why = order::decode(3, b"{\"id\":\"\xff\"}").unwrap_err().to_string();
    assert_eq!(why, "a stored order cannot be read: it is not UTF-8 (byte 0)");
}

#[test]
fn one_member_is_read_without_the_rest() {
    let bytes = br#"{"type":7,"lane":[{}],"low":1}"#;
    assert_eq!(decode_member::<Shop, u32>("order", "low", bytes), Ok(1));
    let missing = decode_member::<Shop, u32>("order", "high", bytes).unwrap_err().to_string();
    assert!(missing.starts_with("a stored order cannot be read: its high is missing"), "{missing}");
}
