//! Each planted defect breaks what it says, where nothing else would: so that a simulation which
//! finds none of them has itself to blame.

use std::time::Duration;

use countersign_merchant::PlantedBug;
use futures_util::future::join_all;

use super::amazon::Fault;
use super::notifying::{message, signed};
use super::world::{OTHER_SESSION, SESSION, World, order, session_for, waiting_order};

const HOUR: Duration = Duration::from_secs(3_600);

/// Completes once with the bug and once without, after `prepare`; gives back both worlds.
fn with_and_without(bug: PlantedBug, prepare: impl Fn(&World)) -> [(World, String); 2] {
    [World::with_bug(bug), World::in_memory()].map(|world| {
        let checkout_id = world.placed(&order());
        prepare(&world);
        world.complete(&checkout_id, SESSION);
        (world, checkout_id)
    })
}

fn outcome((world, checkout_id): &(World, String)) -> String {
    world.checkout(checkout_id)["state"].as_str().unwrap().to_owned()
}

#[test]
fn look_up_off() {
    let worlds = with_and_without(PlantedBug::LookUpOff, |world| {
        world.amazon.ignore_keys();
        world.amazon.fault("finalize", Fault::LostAfter);
    });
    worlds.iter().for_each(|(world, _)| world.skip(HOUR));
    assert_eq!(worlds.each_ref().map(outcome), ["checking", "paid"]);
}

#[test]
fn open_read_as_unpaid() {
    let worlds = with_and_without(PlantedBug::OpenReadAsUnpaid, |world| {
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::StaleOpen);
    });
    assert_eq!(worlds.each_ref().map(outcome), ["notPaid", "paid"]);
    assert!(worlds.iter().all(|(world, _)| world.amazon.charge_count() == 1));
}

#[test]
fn not_found_read_as_unpaid() {
    let worlds = with_and_without(PlantedBug::NotFoundReadAsUnpaid, |world| {
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
    });
    assert_eq!(worlds.each_ref().map(outcome), ["notPaid", "checking"]);
    assert!(worlds.iter().all(|(world, _)| world.amazon.charge_count() == 1));
}

#[test]
fn key_raised_in_doubt() {
    let worlds = with_and_without(PlantedBug::KeyRaisedInDoubt, |world| {
        world.amazon.fault("finalize", Fault::LostBefore);
    });
    let keys_are_equal = worlds.map(|(world, _)| {
        let sent = world.amazon.arrived("finalize");
        sent[0].key == sent[1].key
    });
    assert_eq!(keys_are_equal, [false, true]);
}

#[test]
fn body_reserialized_on_resend() {
    let worlds = with_and_without(PlantedBug::BodyReserializedOnResend, |world| {
        world.amazon.fault("finalize", Fault::LostBefore);
    });
    let bodies_are_equal = worlds.map(|(world, _)| {
        let sent = world.amazon.arrived("finalize");
        sent[0].body == sent[1].body
    });
    assert_eq!(bodies_are_equal, [false, true]);
}

#[test]
fn ids_written_after_success() {
    let kept = [World::with_bug(PlantedBug::IdsWrittenAfterSuccess), World::in_memory()].map(|mut world| {
        let checkout_id = world.placed(&order());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        world.restart();
        world.checkout(&checkout_id)["chargeId"].as_str().map(str::to_owned)
    });
    assert_eq!(kept, [None, Some("S01-5105180-0000001-C000001".to_owned())]);
}

#[test]
fn what_was_shown_first_is_written_by_the_next_round() {
    let world = World::with_bug(PlantedBug::IdsWrittenAfterSuccess);
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    world.let_pass(Duration::from_secs(2));
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
}

#[test]
fn completed_read_as_paid() {
    let told = [World::with_bug(PlantedBug::CompletedReadAsPaid), World::in_memory()].map(|world| {
        let checkout_id = world.placed(&waiting_order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&checkout_id, SESSION);
        world.amazon.decide("S01-5105180-0000001-C000001", "Declined");
        world.let_pass(Duration::from_secs(60));
        world.complete(&checkout_id, SESSION).verdict().1
    });
    assert_eq!(told, ["authorized", "notPaid"]);
}

#[test]
fn expiry_by_the_local_clock() {
    let worlds = with_and_without(PlantedBug::ExpiryByLocalClock, |world| {
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
    });
    worlds.iter().for_each(|(world, _)| world.skip(27 * HOUR));
    assert_eq!(worlds.each_ref().map(outcome), ["notPaid", "checking"]);
    assert!(worlds.iter().all(|(world, _)| world.amazon.charge_count() == 1));
}

#[test]
fn second_tab_finalized() {
    let charges = [World::with_bug(PlantedBug::SecondTabFinalized), World::in_memory()].map(|world| {
        let checkout_id = world.placed(&order());
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        let tabs = [SESSION, OTHER_SESSION].map(|session| world.completing(&checkout_id, session));
        world.run(join_all(tabs));
        world.complete(&checkout_id, OTHER_SESSION);
        world.amazon.charge_count()
    });
    assert_eq!(charges, [2, 1]);
}

#[test]
fn notification_believed() {
    let charge = "S01-5105180-0000001-C000001";
    for is_in_doubt in [false, true] {
        let told = [World::with_bug(PlantedBug::NotificationBelieved), World::in_memory()].map(|world| {
            let checkout_id = world.placed(&waiting_order());
            if is_in_doubt {
                world.amazon.fault("finalize", Fault::LostAfter);
                world.amazon.fault("session", Fault::Nothing);
                world.amazon.goes_down("session");
            } else {
                world.amazon.fault("finalize", Fault::Pending);
            }
            world.complete(&checkout_id, SESSION);
            let forged = signed("m-1", &message("n-1", "CHARGE", charge), world.time.wall(), |_| ());
            let mut forged: serde_json::Value = serde_json::from_str(&forged).unwrap();
            forged["Signature"] = "AAAA".into();
            let status = world.post(&forged.to_string()).status;
            world.let_pass(Duration::from_secs(2));
            (status, world.checkout(&checkout_id)["state"].as_str().unwrap().to_owned())
        });
        let truth = if is_in_doubt { "checking" } else { "pending" };
        assert_eq!(told, [(200, "authorized".to_owned()), (403, truth.to_owned())]);
    }
}

#[test]
fn early_notification_dropped() {
    let heard = [World::with_bug(PlantedBug::EarlyNotificationDropped), World::in_memory()].map(|world| {
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
        world.amazon.goes_down("permission");
        world.complete(&checkout_id, SESSION);
        world.notified("1", "CHARGE", "S01-5105180-0000001-C000001");
        world.let_pass(Duration::from_secs(2));
        world.amazon.comes_back();
        world.skip(HOUR);
        world.timeline(&checkout_id).contains(&"NotificationHeard".to_owned())
    });
    assert_eq!(heard, [false, true]);
}
