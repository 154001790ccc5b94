//! One world: both halves with their stores and clocks, and the network between them, from one
//! seed. `life.rs` has what happens in a world.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_client::{Client, SignRequest};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_http::Handler as _;
use countersign_merchant::credentials::Credentials;
use countersign_merchant::settings::{Deadlines, Integration, Storefront};
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::{Merchant, settings as merchant_settings};
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey, VerifyingKey};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::{Sandbox, settings as sandbox_settings};
use countersign_store::contract::Store as _;
use countersign_store::work_left::work_left;
use countersign_world::Clock as _;
use countersign_world::fake::ShiftedClock;
use serde_json::json;

use crate::calendar::Calendar;
use crate::clock::half_clock;
use crate::entropy::Random;
use crate::executor::{Executor, Group};
use crate::features::{Feature, Features};
use crate::good_network::GoodNetwork;
use crate::half::{Half, Halves};
use crate::hostile::HostileAnswers;
use crate::lateness::{EarlyAuthorizations, Lateness};
use crate::network::Network;
use crate::notifying::{self, Post};
use crate::prices;
use crate::process::Process;
use crate::reading::Reading;
use crate::requests::{OPERATORS, SHOP_TOKEN, at_amazon};
use crate::signing::KeyedHash;
use crate::store::{HalfStorage, kept};
use crate::weather::Weather;
use crate::witness::Witness;

const PUBLIC_KEY_ID: &str = "SANDBOX-SIMULATION";
const MERCHANT_ID: &str = "ASIMULATION";
/// The key that seals snapshots. It is not a secret: nothing that it encrypts is real.
const SNAPSHOT_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// One seed in this many signs with real keys.
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
    pub(super) const DISPUTES: u64 = 11;
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
    features: Features,
    pub(crate) executor: Executor,
    pub(crate) weather: Arc<Weather>,
    pub(crate) reading: Reading,
    pub(crate) witness: Arc<Witness>,
    pub(crate) merchant: Arc<Process<Merchant>>,
    pub(crate) amazon: Arc<Process<Sandbox>>,
    pub(crate) stores: Halves<HalfStorage>,
    pub(crate) clocks: Halves<ShiftedClock>,
    entropy: Halves<Random>,
    amazon_starts: AtomicU64,
    keys: Keys,
    network: Network,
    pub(crate) calendar: Calendar,
    pub(crate) early: EarlyAuthorizations,
    /// Present in every fourth world only: signing notifications takes time.
    post: Option<Post>,
    pub(crate) random: Random,
}

impl World {
    pub(crate) fn new(seed: u64, order_count: usize, features: Features) -> Arc<Self> {
        let random = |part| Random::stream(seed, part);
        let executor = Executor::new(random(part::EXECUTOR));
        let weather = Arc::new(Weather::draw(&random(part::WEATHER)));
        let reading = Reading::draw(&random(part::READING));
        let clocks = Halves { merchant: half_clock(&executor), amazon: half_clock(&executor) };
        let witness = Arc::new(Witness::new(&executor, &clocks.amazon));
        witness.note(None, format!("the weather: {:?}, {:?}", weather.rates, weather.spells));
        witness.note(None, format!("the reading: {reading:?}"));
        let amazon = Arc::new(Process::new(&executor, Half::Amazon));
        let (calendar, early) = (Calendar::new(&executor), EarlyAuthorizations::default());
        let network = Network {
            executor: executor.clone(),
            weather: Arc::clone(&weather),
            reading: reading.clone(),
            amazon: Arc::clone(&amazon),
            witness: Arc::clone(&witness),
            random: random(part::NETWORK),
            clock: clocks.amazon.clone(),
            kept: Arc::default(),
            refusals: Arc::default(),
            lateness: Lateness::draw(features, seed),
            early: early.clone(),
            calendar: calendar.clone(),
            hostile: HostileAnswers::draw(features, seed),
        };
        let store = |half, part| kept(half, &executor, &weather, &witness, &random(part));
        let merchant = Arc::new(Process::new(&executor, Half::Merchant));
        let post = (seed % 4 == 1).then(|| Post {
            executor: executor.clone(),
            weather: Arc::clone(&weather),
            merchant: Arc::clone(&merchant),
            witness: Arc::clone(&witness),
            random: random(part::POST),
            calendar: calendar.clone(),
            clock: clocks.amazon.clone(),
            disputes: features.has(Feature::Disputes, seed).then(|| random(part::DISPUTES)),
        });
        Arc::new(Self {
            seed,
            order_count,
            features,
            merchant,
            stores: Halves {
                merchant: store(Half::Merchant, part::MERCHANT_STORE),
                amazon: store(Half::Amazon, part::AMAZON_STORE),
            },
            clocks,
            entropy: Halves { merchant: random(part::MERCHANT), amazon: random(part::AMAZON) },
            amazon_starts: AtomicU64::new(0),
            keys: Keys::draw(seed),
            random: random(part::WORLD),
            executor,
            weather,
            reading,
            witness,
            amazon,
            network,
            calendar,
            early,
            post,
        })
    }

