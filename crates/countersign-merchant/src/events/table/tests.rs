//! What is kept of an event, and in which form.

use countersign_domain::merchant::payment::permission::PermissionState;

use super::super::entry::Entry;
use super::super::fact::tests::{at, charge_id, checkout};
use super::*;

#[test]
fn a_contradiction_is_kept_with_what_amazon_says_was_paid() {
    let event = AttemptEvent::Contradiction {
        found: "a late success",
        charge_permission_id: ChargePermissionId::parse("S01-1").ok(),
        charge_id: ChargeId::parse("S01-1-C1").ok(),
    };
    let event = CheckoutEvent::Attempt { attempt: AttemptNumber::FIRST, event };
    let Event { kind, about } = Event::from_domain(&event, &checkout(PermissionState::Chargeable));
    assert_eq!((kind, about.text().as_deref()), (EventKind::Contradiction, Some("a late success")));
    assert_eq!(about.charge_permission_id.as_deref(), Some("S01-1"));
    assert_eq!(about.charge_id.as_deref(), Some("S01-1-C1"));
}

#[test]
fn each_detail_comes_back_as_it_went_in_the_stored_form() {
    let word = || "MFANotCompleted".to_owned();
    let due = Detail::Due { deadline: "expiry".to_owned(), at: at().to_string() };
    let not_paid = Detail::NotPaid { code: word(), proof: UnpaidProof::Amazon, field: None };
    for (detail, form, text) in [
        (Detail::Word(word()), r#"{"word":"MFANotCompleted"}"#, "MFANotCompleted"),
        (Detail::Sent { key: 2, send_count: 3 }, r#"{"sent":{"key":2,"sendCount":3}}"#, "key 2, send 3"),
        (Detail::LastingSeconds(300), r#"{"lastingSeconds":300}"#, "in doubt after 300 s"),
        (
            not_paid,
            r#"{"notPaid":{"code":"MFANotCompleted","proof":"amazon","field":null}}"#,
            "MFANotCompleted",
        ),
        (due, r#"{"due":{"deadline":"expiry","at":"20261123T154700Z"}}"#, "expiry at 20261123T154700Z"),
    ] {
        let about = EventSubject {
            charge_id: Some(charge_id(1).to_string()),
            detail: Some(detail),
            ..EventSubject::default()
        };
        let entry = Entry::new(Event { kind: EventKind::ChargeDeclined, about }, at());
        let bytes = entry.encode();
        let whole = format!(
            r#"{{"at":"20261123T154700Z","type":"ChargeDeclined","chargeId":"{}","detail":{form}}}"#,
            charge_id(1)
        );
        assert_eq!(core::str::from_utf8(&bytes).unwrap(), whole);
        assert_eq!(entry.about.text().as_deref(), Some(text));
        assert_eq!(Entry::decode(&bytes), Ok(entry));
    }
}
