//! The verifier: the order in which an envelope is checked, and how its certificate is fetched. Which
//! certificates are kept is decided in `certificates.rs`; the cryptography belongs to the protocol crate.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_domain::ids::MerchantId;
use countersign_domain::time::{DAY, Timestamp};
use countersign_protocol::notification::{
    Certificate, CertificateOrigins, CertificateUrl, Envelope, Message, VerifiedEnvelope,
};
use countersign_world::{Clock, SystemClock, within};

use super::certificates::Certificates;
use super::refusal::{NoCertificate, NotificationRefused};
use crate::https::Https;
use crate::transport::Transport;

/// The longest certificate that is read, in bytes; Amazon's have about two thousand.
pub const MAX_CERTIFICATE_LEN: usize = 1 << 16;

/// How long the fetch of a certificate may take, including connecting: meanwhile Amazon waits for the answer
/// to its notification, about fifteen seconds.
const FETCH_DEADLINE: Duration = Duration::from_secs(5);

/// How far an envelope's `Timestamp` may be from now.
///
/// `Timestamp` is the instant of publishing, and stays the same when Amazon sends the envelope again.
/// Amazon's pages mention hourly retries for three hours, older ones fourteen days, so the default is a day
/// more than that. A shorter window loses hints, not payments; within the window the receiver recognizes a
/// copy by its `message_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayWindow {
    /// The largest age.
    pub behind: Duration,
    /// The largest distance into the future, since the two clocks differ. A sandbox whose clock runs ahead
    /// needs more.
    pub ahead: Duration,
}

impl Default for ReplayWindow {
    /// 15 days behind, 15 minutes ahead.
    fn default() -> Self {
        Self { behind: DAY.saturating_mul(15), ahead: Duration::from_secs(15 * 60) }
    }
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifiedNotification {
    /// An object has changed.
    Notification {
        /// The envelope: copies have the same `message_id`.
        envelope: VerifiedEnvelope,
        /// What has changed.
        message: Message,
    },
    /// A subscription starts or has ended. Its URL was not requested, and need not be: on Amazon's pages, the
    /// endpoint is configured in Seller Central.
    Confirmation(VerifiedEnvelope),
}

/// Verifies notifications. Cheap to clone; clones share their certificates.
#[derive(Clone)]
pub struct NotificationVerifier {
    shared: Arc<Shared>,
}

struct Shared {
    settings: NotificationVerifierBuilder,
    transport: Arc<dyn Transport>,
    certificates: Mutex<Certificates>,
}

impl NotificationVerifier {
    /// Starts a verifier that trusts what Amazon's notification service has signed.
    #[must_use]
    pub fn builder() -> NotificationVerifierBuilder {
        NotificationVerifierBuilder {
            merchant_id: None,
            topic_arns: Vec::new(),
            origins: CertificateOrigins::amazon(),
            window: ReplayWindow::default(),
            transport: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Verifies one delivery's body, whatever its `content-type`: Amazon sends `text/plain`.
    ///
    /// # Errors
    /// [`NotificationRefused`], in the order of its variants. Only if it [is
    /// retryable](NotificationRefused::is_retryable) may the same body be verified later.
    pub async fn verify(&self, body: &[u8]) -> Result<VerifiedNotification, NotificationRefused> {
        let settings = &self.shared.settings;
        let now = settings.clock.now();
        let envelope = Envelope::parse(body).map_err(NotificationRefused::Envelope)?;
        settings.expects(&envelope, now)?;
        let url = settings.origins.check(&envelope.signing_cert_url);
        let url = url.map_err(NotificationRefused::CertificateUrl)?;
        let certificate = self.certificate(&url, now).await.map_err(NotificationRefused::NoCertificate)?;
        let envelope = envelope.verify(&certificate, now).map_err(NotificationRefused::Signature)?;
        let received = match envelope.message().map_err(NotificationRefused::Message)? {
            None => VerifiedNotification::Confirmation(envelope),
            Some(message)
                if settings.merchant_id.as_ref().is_none_or(|ours| *ours == message.merchant_id) =>
            {
                VerifiedNotification::Notification { envelope, message }
            }
            Some(_) => return Err(NotificationRefused::ForeignMerchant),
        };
        self.certificates().proven(url, &certificate, now);
        Ok(received)
    }

    fn certificates(&self) -> MutexGuard<'_, Certificates> {
        self.shared.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn certificate(
        &self,
        url: &CertificateUrl,
        now: Timestamp,
    ) -> Result<Arc<Certificate>, NoCertificate> {
        let flight = {
            let mut certificates = self.certificates();
            match certificates.look(url, now) {
                Some(known) => return known,
                None => certificates.flight(url),
            }
        };
        let _turn = flight.lock().await;
        {
            let mut certificates = self.certificates();
            match certificates.look(url, now) {
                Some(known) => return known,
                None => certificates.may_fetch(url, now)?,
            }
        }
        let fetched = self.fetch(url).await.map(Arc::new);
        if let Err(why) = fetched {
            tracing::warn!(url = url.as_str(), %why, "a notification's certificate could not be fetched or used");
        }
        self.certificates().keep(url.clone(), fetched, now)
    }

    async fn fetch(&self, url: &CertificateUrl) -> Result<Certificate, NoCertificate> {
        let request = http::Request::get(url.as_str()).body(Bytes::new());
        let request = request.map_err(|_| NoCertificate::NoAnswer)?;
        let sending = self.shared.transport.send(request, FETCH_DEADLINE);
        let answer = within(&self.shared.settings.clock, FETCH_DEADLINE, sending).await;
        let Some(Ok(answer)) = answer else { return Err(NoCertificate::NoAnswer) };
        if answer.status() != http::StatusCode::OK {
            return Err(NoCertificate::Status(answer.status().as_u16()));
        }
        let body = answer.body();
        if body.len() > MAX_CERTIFICATE_LEN {
            return Err(NoCertificate::NoAnswer);
        }
        // Text that is not UTF-8 is not PEM either.
        let pem = core::str::from_utf8(body).unwrap_or_default();
        Certificate::from_pem(pem).map_err(NoCertificate::Refused)
    }
}

impl fmt::Debug for NotificationVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared.settings, f)
    }
}

