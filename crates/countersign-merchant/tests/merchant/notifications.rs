//! What Amazon's notifications bring about, and what they cannot.

use super::world::{SESSION, World, waiting_order};

use super::amazon::Fault;
use std::time::Duration;

const CHARGE: &str = "S01-5105180-0000001-C000001";

/// An order that Amazon has accepted, and on whose authorization it still decides.
fn pending(world: &World) -> String {
    let checkout_id = world.placed(&waiting_order());
    world.amazon.fault("finalize", Fault::Pending);
    assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
    checkout_id
}

#[test]
fn a_notification_leads_to_a_look_at_once() {
    let world = World::in_memory();
    let checkout_id = pending(&world);
    world.amazon.decide(CHARGE, "Authorized");
    world.notified("1", "CHARGE", CHARGE);
    world.let_pass(Duration::from_secs(2));
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
}
