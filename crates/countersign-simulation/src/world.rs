//! One world: both halves with their stores and clocks, and the network between them, from one seed. What happens
//! in it is its life.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_client::{Client, SignRequest};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_domain::time::Timestamp;
use countersign_http::Handler as _;
use countersign_merchant::settings::{Deadlines, Secret, Storefront};
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::{Merchant, settings as merchant_settings};
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey, VerifyingKey};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::{Sandbox, settings as sandbox_settings};
use countersign_store::contract::Store as _;
use countersign_store::memory::MemoryStore;
use countersign_world::Clock as _;
use countersign_world::fake::ShiftedClock;
use serde_json::json;

use crate::clock::half_clock;
use crate::entropy::Random;
use crate::executor::{Executor, Group};
use crate::half::Half;
use crate::network::Network;
use crate::notifying::{self, Post};
use crate::prices;
use crate::process::Process;
use crate::reading::Reading;
use crate::requests::{SHOP_TOKEN, at_amazon};
use crate::signing::KeyedHash;
use crate::store::{HalfStore, Kept, kept};
use crate::weather::Weather;
use crate::witness::Witness;

const PUBLIC_KEY_ID: &str = "SANDBOX-SIMULATION";
const MERCHANT_ID: &str = "ASIMULATION";
/// No secret: nothing that it seals is real.
const SNAPSHOT_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// How many seeds share one that signs with real keys.
const REAL_KEYS_EVERY: u64 = 100;

/// Parts of the seed.
mod part {
    pub(super) const EXECUTOR: u64 = 1;
    pub(super) const WEATHER: u64 = 2;
    pub(super) const READING: u64 = 3;
    pub(super) const NETWORK: u64 = 4;
    pub(super) const MERCHANT_STORE: u64 = 5;
    pub(super) const AMAZON_STORE: u64 = 6;
    pub(super) const MERCHANT: u64 = 7;
    pub(super) const AMAZON: u64 = 8;
    pub(super) const WORLD: u64 = 9;
    pub(super) const POST: u64 = 10;
}

/// How requests are signed.
enum Keys {
    StandIn(KeyedHash),
    Real(Arc<KeySigner>, VerifyingKey),
}

/// The world.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) order_count: usize,
    pub(crate) executor: Executor,
    pub(crate) weather: Arc<Weather>,
    pub(crate) reading: Reading,
    pub(crate) witness: Arc<Witness>,
    pub(crate) merchant: Arc<Process<Merchant>>,
    pub(crate) amazon: Arc<Process<Sandbox>>,
    pub(crate) merchant_store: Arc<HalfStore>,
    pub(crate) amazon_store: Arc<HalfStore>,
    merchant_memory: Arc<MemoryStore>,
    amazon_memory: Arc<MemoryStore>,
    pub(crate) merchant_clock: ShiftedClock,
    pub(crate) amazon_clock: ShiftedClock,
    merchant_entropy: Random,
    amazon_entropy: Random,
    amazon_starts: AtomicU64,
    keys: Keys,
    network: Network,
    /// Amazon notifies in every fourth world: signing takes its time.
    post: Option<Post>,
    pub(crate) random: Random,
}

impl World {
    pub(crate) fn new(seed: u64, order_count: usize) -> Arc<Self> {
        let random = |part| Random::stream(seed, part);
        let executor = Executor::new(random(part::EXECUTOR));
        let weather = Arc::new(Weather::draw(&random(part::WEATHER)));
        let reading = Reading::draw(&random(part::READING));
        let amazon_clock = half_clock(&executor);
        let witness = Arc::new(Witness::new(&executor, &amazon_clock));
        witness.note(None, format!("the weather: {:?}, {:?}", weather.rates, weather.spells));
        witness.note(None, format!("the reading: {reading:?}"));
        let amazon = Arc::new(Process::new(&executor, Group::Amazon));
        let network_random = random(part::NETWORK);
        let network = Network::new(&executor, &weather, reading.clone(), &amazon, &witness, network_random);
        let store = |half, part| kept(half, &executor, &weather, &witness, &random(part));
        let Kept { store: merchant_store, memory: merchant_memory } =
            store(Half::Merchant, part::MERCHANT_STORE);
        let Kept { store: amazon_store, memory: amazon_memory } = store(Half::Amazon, part::AMAZON_STORE);
        let merchant = Arc::new(Process::new(&executor, Group::Merchant));
        let post = (seed % 4 == 1).then(|| Post {
            executor: executor.clone(),
            weather: Arc::clone(&weather),
            merchant: Arc::clone(&merchant),
            witness: Arc::clone(&witness),
            random: random(part::POST),
        });
        Arc::new(Self {
            seed,
            order_count,
            merchant,
            merchant_clock: half_clock(&executor),
            amazon_clock,
            merchant_entropy: random(part::MERCHANT),
            amazon_entropy: random(part::AMAZON),
            amazon_starts: AtomicU64::new(0),
            keys: Keys::draw(seed),
            random: random(part::WORLD),
            executor,
            weather,
            reading,
            witness,
            amazon,
            merchant_store,
            amazon_store,
            merchant_memory,
            amazon_memory,
            network,
            post,
        })
    }

