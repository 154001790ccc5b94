//! The CPU time that a completion takes in the merchant half itself. It is measured in this process
//! on one thread, with a store in memory, with answers that were recorded beforehand, and without
//! real signatures. Without sockets and disk, each part can be timed alone.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Client, Endpoint, SignRequest, SigningFailed, Transport, TransportError};
use countersign_domain::ids::{MerchantId, PublicKeyId, Region, StoreId};
use countersign_domain::merchant::rules::AbsentReference;
use countersign_domain::terms::PaymentIntent;
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Reply, Request};
use countersign_merchant::credentials::Credentials;
use countersign_merchant::settings::{Deadlines, Notifications, Policy, Settings, Storefront};
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::{Merchant, Parts};
use countersign_protocol::signing::{Algorithm, prepare};
use countersign_protocol::wire::{Charge, ChargePermission, CheckoutSession, read_answer};
use countersign_store::memory::MemoryStore;
use countersign_world::{Clock as _, SystemClock, SystemEntropy};
use futures_util::future::{BoxFuture, Either, select};

use super::bench_result::BenchResult;
use super::checkout::{PlacedCheckout, member, order, placed_checkout};
use super::inside::InProcessSandbox;
use super::process::own_cpu_time;
use super::servers::TOKEN;
use super::signed::BenchKey;
use super::size::Size;

/// CPU time of one completion.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnWork {
    /// The time to build the four requests, up to the text that is signed.
    pub(super) requests: Duration,
    /// The time to read the four answers.
    pub(super) answers: Duration,
    /// The rest: decisions, documents, events, the snapshot's seal, the shop's request and its answer.
    pub(super) merchant: Duration,
}

/// The number of completions that are timed.
const COMPLETIONS: usize = 1_000;
/// How long the snapshots of all completions may take: longer than the timers need.
const SNAPSHOTS_TIME: Duration = Duration::from_secs(20);

pub(super) async fn measure(key: BenchKey, size: Size) -> BenchResult<OwnWork> {
    let count = size.count(COMPLETIONS);
    let amazon = Arc::new(ReplayTransport::start(&key).await?);
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let body = placed_checkout(PaymentIntent::AuthorizeWithCapture, "{}");
        let session = amazon.sandbox.control("checkout-sessions", body).await?;
        sessions
            .push(PlacedCheckout::read(&session, PaymentIntent::AuthorizeWithCapture)?.checkout_session_id);
    }
    // All sessions are completed once with a real key, to record the answers, and then again with
    // the recorded answers.
    let id = key.signer.public_key_id().clone();
    complete_all(merchant(Arc::new(key.signer), &amazon, &id).await?, &sessions).await?;
    let unsigned = Arc::new(NoSignature(id.clone()));
    let cpu = complete_all(merchant(Arc::clone(&unsigned) as _, &amazon, &id).await?, &sessions).await?;
    let all = cpu / u32::try_from(count.max(1))?;
    let (requests, answers) = (amazon.time_requests(&unsigned)?, amazon.time_answers()?);
    Ok(OwnWork { requests, answers, merchant: all.saturating_sub(requests).saturating_sub(answers) })
}

