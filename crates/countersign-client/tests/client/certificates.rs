//! How often a certificate is fetched: once, whatever arrives, and again if Amazon uses another one or if
//! there was none. Over a scripted network, and over real sockets that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::network::{Network, NextAnswer, moved_clock, still_clock};
use crate::notifications::{CERTIFICATE, NOW, URL, certificate, genuine, now, signed, urls, verifier};
use bytes::Bytes;
use countersign_client::notification::{
    CertificateOrigins, CertificateRefused, Envelope, MAX_CERTIFICATE_LEN, NoCertificate,
    NotificationRefused, NotificationVerifier,
};
use countersign_client::{Clock as _, Transport, TransportError};
use futures_util::future::{BoxFuture, join, join_all};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn with_certificate_at(url: &str) -> Vec<u8> {
    signed(|envelope| url.clone_into(&mut envelope.signing_cert_url)).to_json().into_bytes()
}

fn body() -> Vec<u8> {
    with_certificate_at(URL)
}

fn no_certificate(why: NoCertificate) -> NotificationRefused {
    NotificationRefused::NoCertificate(why)
}

// Promise: B20
#[tokio::test]
async fn a_certificate_is_fetched_once_and_once_more_when_another_is_used() {
    let rotated = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-b.pem";
    let network = Network::scripted([certificate(), certificate()]);
    let verifier = verifier(&network, &moved_clock(NOW));
    for _ in 0..20 {
        verifier.verify(&body()).await.unwrap();
    }
    for _ in 0..20 {
        verifier.verify(&with_certificate_at(rotated)).await.unwrap();
        verifier.clone().verify(&body()).await.unwrap();
    }
    assert_eq!(urls(&network), [URL, rotated]);
}

#[tokio::test]
async fn a_certificate_is_fetched_again_after_a_day() {
    let clock = moved_clock(NOW);
    let network = Network::scripted([certificate(), certificate()]);
    let verifier = verifier(&network, &clock);
    verifier.verify(&body()).await.unwrap();
    clock.sleep(Duration::from_secs(86_399)).await;
    verifier.verify(&body()).await.unwrap();
    assert_eq!(network.count(), 1);
    clock.sleep(Duration::from_secs(1)).await;
    verifier.verify(&body()).await.unwrap();
}

#[tokio::test]
async fn a_failure_is_believed_for_half_a_minute_and_then_tried_again() {
    let not_a_certificate = NoCertificate::Refused(CertificateRefused::NotPem);
    for (end, why) in [
        (NextAnswer::NotSent, NoCertificate::NoAnswer),
        (NextAnswer::Lost, NoCertificate::NoAnswer),
        (NextAnswer::Answer(404, "no".to_owned()), NoCertificate::Status(404)),
        (NextAnswer::Answer(500, CERTIFICATE.to_owned()), NoCertificate::Status(500)),
        (NextAnswer::Answer(302, String::new()), NoCertificate::Status(302)),
        (NextAnswer::Answer(204, String::new()), NoCertificate::Status(204)),
        (NextAnswer::Answer(200, String::new()), not_a_certificate),
        (NextAnswer::Answer(200, "<html>".to_owned()), not_a_certificate),
        (NextAnswer::Answer(200, " ".repeat(MAX_CERTIFICATE_LEN + 1) + CERTIFICATE), NoCertificate::NoAnswer),
    ] {
        let clock = moved_clock(NOW);
        let network = Network::scripted([end, certificate()]);
        let verifier = verifier(&network, &clock);
        for _ in 0..3 {
            let refused = verifier.verify(&body()).await.unwrap_err();
            assert_eq!(refused, no_certificate(why));
            assert!(refused.is_retryable());
        }
        assert_eq!(network.count(), 1);
        clock.sleep(Duration::from_secs(30)).await;
        verifier.verify(&body()).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_after_five_seconds() {
    let clock = moved_clock(NOW);
    let network = Network::scripted([NextAnswer::Hang]);
    let refused = verifier(&network, &clock).verify(&body()).await;
    assert_eq!(refused, Err(no_certificate(NoCertificate::NoAnswer)));
    assert_eq!(clock.now(), now().plus(Duration::from_secs(5)));
}

#[tokio::test]
async fn a_flood_of_new_urls_becomes_no_flood_of_requests_and_displaces_no_certificate() {
    let clock = moved_clock(NOW);
    let mut script = vec![certificate()];
    script.extend((0..15).map(|_| NextAnswer::Answer(404, String::new())));
    let network = Network::scripted(script);
    let verifier = verifier(&network, &clock);
    verifier.verify(&body()).await.unwrap();
    for number in 0..200 {
        let url = format!("https://sns.us-east-1.amazonaws.com/{number}.pem");
        let why = if number < 15 { NoCertificate::Status(404) } else { NoCertificate::TooMany };
        assert_eq!(verifier.verify(&with_certificate_at(&url)).await, Err(no_certificate(why)), "{number}");
    }
    verifier.verify(&body()).await.unwrap();
}

#[tokio::test]
async fn no_strangers_urls_displace_a_certificate_that_has_verified_nor_keep_it_from_being_fetched_anew() {
    let clock = moved_clock(NOW);
    let mut script = vec![certificate()];
    script.extend((0..40).map(|_| certificate()));
    script.extend([NextAnswer::NotSent, certificate()]);
    let network = Network::scripted(script);
    let verifier = verifier(&network, &clock);
    verifier.verify(&body()).await.unwrap();
    let forged_at = |url: &str| {
        let mut envelope = genuine();
        url.clone_into(&mut envelope.signing_cert_url);
        envelope.message.push('x');
        envelope.to_json().into_bytes()
    };
    for spelling in ["https://sns.us-east-1.amazonaws.com:443", "https://sns.US-EAST-1.amazonaws.com"] {
        let url = URL.replacen("https://sns.us-east-1.amazonaws.com", spelling, 1);
        let refused = verifier.verify(&forged_at(&url)).await.unwrap_err();
        assert_eq!(refused.name(), "foreignCertificateUrl");
    }
    // Genuine certificates of other regions, with which none of our envelopes is signed.
    for number in 0..40 {
        clock.sleep(Duration::from_secs(60)).await;
        let url = format!("https://sns.region-{number}.amazonaws.com/key.pem");
        assert_eq!(verifier.verify(&forged_at(&url)).await.unwrap_err().name(), "wrongSignature");
    }
    assert_eq!(network.count(), 41);
    verifier.verify(&body()).await.unwrap();
    assert_eq!(network.count(), 41);
    // A day later its fetch fails, and the certificate is still used until the next fetch.
    clock.sleep(Duration::from_secs(86_400)).await;
    verifier.verify(&body()).await.unwrap();
    verifier.verify(&body()).await.unwrap();
    assert_eq!(network.count(), 42);
    clock.sleep(Duration::from_secs(300)).await;
    verifier.verify(&body()).await.unwrap();
    assert_eq!(network.count(), 43);
}

/// Answers every request with the certificate, once the gate is open.
struct GatedTransport {
    gate: tokio::sync::Semaphore,
    count: AtomicUsize,
}

impl GatedTransport {
    fn new() -> Arc<Self> {
        Arc::new(Self { gate: tokio::sync::Semaphore::new(0), count: AtomicUsize::new(0) })
    }

    fn verifier(self: &Arc<Self>) -> NotificationVerifier {
        let verifier = NotificationVerifier::builder().transport(Arc::clone(self) as _);
        verifier.clock(still_clock(NOW)).build()
    }
}

impl Transport for GatedTransport {
    fn send(
        &self,
        _: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            let _open = self.gate.acquire().await.unwrap();
            Ok(http::Response::new(CERTIFICATE.into()))
        })
    }
}

