//! What each of Amazon's calls costs the sandbox: counted on one thread, over the store in memory. The
//! snapshot next to this file is the budget: a change that needs more of anything says why in its commit.
//!
//! Reads and writes are exact, allocations are rounded up by at most 5 %. Everything is done once before it
//! is counted, so that what a process does only once is not counted.

use std::fmt::Write as _;
use std::sync::Arc;

use countersign_sandbox::settings::Settings;
use countersign_store::intercept::InterceptedStore;
use countersign_store::memory::MemoryStore;
use futures_util::FutureExt as _;
use serde_json::json;

use crate::world::{Call, HttpAnswer, World, id, right_body};

/// A sandbox whose work is counted.
struct Counted {
    world: World,
    store: Arc<InterceptedStore<()>>,
    table: String,
}

/// The store in memory answers immediately, so nothing ever waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing waits")
}

impl Counted {
    fn new() -> Self {
        let store = Arc::new(InterceptedStore::new(Arc::new(MemoryStore::new()), ()));
        let world = at_once(World::on(Arc::clone(&store) as _, Settings::default(), 0));
        Self { world, store, table: String::new() }
    }

    fn call(&mut self, name: &str, call: &Call, status: u16) -> HttpAnswer {
        let request = call.request();
        let before = self.store.counts();
        let mut reply = None;
        let allocated = allocation_counter::measure(|| reply = Some(at_once(self.world.reply(request))));
        let store = self.store.counts().since(before);
        writeln!(
            self.table,
            "{name:<14}{:>7}{:>18}{:>13}{:>9}{:>19}{:>15}{:>10}{:>13}{:>17}",
            store.loads,
            store.documents_loaded,
            store.other_reads,
            store.commits,
            store.documents_written,
            store.index_entries,
            store.messages,
            rounded_up(allocated.count_total),
            rounded_up(allocated.bytes_total),
        )
        .unwrap();
        let Some(countersign_http::Reply::Answer(answer)) = reply else { panic!("a connection was reset") };
        let answer = HttpAnswer::from_response(&answer);
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        answer
    }

    /// A session from its Finalize to the refund.
    fn life(&mut self, number: u32) {
        self.table = format!(
            "{:<14}{:>7}{:>18}{:>13}{:>9}{:>19}{:>15}{:>10}{:>13}{:>17}\n",
            "call",
            "loads",
            "documents loaded",
            "other reads",
            "commits",
            "documents written",
            "index entries",
            "messages",
            "allocations",
            "bytes allocated"
        );
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

/// A number that another compiler or library may change a little, rounded up by at most 5 %: 1,000, 1,050, 1,100 …
/// 2,000, 2,100 … 5,000, 5,250 ….
fn rounded_up(number: u64) -> u64 {
    let power = 10_u64.pow(number.max(1).ilog10());
    let step = match number / power {
        0..=1 => power / 20,
        2..=4 => power / 10,
        _ => power / 4,
    };
    number.next_multiple_of(step.max(1))
}

#[test]
fn what_each_call_costs() {
    let mut counted = Counted::new();
    counted.life(1);
    counted.life(2);
    insta::assert_snapshot!(counted.table);
}