/// A verifier under construction.
#[derive(Clone)]
pub struct NotificationVerifierBuilder {
    merchant_id: Option<MerchantId>,
    topic_arns: Vec<String>,
    origins: CertificateOrigins,
    window: ReplayWindow,
    transport: Option<Arc<dyn Transport>>,
    clock: Arc<dyn Clock>,
}

impl NotificationVerifierBuilder {
    /// Refuses notifications about another merchant's objects. Amazon signs for all merchants with one key,
    /// so without this any merchant's genuine notification is accepted.
    #[must_use]
    pub fn merchant_id(self, merchant_id: MerchantId) -> Self {
        Self { merchant_id: Some(merchant_id), ..self }
    }

    /// Refuses notifications of other topics. Without any named topic, every topic is accepted.
    #[must_use]
    pub fn topic_arns(self, topic_arns: impl IntoIterator<Item = String>) -> Self {
        Self { topic_arns: topic_arns.into_iter().collect(), ..self }
    }

    /// Accepts certificates from places other than Amazon, such as a local sandbox.
    #[must_use]
    pub fn certificate_origins(self, origins: CertificateOrigins) -> Self {
        Self { origins, ..self }
    }

    /// Uses a window other than the default.
    #[must_use]
    pub fn window(self, window: ReplayWindow) -> Self {
        Self { window, ..self }
    }

    /// Uses a network other than the real one. It must not follow redirects.
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// Uses a clock other than the system's.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Makes the verifier. Nothing is fetched yet.
    #[must_use]
    pub fn build(self) -> NotificationVerifier {
        let https = || {
            let plain = self.origins.has_plain();
            let scheme = if plain { http::uri::Scheme::HTTP } else { http::uri::Scheme::HTTPS };
            let https = Https::for_scheme(&scheme, FETCH_DEADLINE);
            Arc::new(https.with_longest_answer(MAX_CERTIFICATE_LEN)) as Arc<dyn Transport>
        };
        let transport = self.transport.clone().unwrap_or_else(https);
        let certificates = Mutex::default();
        NotificationVerifier { shared: Arc::new(Shared { settings: self, transport, certificates }) }
    }

    /// Checks the topic and the age.
    fn expects(&self, envelope: &Envelope, now: Timestamp) -> Result<(), NotificationRefused> {
        if !self.topic_arns.is_empty() && !self.topic_arns.contains(&envelope.topic_arn) {
            return Err(NotificationRefused::UnexpectedTopic { topic_arn: envelope.topic_arn.clone() });
        }
        let published_at = envelope.timestamp.at();
        if now.since(published_at) > self.window.behind {
            return Err(NotificationRefused::Stale { published_at });
        }
        if published_at.since(now) > self.window.ahead {
            return Err(NotificationRefused::FromTheFuture { published_at });
        }
        Ok(())
    }
}

impl fmt::Debug for NotificationVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationVerifier")
            .field("merchant_id", &self.merchant_id)
            .field("topic_arns", &self.topic_arns)
            .field("origins", &self.origins)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
