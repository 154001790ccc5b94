//! What a test must not leave behind unless it says so: timers that are due, and notifications that
//! are not delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Reply};
use countersign_sandbox::{Parts, Sandbox};
use countersign_store::contract::Store;
use countersign_store::work_left::work_left;
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::notifications::receiver::ReceiverAct;
use crate::notifications::scene::Scene;
use crate::world::{World, at};

/// The control token of every test that has one.
const TOKEN: &str = "Bearer open-sesame";

/// The outbox's topics, one per endpoint.
const TOPICS: [&str; 16] = [
    "notification",
    "notification-1",
    "notification-2",
    "notification-3",
    "notification-4",
    "notification-5",
    "notification-6",
    "notification-7",
    "notification-8",
    "notification-9",
    "notification-10",
    "notification-11",
    "notification-12",
    "notification-13",
    "notification-14",
    "notification-15",
];

/// The store of a sandbox, which is checked when this is dropped: the test fails if a timer is due
/// by the sandbox's clock, or a notification is not delivered.
pub(crate) struct Leftovers {
    sandbox: Arc<Sandbox>,
    store: Arc<dyn Store>,
    are_meant: AtomicBool,
}

impl Leftovers {
    /// Starts a sandbox whose store is checked.
    pub(crate) async fn of_sandbox(parts: Parts) -> (Arc<Sandbox>, Self) {
        let store = Arc::clone(&parts.store);
        let sandbox = Arc::new(Sandbox::start(parts).await.unwrap());
        let leftovers = Self { sandbox: Arc::clone(&sandbox), store, are_meant: AtomicBool::new(false) };
        (sandbox, leftovers)
    }

    /// What is due or not delivered now, each in words.
    fn left(&self) -> Vec<String> {
        let now = now(&self.sandbox);
        let look = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(work_left(&*self.store, now, &TOPICS)).unwrap()
        };
        // The test's own runtime may be running in this thread.
        std::thread::scope(|scope| scope.spawn(look).join().unwrap())
    }

    /// Notes that the test ends on purpose while something is due or not delivered.
    pub(crate) fn are_meant(&self) {
        self.are_meant.store(true, Ordering::SeqCst);
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        if std::thread::panicking() || self.are_meant.load(Ordering::SeqCst) {
            return;
        }
        let left = self.left();
        assert!(left.is_empty(), "the test ends with work left behind: {left:#?}");
    }
}

/// What the sandbox's clock shows. Reading it needs no store, so it is answered immediately.
fn now(sandbox: &Sandbox) -> Timestamp {
    let request =
        http::Request::get("/_sandbox/clock").header("authorization", TOKEN).body(Bytes::new()).unwrap();
    let Some(Reply::Answer(answer)) = sandbox.handle(request).now_or_never() else { panic!("no clock") };
    let clock: Value = serde_json::from_slice(answer.body()).unwrap();
    Timestamp::parse(clock["now"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_timer_that_is_due_is_left_over() {
    let world = World::new().await;
    world.placed(json!({})).await;
    assert_eq!(world.leftovers.left(), [""; 0]);
    world.clock.set(at("20260902T120000Z"));
    let left = world.leftovers.left();
    assert!(left.len() == 1 && left[0].starts_with("checkout_session "), "{left:?}");
    world.leftovers.are_meant();
}

#[tokio::test]
async fn a_notification_that_waits_for_its_next_attempt_is_left_over() {
    let scene = Scene::new().await;
    scene.receiver.always(ReceiverAct::Answer(503));
    scene.authorized().await;
    assert_eq!(scene.sent().len(), 1);
    assert_eq!(
        scene.world.leftovers.left(),
        ["1 messages of notification are not delivered: the next may be leased at 20260901T130000Z"]
    );
    scene.world.leftovers.are_meant();
}