    /// Whether orders cost what a table says, where the buyer's page asks.
    pub(crate) const fn quotes(&self) -> bool {
        self.seed % 3 == 2
    }

    fn merchant_parts(&self) -> countersign_merchant::Parts {
        let signer: Arc<dyn SignRequest> = match &self.keys {
            Keys::StandIn(stand_in) => Arc::new(stand_in.clone()),
            Keys::Real(signer, _) => Arc::clone(signer) as _,
        };
        let client = Client::builder(Region::NorthAmerica, signer)
            .transport(Arc::new(self.network.clone()))
            .clock(Arc::new(self.merchant_clock.clone()))
            .entropy(self.merchant_entropy.entropy())
            .build();
        countersign_merchant::Parts {
            store: Arc::clone(&self.merchant_store) as _,
            client: client.unwrap_or_else(|refused| unreachable!("{refused}")),
            clock: Arc::new(self.merchant_clock.clone()),
            entropy: self.merchant_entropy.entropy(),
            settings: merchant_settings::Settings {
                environment: Environment::Sandbox,
                region: Region::NorthAmerica,
                merchant_id: id(MERCHANT_ID, MerchantId::parse),
                store_id: id("amzn1.application-oa2-client.simulation", StoreId::parse),
                public_key_id: id(PUBLIC_KEY_ID, PublicKeyId::parse),
                shop_name: "A Shop".to_owned(),
                shop_token: Secret::new(SHOP_TOKEN),
                public_url: "https://pay.example".to_owned(),
                deadlines: Deadlines::default(),
                payments: merchant_settings::Payments::default(),
                notifications: merchant_settings::Notifications {
                    certificate_origins: vec![notifying::ORIGIN.to_owned()],
                    topic_arns: Vec::new(),
                },
                storefront: if self.quotes() { prices::storefront() } else { Storefront::default() },
            },
            webhook: None,
            quote_hook: None,
            certificate_transport: Some(Arc::new(self.network.clone())),
            snapshot_keys: SnapshotKeys::parse(SNAPSHOT_KEY)
                .unwrap_or_else(|refused| unreachable!("{refused}")),
        }
    }

    fn amazon_parts(&self) -> countersign_sandbox::Parts {
        let mut merchants = Merchants::default();
        let (merchant, key_id) = (id(MERCHANT_ID, MerchantId::parse), id(PUBLIC_KEY_ID, PublicKeyId::parse));
        let registered = match &self.keys {
            Keys::StandIn(stand_in) => merchants.register(merchant, key_id, stand_in.clone()),
            Keys::Real(_, key) => merchants.register(merchant, key_id, key.clone()),
        };
        registered.unwrap_or_else(|refused| unreachable!("{refused}"));
        let start = self.amazon_starts.fetch_add(1, Ordering::Relaxed);
        countersign_sandbox::Parts {
            store: Arc::clone(&self.amazon_store) as _,
            clock: Arc::new(self.amazon_clock.clone()),
            ids: Ids::new(&*self.amazon_entropy.entropy(), Some(self.seed), start),
            merchants,
            settings: sandbox_settings::Settings {
                profile: self.reading.profile,
                flags: self.reading.flags,
                ..sandbox_settings::Settings::default()
            },
            notifications: self.post.clone().map_or_else(Notifications::default, Post::notifications),
        }
    }

