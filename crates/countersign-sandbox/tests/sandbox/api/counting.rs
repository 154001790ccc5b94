//! What each of Amazon's calls costs the sandbox, counted on one thread with the store in memory.
//! The snapshot next to this file is the budget: a change that needs more of anything says why in
//! its commit.
//!
//! Reads and writes are exact; allocations are rounded up by at most 5 %. Every call is made once before it
//! is counted, so that work that a process does only once is not counted.

use std::sync::Arc;

use countersign_sandbox::settings::Settings;
use countersign_store::budget::{Budget, Cost};
use countersign_store::intercept::InterceptedStore;
use countersign_store::memory::MemoryStore;
use futures_util::FutureExt as _;
use serde_json::json;

use crate::world::{Call, HttpAnswer, World, id, right_body};

/// A sandbox whose work is counted.
struct CountedSandbox {
    world: World,
    store: Arc<InterceptedStore<()>>,
    budget: Budget,
}

/// Runs a future that never waits: the store in memory answers immediately.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing waits")
}

impl CountedSandbox {
    fn new() -> Self {
        let store = Arc::new(InterceptedStore::new(Arc::new(MemoryStore::new()), ()));
        let world = at_once(World::on(Arc::clone(&store) as _, Settings::default(), 0));
        Self { world, store, budget: Self::budget() }
    }

    fn budget() -> Budget {
        Budget::new("call", 14)
    }

    fn call(&mut self, name: &str, call: &Call, status: u16) -> HttpAnswer {
        let request = call.request();
        let before = self.store.counts();
        let mut reply = None;
        let allocated = allocation_counter::measure(|| reply = Some(at_once(self.world.reply(request))));
        let cost = Cost {
            store: self.store.counts().since(before),
            others: &[],
            allocations: allocated.count_total,
            allocated_bytes: allocated.bytes_total,
        };
        self.budget.add(name, &cost);
        let Some(countersign_http::Reply::Answer(answer)) = reply else { panic!("a connection was reset") };
        let answer = HttpAnswer::from_response(&answer);
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        answer
    }

    /// A session from its Finalize to the refund.
    fn life(&mut self, number: u32) {
        let session = at_once(self.world.placed(json!({})));
        let get = Call::get(format!("/v2/checkoutSessions/{}", id(&session)));
        self.call("get session", &get, 200);
        let finalized = self.call("finalize", &Call::finalize(id(&session), right_body(&session)), 200);
        let charge_id = finalized.text("chargeId").to_owned();
        let amount = json!({ "amount": "14.00", "currencyCode": "USD" });
        let capture =
            Call::post(format!("/v2/charges/{charge_id}/capture"), json!({ "captureAmount": amount }));
        self.call("capture", &capture.idempotent(&format!("capture{number}")), 200);
        self.call("get charge", &Call::get(format!("/v2/charges/{charge_id}")), 200);
        let refund = Call::post("/v2/refunds", json!({ "chargeId": charge_id, "refundAmount": amount }));
        self.call("refund", &refund.idempotent(&format!("refund{number}")), 201);
    }
}

#[test]
fn what_each_call_costs() {
    let mut counted = CountedSandbox::new();
    counted.life(1);
    counted.budget = CountedSandbox::budget();
    counted.life(2);
    insta::assert_snapshot!(counted.budget);
}