    pub(crate) const fn has(&self, feature: Feature) -> bool {
        self.features.has(feature, self.seed)
    }

    /// Whether this is a world with quotes: the buyer's page asks what the order costs, and a table
    /// answers.
    pub(crate) const fn quotes(&self) -> bool {
        self.seed % 3 == 2
    }

    /// Whether only the merchant half finalizes sessions of this account, as its settings say; in the other worlds
    /// another client may.
    pub(crate) const fn integration(&self) -> Integration {
        if self.seed.is_multiple_of(2) { Integration::Sole } else { Integration::OneOfSeveral }
    }

    pub(crate) fn signer(&self) -> Arc<dyn SignRequest> {
        match &self.keys {
            Keys::StandIn(stand_in) => Arc::new(stand_in.clone()),
            Keys::Real(signer, _) => Arc::clone(signer) as _,
        }
    }

    /// The client of another integration on the account.
    pub(crate) fn client_elsewhere(&self, random: &Random) -> Client {
        let network = GoodNetwork {
            executor: self.executor.clone(),
            amazon: Arc::clone(&self.amazon),
            witness: Arc::clone(&self.witness),
            random: random.clone(),
        };
        let client = Client::builder(Region::NorthAmerica, self.signer())
            .transport(Arc::new(network))
            .clock(Arc::new(self.clocks.amazon.clone()))
            .entropy(random.entropy())
            .build();
        client.unwrap_or_else(|refused| unreachable!("{refused}"))
    }

