//! Where the stories take place: both halves, with their files in a temporary directory. A story can break the
//! merchant half's store and restart that half.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{
    Algorithm, Client, Deadlines, Endpoint, Https, KeySigner, MerchantKey, Transport, TransportError,
};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_http::{Handler, Limits, serve_with_timers};
use countersign_merchant::credentials::Credentials;
use countersign_merchant::quote_hook::QuoteHook;
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::webhook::{SigningSecrets, Webhook};
use countersign_merchant::{Merchant, settings};
use countersign_sandbox::Sandbox;
use countersign_sandbox::notify::Courier;
use countersign_store::intercept::{InterceptedStore, Outage, Outages};
use countersign_store::sqlite::{OpenError, SqliteStore};
use countersign_world::fake::ShiftedClock;
use countersign_world::{Clock as _, SystemClock, SystemEntropy};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::shop::{AmazonPage, Shop};
use super::storefront::{Places, Storefront};
use crate::demo_result::DemoResult;
use crate::json::Api;

/// The shop's token. It is not a secret: the demo listens on loopback only, and prints it.
const SHOP_TOKEN: &str = "demo-token";
const ANY_PORT: &str = "127.0.0.1:0";
const PUBLIC_KEY_ID: &str = "SANDBOX-DEMO";
const MERCHANT_ID: &str = "ADEMO";
/// The secret with which the merchant half signs webhooks and requests for quotes. It is public in
/// the demo, too.
const WEBHOOK_SECRET: &str = "whsec_ZGVtby1zZWNyZXQtb2YtdGhlLWRlbW8tc2hvcA==";
/// The key that seals snapshots. It is not a secret: the demo's buyers are made up.
const SNAPSHOT_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// How many times to check whether a killed half has released its files, and the pause between two
/// checks: 5 s in total.
const LOOKS: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// How long an answer may take: longer than any answer in a story.
const ANSWER: Duration = Duration::from_secs(120);

/// Both halves, running.
pub(super) struct Stage {
    amazon: Half,
    merchant: Half,
    backstage: Backstage,
    /// The shop with its pages, once it is open.
    shop: Option<Half>,
}

/// What remains when the merchant half is killed.
struct Backstage {
    breaks_store: Arc<AtomicBool>,
    /// The merchant half's clock. A story that lets days pass moves this clock ahead together with
    /// Amazon's.
    clock: ShiftedClock,
    private_pem: String,
    directory: TempDir,
}

/// A server in a task.
struct Half {
    api: Api,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Half {
    fn start(
        listener: TcpListener,
        handler: Arc<dyn Handler>,
        timers: impl Future<Output = ()> + Send + 'static,
        token: Option<&str>,
    ) -> DemoResult<Self> {
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let ended = async {
            let _ = ended.await;
        };
        let task = tokio::spawn(serve_with_timers(listener, handler, Limits::default(), timers, ended));
        Ok(Self { api: Api::at(&format!("http://{address}"), token.map(str::to_owned), ANSWER)?, end, task })
    }

    fn url(&self) -> &str {
        &self.api.url
    }
}

impl Stage {
    /// Starts both halves on new files. The courier carries Amazon's notifications.
    pub(super) async fn set(courier: Arc<dyn Courier>) -> DemoResult<Self> {
        let directory = TempDir::with_prefix("countersign-demo-")
            .map_err(|error| format!("no directory for the demo's files: {error}"))?;
        let pair = MerchantKey::generate()?;
        let amazon = start_amazon(directory.path(), &pair.key, courier).await?;
        let backstage = Backstage {
            breaks_store: Arc::new(AtomicBool::new(false)),
            clock: ShiftedClock::over(Arc::new(SystemClock)),
            private_pem: pair.private_pem,
            directory,
        };
        let merchant = backstage.start_merchant(amazon.url(), None).await?;
        Ok(Self { amazon, merchant, backstage, shop: None })
    }

    /// The shop, and Amazon's page.
    pub(super) fn people(&self) -> (Shop, AmazonPage) {
        (Shop(self.merchant.api.clone()), AmazonPage(self.amazon.api.clone()))
    }

    pub(super) fn amazon_url(&self) -> &str {
        self.amazon.url()
    }

    pub(super) fn merchant_url(&self) -> &str {
        self.merchant.url()
    }