/// The CPU time of completing every session and taking every snapshot.
async fn complete_all(merchant: Merchant, sessions: &[String]) -> BenchResult<Duration> {
    let mut completions = Vec::with_capacity(sessions.len());
    for session in sessions {
        let id = member(&call(&merchant, "/v1/checkouts", order(session)).await?, "checkoutId")?;
        let body = format!(r#"{{"amazonCheckoutSessionId":"{session}"}}"#);
        completions.push((format!("/v1/checkouts/{id}/complete"), id, body));
    }
    let before = own_cpu_time()?;
    for (path, _, body) in &completions {
        call(&merchant, path, body.clone()).await?;
    }
    let (_, last, _) = completions.last().ok_or("nothing is completed")?;
    let path = format!("/v1/checkouts/{last}/snapshot");
    let taken = async {
        // The timers take the snapshots in the order of completion.
        while call(&merchant, &path, String::new()).await.is_err() {
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
    };
    let working = select(Box::pin(taken), Box::pin(merchant.timers()));
    match select(working, Box::pin(SystemClock.sleep(SNAPSHOTS_TIME))).await {
        Either::Left(_) => Ok(own_cpu_time()?.saturating_sub(before)),
        Either::Right(_) => Err("the snapshots were not taken in time".into()),
    }
}

async fn merchant(
    signer: Arc<dyn SignRequest>,
    amazon: &Arc<ReplayTransport>,
    public_key_id: &PublicKeyId,
) -> BenchResult<Merchant> {
    let endpoint = Endpoint::parse("http://127.0.0.1:1")?;
    let client = Client::builder(Region::NorthAmerica, signer)
        .endpoint(endpoint)
        .transport(Arc::clone(amazon) as _)
        .build()?;
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        settings: Settings {
            environment: client.environment(),
            region: Region::NorthAmerica,
            merchant_id: MerchantId::parse("BENCH")?,
            store_id: StoreId::parse("amzn1.application-oa2-client.bench")?,
            public_key_id: public_key_id.clone(),
            shop_name: "Bench".to_owned(),
            credentials: Credentials::of_shop(TOKEN),
            public_url: "http://127.0.0.1:1".to_owned(),
            deadlines: Deadlines::default(),
            // The same sessions are completed for orders of two stores, so they name neither.
            policy: Policy { absent_reference: AbsentReference::ShopsToken, ..Policy::default() },
            notifications: Notifications::default(),
            storefront: Storefront::default(),
        },
        webhook: None,
        quote_hook: None,
        certificate_transport: None,
        snapshot_keys: SnapshotKeys::parse(&SnapshotKeys::draw(&SystemEntropy))?,
        client,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Ok(Merchant::start(parts).await?)
}

/// A call of the shop, which must succeed.
async fn call(merchant: &Merchant, path: &str, body: String) -> BenchResult<Bytes> {
    let method = if body.is_empty() { http::Method::GET } else { http::Method::POST };
    let request: Request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Bytes::from(body))?;
    match merchant.handle(request).await {
        Reply::Answer(answer) if answer.status().is_success() => Ok(answer.into_body()),
        Reply::Answer(answer) => Err(format!("{path}: answered with {}", answer.status()).into()),
        Reply::Reset => Err(format!("{path}: no answer").into()),
    }
}

/// Builds a signed request with a made-up signature.
struct NoSignature(PublicKeyId);

impl SignRequest for NoSignature {
    fn public_key_id(&self) -> &PublicKeyId {
        &self.0
    }

    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed> {
        let prepared = prepare(request, Algorithm::PssV2, region, signed_at)?;
        Ok(prepared.attach(request, &self.0, &[7; 256])?)
    }
}

/// An Amazon that repeats its earlier answers.
struct ReplayTransport {
    sandbox: InProcessSandbox,
    answers: Mutex<HashMap<String, http::Response<Bytes>>>,
}

impl ReplayTransport {
    async fn start(key: &BenchKey) -> BenchResult<Self> {
        let sandbox = InProcessSandbox::start(Arc::new(MemoryStore::new()), key).await?;
        Ok(Self { sandbox, answers: Mutex::default() })
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<String, http::Response<Bytes>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the four requests of a completion, each built as the client builds it.
    fn time_requests(&self, signer: &NoSignature) -> BenchResult<Duration> {
        let paths = ["checkoutSessions/S", "checkoutSessions/S/finalize", "chargePermissions/P", "charges/C"];
        timed(|| {
            for path in paths {
                let mut request = http::Request::builder()
                    .uri(format!("http://127.0.0.1:1/v2/{path}"))
                    .header(http::header::ACCEPT, "application/json")
                    .header(http::header::CONTENT_TYPE, "application/json")
                    .body(Bytes::new())?;
                signer.sign(&mut request, Region::NorthAmerica, SystemClock.now())?;
                black_box(request);
            }
            Ok(())
        })
    }

    /// The time of reading the four answers of a completion.
    fn time_answers(&self) -> BenchResult<Duration> {
        let body = |end: fn(&str) -> bool| {
            let answers = self.answers();
            let answer = answers.iter().find(|(path, _)| end(path));
            answer.map(|(_, answer)| answer.body().clone()).ok_or("a kind of answer is missing")
        };
        let session = body(|path| path.contains("/checkoutSessions/") && !path.ends_with("/finalize"))?;
        let finalized = body(|path| path.ends_with("/finalize"))?;
        let permission = body(|path| path.contains("/chargePermissions/"))?;
        let charge = body(|path| path.contains("/charges/"))?;
        timed(|| {
            black_box(read_answer::<CheckoutSession>(&session)?);
            black_box(read_answer::<CheckoutSession>(&finalized)?);
            black_box(read_answer::<ChargePermission>(&permission)?);
            black_box(read_answer::<Charge>(&charge)?);
            Ok(())
        })
    }
}

/// The CPU time of one run of some work, as the average of many runs.
fn timed(mut work: impl FnMut() -> BenchResult) -> BenchResult<Duration> {
    const REPETITIONS: u32 = 5_000;
    let before = own_cpu_time()?;
    for _ in 0..REPETITIONS {
        work()?;
    }
    Ok(own_cpu_time()?.saturating_sub(before) / REPETITIONS)
}

impl Transport for ReplayTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            if let Some(answer) = self.answers().get(&path) {
                return Ok(answer.clone());
            }
            let answer = self.sandbox.answer(request).await.map_err(TransportError::Lost)?;
            self.answers().insert(path, answer.clone());
            Ok(answer)
        })
    }
}