// Promise: B20
#[tokio::test]
async fn a_flood_of_notifications_fetches_once() {
    let network = GatedTransport::new();
    let verifier = network.verifier();
    let body = body();
    let flood = join_all((0..200).map(|_| verifier.verify(&body)));
    let open = async {
        // Every caller is waiting by now, because each was polled before this line.
        assert_eq!(network.count.load(Ordering::Relaxed), 1);
        network.gate.add_permits(1);
    };
    let (received, ()) = join(flood, open).await;
    assert!(received.iter().all(Result::is_ok));
    assert_eq!(network.count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_fetch_to_the_next() {
    let network = GatedTransport::new();
    let verifier = network.verifier();
    let body = body();
    {
        let mut gone = Box::pin(verifier.verify(&body));
        assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    network.gate.add_permits(1);
    verifier.verify(&body).await.unwrap();
    verifier.verify(&body).await.unwrap();
    assert_eq!(network.count.load(Ordering::Relaxed), 2);
}

/// A server for one connection after another: answers each with these bytes, and counts them.
async fn server(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && socket.read_buf(&mut head).await.unwrap_or(0) > 0 {}
            // The verifier may have closed the connection because the answer is too long.
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    (origin, count)
}

fn over_sockets(origin: &str) -> NotificationVerifier {
    let origins = CertificateOrigins::amazon().and(origin).unwrap();
    NotificationVerifier::builder().certificate_origins(origins).clock(still_clock(NOW)).build()
}

async fn verify_over_sockets(origin: &str) -> Result<(), NotificationRefused> {
    let body = with_certificate_at(&format!("{origin}/key.pem"));
    over_sockets(origin).verify(&body).await.map(drop)
}

fn whole(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_named_origins_certificate_is_fetched_over_plain_http() {
    let (origin, count) = server(whole(CERTIFICATE)).await;
    verify_over_sockets(&origin).await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // An origin that was not added is never contacted.
    let body = with_certificate_at(&format!("{origin}/key.pem"));
    let refused = NotificationVerifier::builder().clock(still_clock(NOW)).build().verify(&body).await;
    assert_eq!(refused.unwrap_err().name(), "foreignCertificateUrl");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

// Promise: C13
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, count) = server(whole(CERTIFICATE)).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let redirect = format!(
            "HTTP/1.1 {status}\r\nlocation: {elsewhere}/key.pem\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (origin, _) = server(redirect).await;
        let refused = verify_over_sockets(&origin).await;
        let code: u16 = status[..3].parse().unwrap();
        assert_eq!(refused, Err(no_certificate(NoCertificate::Status(code))));
    }
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_certificate_is_read_up_to_the_limit_and_no_further() {
    let padded = |len: usize| whole(&format!("{CERTIFICATE}{}", "\n".repeat(len - CERTIFICATE.len())));
    let (origin, _) = server(padded(MAX_CERTIFICATE_LEN)).await;
    verify_over_sockets(&origin).await.unwrap();
    let (origin, _) = server(padded(MAX_CERTIFICATE_LEN + 1)).await;
    assert_eq!(verify_over_sockets(&origin).await, Err(no_certificate(NoCertificate::NoAnswer)));
}

#[test]
fn a_verifier_can_be_used_from_any_thread_and_prints_no_key() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let network = Network::scripted([]);
    let verifier = assert_send(verifier(&network, &moved_clock(NOW)));
    drop(assert_send(verifier.verify(b"")));
    let said = format!("{verifier:?}");
    assert!(said.contains("A1EXAMPLEMERCHANT") && !said.contains("BEGIN"), "{said}");
    let envelope: Envelope = genuine();
    assert!(!format!("{envelope:?}").contains("ObjectId"));
}