    /// Kills the merchant half in the middle of whatever it does, and starts it again on its files.
    pub(super) async fn restart_merchant(&mut self) -> DemoResult {
        self.restart(None).await
    }

    async fn restart(&mut self, shop_url: Option<&str>) -> DemoResult {
        self.merchant.task.abort();
        self.merchant = self.backstage.start_merchant(self.amazon.url(), shop_url).await?;
        Ok(())
    }

    /// Opens a shop with pages of its own, and restarts the merchant half with the shop's hooks. Returns the shop's
    /// URL.
    pub(super) async fn open_shop(&mut self) -> DemoResult<String> {
        let (listener, address) = listen().await?;
        let own_url = format!("http://{address}");
        self.restart(Some(&own_url)).await?;
        self.notify_merchant().await?;
        let places = Places {
            own_url: own_url.clone(),
            merchant: self.merchant.api.clone(),
            amazon: self.amazon.api.clone(),
            clock: self.backstage.clock.clone(),
        };
        let shop = Storefront::new(places, WEBHOOK_SECRET)?;
        self.shop = Some(Half::start(listener, Arc::new(shop), std::future::pending(), None)?);
        Ok(own_url)
    }

    /// Lets Amazon notify the merchant half from now on.
    pub(super) async fn notify_merchant(&self) -> DemoResult {
        let (_, amazon) = self.people();
        amazon.notify(&format!("{}/amazon/notifications", self.merchant.url())).await
    }

    /// Lets time pass in both halves.
    pub(super) async fn pass(&self, duration: Duration) -> DemoResult {
        let (_, amazon) = self.people();
        amazon.advance(&format!("PT{}S", duration.as_secs())).await?;
        self.backstage.clock.advance(duration);
        Ok(())
    }

    /// Makes the merchant half unable to write, from its next successful Finalize on.
    pub(super) fn break_store_after_answer(&self) {
        self.backstage.breaks_store.store(true, Ordering::Release);
    }

    /// Ends both halves gracefully.
    pub(super) async fn strike(self) {
        for Half { end, task, .. } in self.shop.into_iter().chain([self.merchant, self.amazon]) {
            let _ = end.send(());
            let _ = task.await;
        }
    }

    /// What a person can try while the demo runs.
    pub(super) fn how_to_go_on(&self) -> String {
        let (amazon, merchant) = (self.amazon.url(), self.merchant.url());
        format!(
            r#"Both halves and a shop keep running until Ctrl-C.
  Amazon's half    {amazon}   (control API under /_sandbox)
  merchant's half  {merchant}   (the shop's token is {SHOP_TOKEN})

All checkouts, and what has happened at Amazon:
  curl -H 'authorization: Bearer {SHOP_TOKEN}' {merchant}/v1/checkouts
  curl {amazon}/_sandbox/events

An order of your own:
  curl -H 'authorization: Bearer {SHOP_TOKEN}' {merchant}/v1/checkouts -d '{{"orderId": "B-1", "productType": "PayAndShip",
    "paymentDetails": {{"paymentIntent": "Authorize", "chargeAmount": {{"amount": "14.00", "currencyCode": "USD"}}}},
    "startOfCheckoutUrl": "https://shop.example/checkout"}}'
  curl {amazon}/_sandbox/checkout-sessions -d '{{"productType": "PayAndShip", "placed": true,
    "paymentDetails": {{"paymentIntent": "Authorize", "chargeAmount": {{"amount": "14.00", "currencyCode": "USD"}}}},
    "merchantMetadata": {{"merchantReferenceId": "CHECKOUT_ID"}}}}'
  curl -H 'authorization: Bearer {SHOP_TOKEN}' {merchant}/v1/checkouts/CHECKOUT_ID/complete \
    -d '{{"amazonCheckoutSessionId": "CHECKOUT_SESSION_ID"}}'"#
        )
    }
}

