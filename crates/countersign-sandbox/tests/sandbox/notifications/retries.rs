//! When notifications are sent again: by the virtual clock, in the order in which they are due.

use countersign_sandbox::notify::NotDelivered;
use countersign_sandbox::settings::{IpnRetries, Settings};
use serde_json::json;

use super::receiver::{Post, ReceiverAct};
use super::scene::Scene;
use crate::world::{Call, at};

fn settings(retries: IpnRetries) -> Settings {
    let mut settings = Settings::default();
    settings.flags.ipn_retries = retries;
    settings
}

#[tokio::test]
async fn an_unchanged_notification_is_sent_again_three_times_an_hour_apart() {
    let scene = Scene::new().await;
    scene.receiver.always(ReceiverAct::Answer(503));
    scene.authorized().await;
    let first = scene.sent();
    assert_eq!(first.len(), 1);
    for (later, count) in
        [("PT59M59S", 0), ("PT1S", 1), ("PT59M59S", 0), ("PT1S", 1), ("PT1H", 1), ("PT1H", 0), ("P1D", 0)]
    {
        scene.advance(later).await;
        let sent = scene.sent();
        assert_eq!(sent.len(), count, "{later}");
        let differs = |post: &&Post| post.body != first[0].body;
        assert!(!sent.iter().any(|post| differs(&post)), "the same id, the same instant, the same signature");
    }
    let listed = scene.listed(&["type", "attempt", "outcome", "status", "againAt"]).await;
    assert_eq!(
        listed[1..],
        [
            "Notification 1 refused 503 20260901T130000Z",
            "Notification 2 refused 503 20260901T140000Z",
            "Notification 3 refused 503 20260901T150000Z",
            "Notification 4 refused 503 null",
        ]
    );
}

