//! The cost of each operation of the shop's: counted on one thread, with the store in memory and an Amazon that
//! costs nothing. The snapshot next to this file is the budget: a change that needs more gives the reason in its
//! commit.
//!
//! Reads, writes and signatures are exact; allocations are rounded up by at most 5 %. Everything is done once
//! before it is counted, so that the cost of the first use is not included.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Client, RetryPolicy, Transport, TransportError};
use countersign_domain::ids::Region;
use countersign_http::{Handler as _, Reply, Request};
use countersign_merchant::{Merchant, Parts};
use countersign_store::budget::{Budget, Cost};
use countersign_store::intercept::InterceptedStore;
use countersign_store::memory::MemoryStore;
use countersign_world::Clock as _;
use futures_util::future::{BoxFuture, Either, select};
use serde_json::{Value, json};

use super::amazon::Amazon;
use super::time_machine::run;
use super::world::{CountingSigner, OTHER_SESSION, SESSION, SHOP_TOKEN, World, order, session_for};

/// An Amazon whose own allocations do not count.
struct UncountedAmazon(Arc<Amazon>);

impl Transport for UncountedAmazon {
    fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let mut sending = None;
        allocation_counter::opt_out(|| {
            let free: BoxFuture<'_, _> = Box::pin(FreeFuture(self.0.send(request, deadline)));
            sending = Some(free);
        });
        sending.unwrap()
    }
}

struct FreeFuture<'a, T>(BoxFuture<'a, T>);

impl<T> Future for FreeFuture<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut polled = Poll::Pending;
        allocation_counter::opt_out(|| polled = self.0.as_mut().poll(context));
        polled
    }
}

/// A merchant half whose costs are counted.
struct CountedMerchant {
    world: World,
    merchant: Merchant,
    store: Arc<InterceptedStore<()>>,
    signer: Arc<CountingSigner>,
    budget: Budget,
}

impl CountedMerchant {
    fn new() -> Self {
        let world = World::in_memory();
        let store = Arc::new(InterceptedStore::new(Arc::new(MemoryStore::new()), ()));
        let signer = Arc::new(CountingSigner::new());
        let client = Client::builder(Region::NorthAmerica, Arc::clone(&signer) as _)
            .transport(Arc::new(UncountedAmazon(Arc::clone(&world.amazon))))
            .clock(Arc::new(world.time.clone()))
            .retry(RetryPolicy { max_attempts: 1, ..RetryPolicy::default() })
            .build()
            .unwrap();
        let parts = Parts { client, store: Arc::clone(&store) as _, ..world.parts() };
        let merchant = run(&world.time, || false, Merchant::start(parts)).unwrap();
        Self { world, merchant, store, signer, budget: Self::budget() }
    }

    fn budget() -> Budget {
        Budget::new("operation", 26)
    }

    /// Runs a future to its end, and counts its cost.
    fn count<T>(&mut self, name: &str, future: impl Future<Output = T>) -> T {
        let (before, signed_before) = (self.store.counts(), self.signer.signed.load(Ordering::Relaxed));
        let mut outcome = None;
        let allocated =
            allocation_counter::measure(|| outcome = Some(run(&self.world.time, || false, future)));
        let signed = self.signer.signed.load(Ordering::Relaxed) - signed_before;
        let cost = Cost {
            store: self.store.counts().since(before),
            others: &[("signed calls", signed)],
            allocations: allocated.count_total,
            allocated_bytes: allocated.bytes_total,
        };
        self.budget.add(name, &cost);
        outcome.unwrap()
    }

    /// A call of the shop's. Its answer must have this status.
    fn call(&mut self, name: &str, path: &str, body: &Value, status: u16) -> Value {
        let mut request = Request::new(Bytes::from(body.to_string()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {SHOP_TOKEN}").parse().unwrap());
        let reply = self.merchant.handle(request);
        let Reply::Answer(answer) = self.count(name, reply) else { panic!("a connection was reset") };
        let text = String::from_utf8_lossy(answer.body());
        assert_eq!(answer.status(), status, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Runs the timers that are due.
    fn timers(&mut self, name: &str) {
        let timers = Box::pin(self.merchant.timers());
        let sleep = self.world.time.sleep(Duration::from_millis(10));
        match self.count(name, select(sleep, timers)) {
            Either::Left(_) => {}
            Either::Right(_) => panic!("the timers ended"),
        }
    }

    /// The whole life of an order.
    fn life(&mut self, session: &str, intent: &str) {
        let mut order = order();
        order["orderId"] = json!(session);
        order["paymentDetails"]["paymentIntent"] = json!(intent);
        let registered = self.call("registration", "/v1/checkouts", &order, 201);
        let id = registered["checkoutId"].as_str().unwrap().to_owned();
        self.world.amazon.open(session, session_for(&order, session, &id));
        let path = |call: &str| format!("/v1/checkouts/{id}/{call}");
        self.call("completion", &path("complete"), &json!({ "amazonCheckoutSessionId": session }), 200);
        self.timers("snapshot after completion");
        if intent == "Authorize" {
            self.call("capture", &path("captures"), &json!({ "reference": "parcel" }), 200);
            self.call("refund", &path("refunds"), &json!({ "reference": "return" }), 202);
        }
    }
}

#[test]
fn what_each_operation_costs() {
    let mut tables = String::new();
    for intent in ["AuthorizeWithCapture", "Authorize"] {
        let mut counted = CountedMerchant::new();
        counted.life(SESSION, intent);
        counted.budget = CountedMerchant::budget();
        counted.life(OTHER_SESSION, intent);
        writeln!(tables, "{intent}\n{}", counted.budget).unwrap();
    }
    insta::assert_snapshot!(tables);
}
