//! Notifications that wait for an order to have their permission are never left without a timer, and each of them is
//! heard by the order before it is released.

use std::time::Duration;

use countersign_store::contract::{Key, Store as _, Version};
use serde_json::json;

use super::world::{ENGINES, OTHER_SESSION, SESSION, World, order, session_for, usd};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// What another system was paid.
const ELSEWHERE: &str = "S01-7777777-0000001";

fn version(world: &World) -> Version {
    let key = Key { collection: "foreign_permission", id: ELSEWHERE.to_owned() };
    world.run(world.store.load(&[key])).unwrap()[0].as_ref().unwrap().version
}

// Promise: B17
#[test]
fn each_notification_that_is_parked_writes_the_permission_that_it_waits_for() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.notified("1", "CHARGE_PERMISSION", ELSEWHERE);
        world.let_pass(5 * SECOND);
        let asked = || world.amazon.arrived("permission").len();
        assert_eq!(asked(), 1);
        for id in ["2", "3", "4"] {
            let before = version(&world);
            world.notified(id, "CHARGE_PERMISSION", ELSEWHERE);
            world.let_pass(5 * SECOND);
            assert_ne!(version(&world), before, "a release that has not seen it would leave it behind");
        }
        assert_eq!(asked(), 1, "Amazon is not asked more often for that");
        world.skip(16 * 24 * HOUR);
    }
}

// Promise: B17
#[test]
fn an_order_hears_each_notification_that_was_parked_before_it_is_released() {
    for engine in ENGINES {
        let mut world = World::with_keys(engine, Some("Honoured"));
        let checkout_id = world.placed(&order());
        world.amazon.unapprove(SESSION);
        assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
        world.let_pass(10 * SECOND);
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).status, 200);
        // The permission shows no reference yet: its notifications are parked.
        for charge in ["C000002", "C000003"] {
            world.notified(charge, "CHARGE", &format!("{ELSEWHERE}-{charge}"));
        }
        world.let_pass(5 * SECOND);
        let now = "20261123T154700Z";
        world.amazon.completed_and_paid_elsewhere(SESSION, ELSEWHERE, now, &usd("14.00"));
        world.amazon.hides(&format!("{ELSEWHERE}-C000002"));
        world.restart();
        world.skip(8 * HOUR);
        assert_eq!(world.checkout(&checkout_id)["needsPerson"], json!(["unexplained"]));
        let asked = |charge: &str| {
            world.amazon.arrived("charge").iter().any(|it| it.path.contains(&format!("{ELSEWHERE}-{charge}")))
        };
        assert!(asked("C000001") && asked("C000002") && asked("C000003"), "each charge that was named");
        let heard = world.timeline(&checkout_id).iter().filter(|it| *it == "NotificationHeard").count();
        assert_eq!(heard, 2);
        assert_eq!(world.checkout(&checkout_id)["unexplained"].as_array().unwrap().len(), 1);
    }
}
