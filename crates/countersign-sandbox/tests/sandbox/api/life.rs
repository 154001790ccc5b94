//! What deadlines do to charges, refunds and permissions: exactly at the deadline and just before
//! it, whether or not timers have run, and in order of deadline when the clock jumps past several.

use countersign_domain::provider::profile::Profile;
use http::Method;
use serde_json::{Value, json};

use super::order::{Order, cancel, capture, refund, usd};
use crate::world::{Call, HttpAnswer, World, at};

async fn live() -> World {
    World::with(|settings| settings.profile = Profile::Live).await
}

/// Sets the virtual clock, which runs timers, or the wall clock below it, which does not.
async fn set(world: &World, timers_run: bool, now: &str) {
    if timers_run {
        assert_eq!(world.control(Method::POST, "clock", json!({ "set": now })).await.status, 200);
    } else {
        world.clock.set(at(now));
    }
}

async fn call_at(world: &World, now: &str, call: Call) -> HttpAnswer {
    world.call(&Call { signed_at: at(now), ..call }).await
}

// Promise: B14
#[tokio::test]
async fn from_the_seventh_day_on_a_capture_is_asynchronous() {
    for timers_run in [true, false] {
        for (now, state) in [("20260908T115959Z", "Captured"), ("20260908T120000Z", "CaptureInitiated")] {
            let world = live().await;
            let order = world.split_order().await;
            set(&world, timers_run, now).await;
            let captured = call_at(&world, now, order.capture(usd("14.00"))).await;
            assert_eq!((captured.status, captured.state()), (200, state), "{now}");
            world.catch_up().await;
        }
        let world = live().await;
        let order = world.split_order().await;
        set(&world, timers_run, "20260909T120000Z").await;
        let captured = call_at(&world, "20260909T120000Z", order.capture(usd("14.00"))).await;
        assert_eq!(captured.state(), "CaptureInitiated");
        for (now, state) in [("20260909T125959Z", "CaptureInitiated"), ("20260909T130000Z", "Captured")] {
            set(&world, timers_run, now).await;
            assert_eq!(call_at(&world, now, order.get_charge()).await.state(), state, "{now}");
        }
        world.catch_up().await;
    }
}

#[tokio::test]
async fn an_expired_authorization_is_not_captured_and_its_amount_is_available_again() {
    for (profile, before, lapsed) in [
        (Profile::Sandbox, "20260903T115959Z", "20260903T120000Z"),
        (Profile::Live, "20261001T115959Z", "20261001T120000Z"),
    ] {
        for timers_run in [true, false] {
            for (now, status) in [(before, 200), (lapsed, 422)] {
                let world = World::with(|settings| settings.profile = profile).await;
                let order = world.split_order().await;
                let second = world.succeeds(&order.create_charge(json!({}))).await;
                set(&world, timers_run, now).await;
                for id in [&*order.charge_id, second.text("chargeId")] {
                    let answer = call_at(&world, now, capture(id, usd("1.00"))).await;
                    assert_eq!(answer.status, status, "{now} {}", answer.text);
                    if status == 422 {
                        assert_eq!(answer.refusal().1, "InvalidChargeStatus");
                        let charge = call_at(&world, now, Call::get(format!("/v2/charges/{id}"))).await;
                        assert_eq!(charge.json["statusDetails"]["reasonCode"], "ExpiredUnused");
                        assert_eq!(charge.json["statusDetails"]["lastUpdatedTimestamp"], lapsed);
                    }
                }
                if status == 422 {
                    let permission = call_at(&world, now, order.get_permission()).await;
                    assert_eq!(permission.json["limits"]["amountBalance"], usd("100.00"));
                    // The next write stores everything that the reads have shown, in one change
                    // set.
                    let all = order.create_charge(json!({ "chargeAmount": usd("100.00") }));
                    assert_eq!(call_at(&world, now, all).await.status, 201);
                    let events = world.events(&order.session_id).await;
                    assert_eq!(events.iter().filter(|event| *event == "ChargeCanceled").count(), 2);
                }
                world.catch_up().await;
            }
        }
    }
}

#[tokio::test]
async fn the_open_charges_of_an_expired_permission_continue() {
    let world = live().await;
    let order = world.split_order().await;
    set(&world, true, "20270215T120000Z").await;
    let late = world.succeeds(&order.create_charge(json!({}))).await;
    for (now, state) in [("20270228T115959Z", "Chargeable"), ("20270228T120000Z", "Closed")] {
        set(&world, true, now).await;
        assert_eq!(world.standing(&order).await.0, state, "{now}");
    }
    let refused = world.call(&order.create_charge(json!({}))).await;
    assert_eq!(refused.refusal(), (422, "InvalidChargePermissionStatus"));
    assert_eq!(
        world.succeeds(&capture(late.text("chargeId"), usd("10.00"))).await.state(),
        "CaptureInitiated"
    );
    world.advance("PT1H").await;
    assert_eq!(world.charge(late.text("chargeId")).await.state(), "Captured");
}

