//! Messages: both spellings of their members, every kind of object, and refusals by member name.

use countersign_domain::ids::{ChargeId, ChargePermissionId, MerchantId, RefundId};
use countersign_protocol::notification::{
    Message, MessageRefused, NotificationType, NotifiedObject, ObjectType,
};
use countersign_protocol::wire::Word;
use serde_json::{Value, json};

fn whole() -> Value {
    json!({
        "MerchantID": "A1EXAMPLEMERCHANT",
        "ObjectType": "CHARGE",
        "ObjectId": "S01-5105180-3221187-C056351",
        "ChargePermissionId": "S01-5105180-3221187",
        "NotificationType": "STATE_CHANGE",
        "NotificationId": "3f1c2a52-1111-4c5e-9d1b-0c3f0a1e7c11",
        "NotificationVersion": "V2",
    })
}

fn parse(value: &Value) -> Result<Message, MessageRefused> {
    Message::parse(&value.to_string())
}

fn expected() -> Message {
    Message {
        merchant_id: MerchantId::parse("A1EXAMPLEMERCHANT").unwrap(),
        object: NotifiedObject::Charge(ChargeId::parse("S01-5105180-3221187-C056351").unwrap()),
        charge_permission_id: Some(ChargePermissionId::parse("S01-5105180-3221187").unwrap()),
        notification_type: Some(NotificationType::StateChange.into()),
        notification_id: Some("3f1c2a52-1111-4c5e-9d1b-0c3f0a1e7c11".to_owned()),
        notification_version: Some("V2".to_owned()),
    }
}

#[test]
fn both_spellings_are_one_message() {
    assert_eq!(parse(&whole()), Ok(expected()));
    for merchant in ["merchantId", "merchantID", "MerchantId"] {
        let mut lower = serde_json::Map::new();
        for (name, value) in whole().as_object().unwrap() {
            let name = if name == "MerchantID" {
                merchant.to_owned()
            } else {
                name[..1].to_lowercase() + &name[1..]
            };
            lower.insert(name, value.clone());
        }
        assert_eq!(parse(&Value::Object(lower)), Ok(expected()), "{merchant}");
    }
    let written = expected().to_json();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), whole());
    assert_eq!(Message::parse(&written), Ok(expected()));
}

#[test]
fn every_kind_of_object_has_its_id_and_unknown_words_are_kept() {
    let permission = ChargePermissionId::parse("S01-5105180-3221187").unwrap();
    for (object_type, object_id, object) in [
        ("CHARGE_PERMISSION", "S01-5105180-3221187", NotifiedObject::ChargePermission(permission)),
        (
            "REFUND",
            "S01-5105180-3221187-R022868",
            NotifiedObject::Refund(RefundId::parse("S01-5105180-3221187-R022868").unwrap()),
        ),
        ("CHARGEBACK", "B0000000", NotifiedObject::Chargeback("B0000000".to_owned())),
        (
            "LOAN",
            "L-1",
            NotifiedObject::Other { object_type: "LOAN".to_owned(), object_id: "L-1".to_owned() },
        ),
    ] {
        let mut value = whole();
        value["ObjectType"] = json!(object_type);
        value["ObjectId"] = json!(object_id);
        let message = parse(&value).unwrap();
        assert_eq!(message.object, object);
        assert_eq!(
            (message.object.object_type().as_str(), message.object.object_id()),
            (object_type, object_id)
        );
        assert_eq!(Message::parse(&message.to_json()), Ok(message));
    }
    let mut value = whole();
    value["NotificationType"] = json!("DELETED");
    value["NotificationVersion"] = json!("V3");
    value["Later"] = json!({"x": []});
    let message = parse(&value).unwrap();
    assert_eq!(message.notification_type, Some(Word::Unknown("DELETED".to_owned())));
    assert_eq!(message.notification_version.as_deref(), Some("V3"));
    assert_eq!(expected().object.object_type(), ObjectType::Charge.into());
}

#[test]
fn what_only_tracks_may_be_absent_and_nothing_else() {
    for (member, absent) in [
        ("MerchantID", Err(MessageRefused::Missing { member: "MerchantID" })),
        ("ObjectType", Err(MessageRefused::Missing { member: "ObjectType" })),
        ("ObjectId", Err(MessageRefused::Missing { member: "ObjectId" })),
        ("ChargePermissionId", Ok(())),
        ("NotificationType", Ok(())),
        ("NotificationId", Ok(())),
        ("NotificationVersion", Ok(())),
    ] {
        let mut value = whole();
        value[member] = Value::Null;
        assert_eq!(parse(&value).map(drop), absent);
        value.as_object_mut().unwrap().remove(member);
        assert_eq!(parse(&value).map(drop), absent);
    }
}

#[test]
fn each_malformed_member_is_named() {
    let long = json!("x".repeat(129));
    for (member, wrong) in [
        ("MerchantID", json!("")),
        ("MerchantID", json!("a b")),
        ("MerchantID", long.clone()),
        ("ObjectType", json!("")),
        ("ObjectType", json!("A\nB")),
        ("ObjectType", long.clone()),
        ("ObjectId", json!("")),
        ("ObjectId", json!("../refunds")),
        ("ObjectId", json!("S01-5105180-3221187/capture")),
        ("ChargePermissionId", json!("?")),
        ("NotificationType", json!("")),
        ("NotificationType", long.clone()),
        ("NotificationId", json!("a b")),
        ("NotificationId", long.clone()),
        ("NotificationVersion", json!("")),
        ("NotificationVersion", long),
    ] {
        let mut value = whole();
        value[member] = wrong.clone();
        assert_eq!(parse(&value), Err(MessageRefused::Malformed { member }), "{wrong}");
    }
    for member in whole().as_object().unwrap().keys() {
        for wrong in [json!(7), json!(false), json!({}), json!(["x"])] {
            let mut value = whole();
            value[member] = wrong;
            assert!(
                matches!(parse(&value), Err(MessageRefused::Malformed { member: named }) if named == member),
                "{member}"
            );
        }
    }
    for (object_type, object_id) in
        [("CHARGEBACK", "a b"), ("LOAN", ""), ("REFUND", "?"), ("CHARGE_PERMISSION", "")]
    {
        let mut value = whole();
        value["ObjectType"] = json!(object_type);
        value["ObjectId"] = json!(object_id);
        assert_eq!(parse(&value), Err(MessageRefused::Malformed { member: "ObjectId" }), "{object_type}");
    }
}

#[test]
fn a_member_under_two_of_its_names_is_refused() {
    let mut value = whole();
    value["objectId"] = json!("S01-5105180-3221187-C000000");
    assert_eq!(parse(&value), Err(MessageRefused::Malformed { member: "ObjectId" }));
}

#[test]
fn what_is_no_object_is_refused_whole() {
    let twice = whole().to_string().replacen('{', "{\"ObjectId\":\"x\",", 1);
    for text in
        ["", "prose", "null", "[]", "{", &twice, &format!("{{\"x\":{}{}}}", "[".repeat(40), "]".repeat(40))]
    {
        assert_eq!(Message::parse(text), Err(MessageRefused::NotAnObject), "{text}");
    }
}