/// A socket on a free port, and its address.
async fn listen() -> DemoResult<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(ANY_PORT).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn start_amazon(directory: &Path, key: &MerchantKey, courier: Arc<dyn Courier>) -> DemoResult<Half> {
    use countersign_sandbox::{Parts, ids, merchants, notify, settings};
    let mut merchants = merchants::Merchants::default();
    let merchant_id = MerchantId::parse(MERCHANT_ID)?;
    let public_key_id = PublicKeyId::parse(PUBLIC_KEY_ID)?;
    let verifying_key = key.verifying_key()?;
    merchants.register(merchant_id, public_key_id, verifying_key)?;
    let (listener, address) = listen().await?;
    let parts = Parts {
        store: Arc::new(SqliteStore::open(&directory.join("amazon.db"))?),
        clock: Arc::new(SystemClock),
        ids: ids::Ids::new(&SystemEntropy, None, 0),
        merchants,
        settings: settings::Settings::default(),
        notifications: notify::Notifications {
            courier,
            origin: format!("http://{address}"),
            ..notify::Notifications::default()
        },
    };
    let sandbox = Sandbox::start(parts).await?;
    let timers = sandbox.timers();
    Half::start(listener, Arc::new(sandbox), timers, None)
}

/// Opens a store as soon as a half that was killed has released its files.
async fn open_once_released(path: &Path) -> DemoResult<SqliteStore> {
    for _ in 0..LOOKS {
        match SqliteStore::open(path) {
            Err(OpenError::InUse(_)) => SystemClock.sleep(PAUSE).await,
            opened => return Ok(opened?),
        }
    }
    Ok(SqliteStore::open(path)?)
}

impl Backstage {
    async fn start_merchant(&self, amazon_url: &str, shop_url: Option<&str>) -> DemoResult<Half> {
        let files = open_once_released(&self.directory.path().join("merchant.db")).await?;
        let store = Arc::new(InterceptedStore::new(Arc::new(files), Outages::default()));
        let endpoint = Endpoint::parse(amazon_url)?;
        let public_key_id = PublicKeyId::parse(PUBLIC_KEY_ID)?;
        let signer = KeySigner::from_pem(public_key_id.clone(), &self.private_pem, Algorithm::PssV2);
        let transport = StoreBreaker {
            inner: Https::new(&endpoint, Deadlines::default().connect),
            store: Arc::clone(&store),
            armed: Arc::clone(&self.breaks_store),
        };
        let client = Client::builder(Region::NorthAmerica, Arc::new(signer?))
            .endpoint(endpoint)
            .transport(Arc::new(transport))
            .build()?;
        let (listener, address) = listen().await?;
        let secrets = SigningSecrets::parse(WEBHOOK_SECRET)?;
        let at_shop = |path: &str| shop_url.map(|url| format!("{url}/{path}").parse());
        let parts = countersign_merchant::Parts {
            store,
            client,
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SystemEntropy),
            settings: settings::Settings {
                environment: Environment::Sandbox,
                region: Region::NorthAmerica,
                merchant_id: MerchantId::parse(MERCHANT_ID)?,
                store_id: StoreId::parse("amzn1.application-oa2-client.demo")?,
                public_key_id,
                shop_name: "Demo shop".to_owned(),
                credentials: Credentials::of_shop(SHOP_TOKEN),
                public_url: format!("http://{address}"),
                deadlines: settings::Deadlines::default(),
                policy: settings::Policy::default(),
                notifications: settings::Notifications {
                    certificate_origins: vec![amazon_url.to_owned()],
                    ..settings::Notifications::default()
                },
                storefront: settings::Storefront::default(),
            },
            webhook: at_shop("webhooks").transpose()?.map(|url| Webhook::at(url, secrets.clone())),
            quote_hook: at_shop("quote").transpose()?.map(|url| QuoteHook::at(url, secrets)),
            certificate_transport: None,
            snapshot_keys: SnapshotKeys::parse(SNAPSHOT_KEY)?,
        };
        let merchant = Merchant::start(parts).await?;
        let timers = merchant.timers();
        Half::start(listener, Arc::new(merchant), timers, Some(SHOP_TOKEN))
    }
}

/// A transport that breaks the store right after Amazon has accepted a payment, which is the worst
/// possible moment.
struct StoreBreaker {
    inner: Https,
    store: Arc<InterceptedStore<Outages>>,
    armed: Arc<AtomicBool>,
}

impl Transport for StoreBreaker {
    fn send(
        &self,
        request: ::http::Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<::http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let is_finalize = request.uri().path().ends_with("/finalize");
            let answer = self.inner.send(request, deadline).await;
            let said_yes = is_finalize && answer.as_ref().is_ok_and(|answer| answer.status().is_success());
            if said_yes && self.armed.swap(false, Ordering::AcqRel) {
                self.store.hook.fail(Outage::ReadOnly);
            }
            answer
        })
    }
}