    /// Starts the merchant half, as often as it takes.
    pub(crate) fn start_merchant(self: &Arc<Self>) {
        let world = Arc::clone(self);
        self.executor.spawn(Group::Merchant, async move {
            loop {
                match Merchant::start(world.merchant_parts()).await {
                    Ok(merchant) => {
                        world.witness.note(None, "the merchant half runs".to_owned());
                        world.executor.spawn(Group::Merchant, merchant.timers());
                        world.merchant.started(merchant);
                        return;
                    }
                    Err(_) => world.executor.sleep(Duration::from_secs(1)).await,
                }
            }
        });
    }

    /// Starts Amazon's half, as often as it takes.
    pub(crate) fn start_amazon(self: &Arc<Self>) {
        let world = Arc::clone(self);
        self.executor.spawn(Group::Amazon, async move {
            loop {
                match Sandbox::start(world.amazon_parts()).await {
                    Ok(sandbox) => {
                        world.witness.note(None, "Amazon's half runs".to_owned());
                        world.prepare(&sandbox).await;
                        world.executor.spawn(Group::Amazon, sandbox.timers());
                        world.amazon.started(sandbox);
                        return;
                    }
                    Err(_) => world.executor.sleep(Duration::from_secs(1)).await,
                }
            }
        });
    }

    /// Orders the stale reads of the reading; in calm weather sets the clock right that was ahead once
    /// and must not go back by itself.
    async fn prepare(&self, sandbox: &Sandbox) {
        if self.weather.is_calm() {
            let set = json!({ "set": self.amazon_clock.now().to_string() });
            let _ = sandbox.handle(at_amazon("/_sandbox/clock", &set)).await;
            return;
        }
        let rate = self.reading.stale_reads;
        if rate == 0 {
            return;
        }
        for operation in ["getCheckoutSession", "getCharge"] {
            let order = json!({
                "operation": operation, "kind": "staleRead", "times": 1_000_000, "delay": "PT5S",
                "rate": format!("0.{:03}", rate.min(999)), "seed": self.seed,
            });
            let _ = sandbox.handle(at_amazon("/_sandbox/faults", &order)).await;
        }
    }

    /// Lets so much time pass in leaps to whatever is due next, at least so long each.
    pub(crate) async fn let_pass(&self, total: Duration, least: Duration) {
        let end = self.executor.now().saturating_add(total);
        loop {
            let left = end.saturating_sub(self.executor.now());
            if left.is_zero() {
                return;
            }
            let merchants = self.merchant_memory.next_due().await;
            let amazons = self.amazon_memory.next_due().await;
            let until = |due: Result<Option<Timestamp>, _>, clock: &ShiftedClock| {
                due.ok().flatten().map(|due_at| due_at.since(clock.now()))
            };
            let dues = [until(merchants, &self.merchant_clock), until(amazons, &self.amazon_clock)];
            let next = dues.into_iter().flatten().min().unwrap_or(left);
            self.executor.leap(next.max(least).min(left));
            self.executor.sleep(Duration::from_secs(2)).await;
        }
    }

    pub(crate) fn calm_down(self: &Arc<Self>) {
        self.witness.note(None, "the weather calms down".to_owned());
        self.weather.calm_down();
        self.merchant_store.hook.outages.heal();
        self.amazon_store.hook.outages.heal();
        self.merchant_clock.shift_to(0);
        self.amazon_clock.shift_to(0);
        // A half that is down comes up by itself; so does one that stands still.
        self.merchant.crash();
        self.amazon.crash();
        self.start_amazon();
        self.start_merchant();
    }
}

impl Keys {
    fn draw(seed: u64) -> Self {
        let public_key_id = id(PUBLIC_KEY_ID, PublicKeyId::parse);
        if !seed.is_multiple_of(REAL_KEYS_EVERY) {
            return Self::StandIn(KeyedHash { public_key_id, secret: seed });
        }
        let made = MerchantKey::generate().unwrap_or_else(|refused| unreachable!("{refused}"));
        let verifying = made.key.verifying_key().unwrap_or_else(|refused| unreachable!("{refused}"));
        Self::Real(Arc::new(KeySigner::new(public_key_id, made.key, Algorithm::PssV2)), verifying)
    }
}

fn id<T, E: std::fmt::Debug>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> T {
    parse(text).unwrap_or_else(|refused| unreachable!("{text}: {refused:?}"))
}