#[tokio::test]
async fn a_refund_is_decided_by_the_profile_whether_timers_run_or_not() {
    for (profile, before, decided) in [
        (Profile::Sandbox, "20260901T120029Z", "20260901T120030Z"),
        (Profile::Live, "20260901T125959Z", "20260901T130000Z"),
    ] {
        for timers_run in [true, false] {
            let world = World::with(|settings| settings.profile = profile).await;
            let order = world.captured_order(usd("14.00")).await;
            let made = world.succeeds(&order.refund(usd("4.00"))).await;
            let read = Call::get(format!("/v2/refunds/{}", made.text("refundId")));
            for (now, state, refunded) in [(before, "RefundInitiated", "0.00"), (decided, "Refunded", "4.00")]
            {
                set(&world, timers_run, now).await;
                assert_eq!(call_at(&world, now, read.clone()).await.state(), state, "{now}");
                let charge = call_at(&world, now, order.get_charge()).await;
                assert_eq!(charge.json["refundedAmount"], usd(refunded), "{now}");
                let ledger = world.ledger(&order).await;
                assert_eq!(ledger["balances"]["refunded"], refunded, "{now}");
            }
            world.catch_up().await;
        }
    }
}

/// An order of two charges, with a table of its calls.
struct Life<'a> {
    world: &'a World,
    order: Order,
    second: String,
    table: String,
}

impl Life<'_> {
    /// Adds a row: the day, the call, its answer, and what can be read after it.
    async fn row(&mut self, call: &str, answer: &HttpAnswer) {
        let clock = self.world.control(Method::GET, "clock", "").await;
        let mut row = format!("{} | {call:46} | {:3} ", clock.text("now"), answer.status);
        row += &format!("{:28}", answer.json["reasonCode"].as_str().unwrap_or(answer.state()));
        for id in [&self.order.charge_id, &self.second] {
            let charge = self.world.charge(id).await;
            let amount = |member: &str| charge.json[member]["amount"].as_str().unwrap_or("-").to_owned();
            let (captured, refunded) = (amount("captureAmount"), amount("refundedAmount"));
            row += &format!("| {:16} {captured:>5} {refunded:>5} ", charge.state());
        }
        let (state, reason, left) = self.world.standing(&self.order).await;
        let buyer = self.world.permission(&self.order).await.json["buyer"]["name"].clone();
        row += &format!("| {state} {reason} {left} | {}\n", buyer.as_str().unwrap_or("-"));
        self.table += &row;
    }

    async fn call(&mut self, what: &str, call: Call) {
        let answer = self.world.call(&call).await;
        self.row(what, &answer).await;
    }

    async fn days_pass(&self, duration: &str) {
        self.world.advance(duration).await;
    }
}

// Promise: A21
#[tokio::test]
async fn an_orders_whole_life_by_the_clock() {
    let world = live().await;
    world.control(Method::POST, "clock", json!({ "freeze": true })).await;
    let details = json!({ "chargeAmount": usd("60.00"), "totalOrderAmount": usd("120.00") });
    let order = world.ordered(json!({ "paymentDetails": details })).await;
    let charge = json!({ "chargeAmount": usd("40.00"), "merchantMetadata": { "noteToBuyer": "parcel 2" } });
    let created = world.succeeds(&order.create_charge(charge)).await;
    let second = created.text("chargeId").to_owned();
    let table = "when | call | answer | first charge: state, captured, refunded | second charge | permission: \
                 state, reason, balance | buyer\n";
    let mut life = Life { world: &world, order, second, table: table.to_owned() };
    life.row("day 0: 60.00 of 120.00 finalized, 40.00 created", &created).await;
    life.days_pass("P5D").await;
    life.call("day 5: capture 45.00 of the first", life.order.capture(usd("45.00"))).await;
    life.days_pass("P3D").await;
    life.call("day 8: capture the second", capture(&life.second, usd("40.00"))).await;
    life.days_pass("PT59M59S").await;
    life.call("a second before the hour is over", life.order.get_permission()).await;
    life.days_pass("PT1S").await;
    life.call("it is captured", life.order.get_permission()).await;
    life.call("refund 20.00 of the first", life.order.refund(usd("20.00"))).await;
    life.days_pass("PT1H").await;
    life.call("refund all that is left, 31.75", life.order.refund(usd("31.75"))).await;
    life.call("refund a cent more", life.order.refund(usd("0.01"))).await;
    life.days_pass("PT1H").await;
    life.call("both are refunded", life.order.get_charge()).await;
    life.call("close", life.order.close(json!({ "closureReason": "delivered" }))).await;
    life.call("create a charge", life.order.create_charge(json!({}))).await;
    life.days_pass("P21DT20H59M59S").await;
    life.call("a second before day 30", life.order.get_permission()).await;
    life.days_pass("PT1S").await;
    life.call("day 30: the buyer is forgotten", life.order.get_permission()).await;
    life.days_pass("P1D").await;
    life.call("day 31: refunds have no end", refund(&life.second, usd("46.00"))).await;
    life.days_pass("PT1H").await;
    life.call("it is refunded", Call::get(format!("/v2/charges/{}", life.second))).await;
    insta::assert_snapshot!(life.table);
    let ledger = world.ledger(&life.order).await;
    assert_eq!(
        (&ledger["balances"]["captured"], &ledger["balances"]["refunded"]),
        (&json!("0.00"), &json!("97.75"))
    );
}