#[tokio::test]
async fn whether_a_notification_is_sent_again_depends_on_how_it_failed() {
    use NotDelivered::{Lost, TimedOut, Unreachable};
    let again = |retries: IpnRetries, does: ReceiverAct| async move {
        let scene = Scene::with(settings(retries)).await;
        scene.authorized().await;
        scene.receiver.next([does]);
        assert_eq!(scene.sent().len(), 1);
        scene.advance("PT1H").await;
        scene.sent().len()
    };
    for (does, three_hourly, fourteen_days) in [
        (ReceiverAct::Answer(200), 0, 0),
        (ReceiverAct::Answer(204), 0, 0),
        (ReceiverAct::Answer(302), 0, 0),
        (ReceiverAct::Answer(400), 0, 0),
        (ReceiverAct::Answer(404), 0, 0),
        (ReceiverAct::Answer(429), 0, 0),
        (ReceiverAct::Answer(500), 1, 1),
        (ReceiverAct::Answer(503), 1, 1),
        (ReceiverAct::Fail(TimedOut), 1, 1),
        (ReceiverAct::Fail(Lost), 1, 1),
        (ReceiverAct::Fail(Unreachable), 1, 0),
    ] {
        assert_eq!(again(IpnRetries::ThreeHourly, does).await, three_hourly, "{does:?}");
        assert_eq!(again(IpnRetries::FourteenDays, does).await, fourteen_days, "{does:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_never_answers_has_its_deadline_and_does_not_hold_up_others_for_long() {
    let scene = Scene::new().await;
    let other = "http://127.0.0.1:9000/other";
    scene.register(json!({ "url": other })).await;
    scene.receiver.always(ReceiverAct::Hang);
    for _ in 0..3 {
        scene.authorized().await;
    }
    let to_other = |sent: Vec<Post>| sent.iter().filter(|post| post.url == other).count();
    assert_eq!(to_other(scene.sent()), 1, "one at a time to each endpoint");
    scene.world.clock.wake_all();
    assert_eq!(to_other(scene.sent()), 2, "after a timeout the others are sent together");
    scene.receiver.always(ReceiverAct::Answer(200));
    scene.world.clock.wake_all();
    assert_eq!(to_other(scene.sent()), 0);
    scene.advance("PT1H").await;
    assert_eq!(to_other(scene.sent()), 3, "what timed out is sent again");
    let outcomes = scene.listed(&["outcome"]).await;
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "timedOut").count(), 6);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_does_not_hold_up_others_however_much_waits_for_it() {
    let silent = "http://127.0.0.1:9000/silent";
    let scene = Scene::new().await;
    scene.register(json!({ "url": silent })).await;
    scene.receiver.silence(silent);
    scene.world.leaves_notifications_undelivered();
    // More notifications than are leased at a time.
    for _ in 0..20 {
        let charge_id = scene.authorized().await.charge_id;
        let sent = scene.sent();
        let heard: Vec<String> = sent.iter().filter(|post| post.url != silent).map(Post::object).collect();
        assert_eq!(heard, [format!("CHARGE {charge_id}")], "immediately, in order");
    }
    scene.world.clock.wake_all();
    let late = scene.authorized().await.charge_id;
    let sent = scene.sent();
    let to_silent = sent.iter().filter(|post| post.url == silent).count();
    let heard: Vec<String> = sent.iter().filter(|post| post.url != silent).map(Post::object).collect();
    assert_eq!(heard, [format!("CHARGE {late}")]);
    assert!(to_silent > 0, "after its deadline the endpoint is tried again");
}

// Promise: A24
#[tokio::test]
async fn a_jump_of_fourteen_days_makes_every_retry_within_it() {
    let scene = Scene::with(settings(IpnRetries::FourteenDays)).await;
    scene.receiver.always(ReceiverAct::Answer(500));
    // Nothing else happens to the order in these days.
    scene
        .finalized(&Call::get(""), json!({ "paymentDetails": { "paymentIntent": "AuthorizeWithCapture" } }))
        .await;
    assert_eq!(scene.sent().len(), 1);
    scene.advance("P14D").await;
    let mut count = 0;
    for _ in 0..10 {
        count += scene.sent().len();
    }
    assert_eq!(count, 14 * 24);
    scene.advance("P14D").await;
    assert_eq!(scene.sent().len(), 0);
}

// Promise: A24
#[tokio::test]
async fn after_a_jump_retries_and_first_attempts_come_in_the_order_in_which_they_are_due() {
    let scene = Scene::new().await;
    scene.receiver.always(ReceiverAct::Answer(503));
    let first = scene.authorized().await.charge_id;
    assert_eq!(scene.told().len(), 1);
    scene.advance("PT1H30M").await;
    assert_eq!(scene.told().len(), 1);
    let second = scene.authorized().await.charge_id;
    assert_eq!(scene.told().len(), 1);
    // Both authorizations expire within the jump, each after two days.
    scene.advance("P3D").await;
    let mut told = Vec::new();
    for _ in 0..10 {
        told.extend(scene.told());
    }
    // Due at these hours: 2, 2:30, 3, 3:30, 4:30; then 48 to 51 and 49:30 to 52:30.
    let order = [
        &first, &second, &first, &second, &second, //
        &first, &first, &second, &first, &second, &first, &second, &second,
    ];
    let expected: Vec<String> = order.iter().map(|id| format!("CHARGE {id}")).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_clock_that_runs_fast_brings_retries_forward() {
    let scene = Scene::new().await;
    scene.receiver.always(ReceiverAct::Answer(503));
    scene.control(http::Method::POST, "clock", json!({ "rate": 3_600 })).await;
    scene.authorized().await;
    assert_eq!(scene.sent().len(), 1);
    for (second, count) in [("20260901T120001Z", 1), ("20260901T120002Z", 1), ("20260901T120003Z", 1)] {
        scene.world.clock.set(at(second));
        scene.world.clock.wake_all();
        assert_eq!(scene.sent().len(), count, "{second}");
    }
    scene.world.clock.set(at("20260901T120010Z"));
    scene.world.clock.wake_all();
    assert_eq!(scene.sent().len(), 0);
}