    fn merchant_parts(&self) -> countersign_merchant::Parts {
        let client = Client::builder(Region::NorthAmerica, self.signer())
            .transport(Arc::new(self.network.clone()))
            .clock(Arc::new(self.clocks.merchant.clone()))
            .entropy(self.entropy.merchant.entropy())
            .build();
        countersign_merchant::Parts {
            store: Arc::clone(&self.stores.merchant.store) as _,
            client: client.unwrap_or_else(|refused| unreachable!("{refused}")),
            clock: Arc::new(self.clocks.merchant.clone()),
            entropy: self.entropy.merchant.entropy(),
            settings: merchant_settings::Settings {
                environment: Environment::Sandbox,
                region: Region::NorthAmerica,
                merchant_id: id(MERCHANT_ID, MerchantId::parse),
                store_id: id("amzn1.application-oa2-client.simulation", StoreId::parse),
                public_key_id: id(PUBLIC_KEY_ID, PublicKeyId::parse),
                shop_name: "A Shop".to_owned(),
                credentials: credentials(),
                public_url: "https://pay.example".to_owned(),
                deadlines: Deadlines::default(),
                policy: merchant_settings::Policy {
                    integration: self.integration(),
                    ..merchant_settings::Policy::default()
                },
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
            store: Arc::clone(&self.stores.amazon.store) as _,
            clock: Arc::new(self.clocks.amazon.clone()),
            ids: Ids::new(&*self.entropy.amazon.entropy(), Some(self.seed), start),
            merchants,
            settings: sandbox_settings::Settings {
                profile: self.reading.profile,
                flags: self.reading.flags,
                ..sandbox_settings::Settings::default()
            },
            notifications: self.post.clone().map_or_else(Notifications::default, Post::notifications),
        }
    }

    /// Starts a half, and tries again until it succeeds.
    pub(crate) fn start(self: &Arc<Self>, half: Half) {
        let world = Arc::clone(self);
        self.executor.spawn(Group::Half(half), async move {
            while !world.has_started(half).await {
                world.executor.sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// Tries to start a half. Its store may have an outage.
    async fn has_started(&self, half: Half) -> bool {
        match half {
            Half::Merchant => {
                let Ok(merchant) = Merchant::start(self.merchant_parts()).await else { return false };
                self.witness.note(None, format!("{half} has started"));
                self.executor.spawn(Group::Half(half), merchant.timers());
                self.merchant.started(merchant);
            }
            Half::Amazon => {
                let Ok(sandbox) = Sandbox::start(self.amazon_parts()).await else { return false };
                self.witness.note(None, format!("{half} has started"));
                self.prepare(&sandbox).await;
                self.executor.spawn(Group::Half(half), sandbox.timers());
                self.amazon.started(sandbox);
            }
        }
        true
    }

    /// Ends a half's process, whatever it is doing.
    pub(crate) fn crash(&self, half: Half) {
        match half {
            Half::Merchant => self.merchant.crash(),
            Half::Amazon => self.amazon.crash(),
        }
    }

    /// Orders the reading's stale reads. In calm weather, also sets the virtual clock right: it may
    /// be ahead, and does not go back by itself.
    async fn prepare(&self, sandbox: &Sandbox) {
        if self.weather.is_calm() {
            let set = json!({ "set": self.clocks.amazon.now().to_string() });
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

    /// Lets this much time pass, in leaps to the next due time. Each leap is at least `least` long.
    pub(crate) async fn let_pass(&self, total: Duration, least: Duration) {
        let end = self.executor.now().saturating_add(total);
        loop {
            let left = end.saturating_sub(self.executor.now());
            if left.is_zero() {
                return;
            }
            let mut next = left;
            for half in [Half::Merchant, Half::Amazon] {
                let due_at = self.stores.get(half).memory.next_due().await.ok().flatten();
                next = due_at.map_or(next, |due_at| next.min(due_at.since(self.clocks.get(half).now())));
            }
            next = next.max(least);
            // Nothing is late because of a leap that was planned for an instant.
            next = self.calendar.until_next().map_or(next, |planned| next.min(planned));
            self.executor.leap(next.min(left));
            self.executor.sleep(Duration::from_secs(2)).await;
        }
    }

    /// The work that is due in a half now, and the messages that it has not delivered.
    pub(crate) async fn work_left(&self, half: Half) -> Vec<String> {
        let now = self.clocks.get(half).now();
        let left = work_left(&*self.stores.get(half).memory, now, &["fact", "notification"]).await;
        left.unwrap_or_else(|failed| unreachable!("memory answers: {failed:?}"))
    }

    /// Sets a half's clock wrong by this many milliseconds, or right.
    pub(crate) fn set_clock(&self, half: Half, off_by: i64) {
        self.clocks.get(half).shift_to(off_by);
        if half == Half::Merchant {
            self.witness.merchant_clock_is_off(off_by);
        }
    }

    pub(crate) fn calm_down(self: &Arc<Self>) {
        self.witness.note(None, "the weather calms down".to_owned());
        self.weather.calm_down();
        for half in [Half::Merchant, Half::Amazon] {
            self.stores.get(half).store.hook.outages.heal();
            self.set_clock(half, 0);
            // Each half is crashed here and then started exactly once: a misfortune that ended a half no
            // longer starts it again, and a frozen half thaws by itself.
            self.crash(half);
        }
        self.start(Half::Amazon);
        self.start(Half::Merchant);
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

fn credentials() -> Credentials {
    let credentials = Credentials::of_shop(SHOP_TOKEN).and_operator_tokens(OPERATORS);
    credentials.unwrap_or_else(|refused| unreachable!("{refused:?}"))
}

fn id<T, E: std::fmt::Debug>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> T {
    parse(text).unwrap_or_else(|refused| unreachable!("{text}: {refused:?}"))
}