// Promise: A21
#[tokio::test]
async fn a_jump_over_everything_applies_it_in_due_order() {
    let world = live().await;
    let order = world.split_order().await;
    world.advance("P1D").await;
    let second = world
        .succeeds(
            &order
                .create_charge(json!({ "canHandlePendingAuthorization": true }))
                .simulating("PendingAuthorized"),
        )
        .await;
    let third = world
        .succeeds(&order.create_charge(json!({ "captureNow": true })).simulating("CaptureInitiated"))
        .await;
    let fourth = world.succeeds(&order.create_charge(json!({}))).await;
    world.succeeds(&capture(fourth.text("chargeId"), usd("10.00"))).await;
    world.succeeds(&refund(fourth.text("chargeId"), usd("10.00"))).await;
    let known = world.events(&order.session_id).await.len();
    world.advance("P400D").await;
    let path = format!("events?checkoutSessionId={}", order.session_id);
    let answer = world.control(Method::GET, &path, "").await;
    let number = |event: &Value| {
        let id = event["refundId"].as_str().or(event["chargeId"].as_str()).unwrap_or_default();
        let known =
            [&*order.charge_id, second.text("chargeId"), third.text("chargeId"), fourth.text("chargeId")];
        known.iter().position(|of| *of == id).map_or("-".to_owned(), |position| (position + 1).to_string())
    };
    let applied: Vec<String> = answer.json["events"].as_array().unwrap()[known..]
        .iter()
        .map(|event| {
            let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", text("at"), number(event), text("type"), text("reasonCode"))
        })
        .collect();
    insta::assert_snapshot!(applied.join("\n"));
    let mut sorted = applied.clone();
    sorted.sort_by_key(|line| line.split(' ').next().unwrap().to_owned());
    assert_eq!(applied, sorted);
}

// Promise: A21
#[tokio::test]
async fn reading_what_is_overdue_and_expiring_it_give_the_same_answers() {
    let mut shown: Vec<Vec<String>> = Vec::new();
    for timers_run in [true, false] {
        let world = World::new().await;
        let order = world.split_order().await;
        let pending = order.create_charge(json!({ "canHandlePendingAuthorization": true }));
        let second = world.succeeds(&pending.simulating("PendingDeclined")).await;
        let captured = world.captured_order(usd("14.00")).await;
        let made = world.succeeds(&captured.refund(usd("14.00"))).await;
        let mut answers = Vec::new();
        for now in ["20260901T120030Z", "20260903T120000Z", "20261001T120000Z", "20270228T120000Z"] {
            set(&world, timers_run, now).await;
            for call in [
                order.get_permission(),
                order.get_charge(),
                Call::get(format!("/v2/charges/{}", second.text("chargeId"))),
                captured.get_charge(),
                captured.get_permission(),
                Call::get(format!("/v2/refunds/{}", made.text("refundId"))),
            ] {
                answers.push(call_at(&world, now, call).await.text);
            }
            answers.push(world.ledger(&order).await.to_string());
            answers.push(world.ledger(&captured).await.to_string());
        }
        shown.push(answers);
        world.catch_up().await;
    }
    assert_eq!(shown[0], shown[1]);
}

#[tokio::test]
async fn a_canceled_charge_has_no_deadline_left() {
    let world = World::new().await;
    let order = world.split_order().await;
    world.succeeds(&order.cancel()).await;
    let known = world.events(&order.session_id).await.len();
    world.advance("P3D").await;
    assert_eq!(world.events(&order.session_id).await.len(), known);
    assert_eq!(world.call(&cancel(&order.charge_id)).await.refusal(), (422, "InvalidChargeStatus"));
}
