//! The fetched certificates, in memory: which are kept, for how long, and who fetches.
//!
//! A caller that needs a certificate looks here first. If there is none, callers for the same URL take turns:
//! the first fetches the certificate and keeps the result, and the others find it when their turn comes. A
//! caller that is dropped while it fetches leaves nothing behind, and the next one fetches. A failure is kept
//! for a short time, so that a flood of envelopes does not become a flood of requests; it is kept apart from
//! the certificates, so that no flood can displace a good one. Nothing here does I/O or reads a clock.
//!
//! The sender of an envelope chooses the URL in it, and a stranger knows genuine URLs of every region. So a
//! certificate is proven by an envelope that was accepted with it: an unproven certificate never displaces a
//! proven one, and a proven one is fetched again regardless of what others have fetched. If that fetch fails,
//! it stays in use, within its own dates.
//!
//! The clock may be set back. So a stored date that is later than now is not trusted: its effect would last
//! until then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{Certificate, CertificateUrl};

use super::refusal::NoCertificate;

/// How long a certificate is used before it is fetched again. Amazon publishes a new one at a new URL.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How long a failure is kept: Amazon's own next try is an hour away.
const FAILED_FOR: Duration = Duration::from_secs(30);
/// The largest number of certificates that are kept. Amazon uses one per region at a time.
const MAX_KEPT: usize = 16;
const MAX_FAILED: usize = 64;
/// The largest burst of fetches; one more is allowed every minute.
const MAX_FETCHES: u32 = 16;
const FETCH_EVERY: Duration = Duration::from_secs(60);
/// How long a proven certificate whose fetch has failed is used before it is fetched again.
const RENEWED_EVERY: Duration = Duration::from_secs(5 * 60);
/// How far one caller's time may be ahead of another's, because it read the clock a little later. Anything
/// dated later than that is from before the clock was set back.
const SKEW: Duration = Duration::from_secs(60);

/// Only one caller at a time fetches a certificate.
pub(super) type FetchLock = tokio::sync::Mutex<()>;

#[derive(Default)]
pub(super) struct Certificates {
    kept: Vec<CachedCertificate>,
    failed: Vec<FailedFetch>,
    flights: Vec<(CertificateUrl, Weak<FetchLock>)>,
    /// When the last fetch is forgotten; each is forgotten [`FETCH_EVERY`] after the one before.
    busy_until: Option<Timestamp>,
}

struct CachedCertificate {
    url: CertificateUrl,
    certificate: Arc<Certificate>,
    fetched_at: Timestamp,
    used_at: Timestamp,
    /// Whether an envelope was accepted with this certificate, which proves that it is the sender's.
    is_proven: bool,
    /// When a new fetch of it was last due.
    renewed_at: Option<Timestamp>,
}

struct FailedFetch {
    url: CertificateUrl,
    why: NoCertificate,
    failed_at: Timestamp,
}

/// Whether an instant is less than this long before now.
fn is_within(instant: Timestamp, now: Timestamp, duration: Duration) -> bool {
    instant.since(now) <= SKEW && now.since(instant) < duration
}

impl CachedCertificate {
    fn new(url: CertificateUrl, certificate: &Arc<Certificate>, now: Timestamp) -> Self {
        let certificate = Arc::clone(certificate);
        Self { url, certificate, fetched_at: now, used_at: now, is_proven: false, renewed_at: None }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        is_within(self.fetched_at, now, KEPT_FOR)
    }

    /// Whether a new fetch of it was due only a short time ago, so that none is due again yet.
    fn is_renewed(&self, now: Timestamp) -> bool {
        self.renewed_at.is_some_and(|renewed_at| is_within(renewed_at, now, RENEWED_EVERY))
    }

    fn is_in_its_time(&self, now: Timestamp) -> bool {
        (self.certificate.not_before()..=self.certificate.not_after()).contains(&now)
    }
}

impl Certificates {
    /// What is known of a URL; `None` if its certificate must be fetched.
    pub(super) fn look(
        &mut self,
        url: &CertificateUrl,
        now: Timestamp,
    ) -> Option<Result<Arc<Certificate>, NoCertificate>> {
        self.kept.retain(|kept| kept.is_proven || kept.is_fresh(now));
        self.failed.retain(|failed| is_within(failed.failed_at, now, FAILED_FOR));
        for kept in &mut self.kept {
            kept.used_at = kept.used_at.min(now.plus(SKEW));
        }
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.url == *url)
            && (kept.is_fresh(now) || kept.is_renewed(now) && kept.is_in_its_time(now))
        {
            kept.used_at = now;
            return Some(Ok(Arc::clone(&kept.certificate)));
        }
        self.failed.iter().find(|failed| failed.url == *url).map(|failed| Err(failed.why))
    }

    /// The lock that lets only one caller at a time fetch the certificate at a URL.
    pub(super) fn flight(&mut self, url: &CertificateUrl) -> Arc<FetchLock> {
        self.flights.retain(|(_, flight)| flight.strong_count() > 0);
        let under_way = self.flights.iter().find(|(other, _)| other == url);
        if let Some(flight) = under_way.and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        let flight = Arc::new(FetchLock::default());
        self.flights.push((url.clone(), Arc::downgrade(&flight)));
        flight
    }

    /// Counts a fetch against its limit, or refuses it: each proven certificate has a limit of its own, and all other URLs
    /// share one.
    pub(super) fn may_fetch(&mut self, url: &CertificateUrl, now: Timestamp) -> Result<(), NoCertificate> {
        let proven = self.kept.iter_mut().find(|kept| kept.is_proven && kept.url == *url);
        if let Some(proven) = proven {
            if proven.is_renewed(now) {
                return Err(NoCertificate::TooMany);
            }
            proven.renewed_at = Some(now);
            return Ok(());
        }
        let most = FETCH_EVERY.saturating_mul(MAX_FETCHES);
        // If it is later than any fetch can have set it, the clock was set back.
        let busy_until = self.busy_until.filter(|until| until.since(now) <= most.saturating_add(SKEW));
        let busy_until = busy_until.unwrap_or(now).max(now).plus(FETCH_EVERY);
        if busy_until.since(now) > most {
            return Err(NoCertificate::TooMany);
        }
        self.busy_until = Some(busy_until);
        Ok(())
    }

    /// Keeps the result of a fetch, and returns what is used: what was fetched or, if the fetch failed, the
    /// earlier proven certificate. The unproven certificate that has been unused for the longest time makes
    /// room; if all are proven, an unproven one is not kept.
    pub(super) fn keep(
        &mut self,
        url: CertificateUrl,
        fetched: Result<Arc<Certificate>, NoCertificate>,
        now: Timestamp,
    ) -> Result<Arc<Certificate>, NoCertificate> {
        let known = self.kept.iter_mut().find(|kept| kept.url == url);
        match (&fetched, known) {
            (Ok(certificate), Some(known)) => {
                let CachedCertificate { is_proven, renewed_at, .. } = *known;
                *known = CachedCertificate {
                    is_proven,
                    renewed_at,
                    ..CachedCertificate::new(url, certificate, now)
                };
            }
            (Ok(certificate), None) => self.push(CachedCertificate::new(url, certificate, now)),
            (Err(_), Some(known)) if known.is_in_its_time(now) => return Ok(Arc::clone(&known.certificate)),
            (Err(why), _) => {
                if self.failed.len() >= MAX_FAILED {
                    remove_first(&mut self.failed, |failed| failed.failed_at);
                }
                self.failed.push(FailedFetch { url, why: *why, failed_at: now });
            }
        }
        fetched
    }

    /// Records that an envelope was accepted with this URL's certificate.
    pub(super) fn proven(&mut self, url: CertificateUrl, certificate: &Arc<Certificate>, now: Timestamp) {
        match self.kept.iter_mut().find(|kept| kept.url == url) {
            Some(kept) => kept.is_proven = true,
            None => self
                .push(CachedCertificate { is_proven: true, ..CachedCertificate::new(url, certificate, now) }),
        }
    }

    fn push(&mut self, new: CachedCertificate) {
        if self.kept.len() >= MAX_KEPT {
            if !new.is_proven && self.kept.iter().all(|kept| kept.is_proven) {
                return;
            }
            remove_first(&mut self.kept, |kept| (kept.is_proven, kept.used_at));
        }
        self.kept.push(new);
    }
}

fn remove_first<T, K: Ord>(list: &mut Vec<T>, order: impl Fn(&T) -> K) {
    let first = list.iter().enumerate().min_by_key(|(_, entry)| order(entry));
    if let Some((position, _)) = first {
        list.swap_remove(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_protocol::notification::CertificateOrigins;

    const PEM: &str = include_str!("../../../countersign-protocol/tests/certificates/throw_away.pem");

    fn url(number: usize) -> CertificateUrl {
        let url = format!("https://sns.us-east-1.amazonaws.com/{number}.pem");
        CertificateOrigins::amazon().check(&url).unwrap()
    }

    fn certificate() -> Arc<Certificate> {
        Arc::new(Certificate::from_pem(PEM).unwrap())
    }

    fn keep(certificates: &mut Certificates, number: usize, now: Timestamp) {
        certificates.keep(url(number), Ok(certificate()), now).unwrap();
    }

    fn fail(certificates: &mut Certificates, number: usize, now: Timestamp) {
        let failed = certificates.keep(url(number), Err(NoCertificate::Status(404)), now);
        assert_eq!(failed.err(), Some(NoCertificate::Status(404)));
    }

    fn prove(certificates: &mut Certificates, number: usize, now: Timestamp) {
        certificates.proven(url(number), &certificate(), now);
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::parse("20261123T154700Z").unwrap().plus(Duration::from_secs(seconds))
    }

    fn found(certificates: &mut Certificates, number: usize, now: Timestamp) -> Option<bool> {
        certificates.look(&url(number), now).map(|found| found.is_ok())
    }

    #[test]
    fn a_certificate_lives_for_a_day_and_a_failure_for_half_a_minute() {
        let mut certificates = Certificates::default();
        assert_eq!(found(&mut certificates, 1, at(0)), None);
        keep(&mut certificates, 1, at(0));
        fail(&mut certificates, 2, at(0));
        assert_eq!(found(&mut certificates, 1, at(86_399)), Some(true));
        assert_eq!(found(&mut certificates, 1, at(86_400)), None);

        fail(&mut certificates, 2, at(0));
        assert_eq!(certificates.look(&url(2), at(29)).unwrap().err(), Some(NoCertificate::Status(404)));
        assert_eq!(found(&mut certificates, 2, at(30)), None);
    }

    #[test]
    fn the_one_unused_for_longest_makes_room_and_failures_displace_none() {
        let mut certificates = Certificates::default();
        for number in 0..MAX_KEPT {
            keep(&mut certificates, number, at(number as u64));
        }
        assert_eq!(found(&mut certificates, 0, at(100)), Some(true));
        for number in 1_000..1_000 + 2 * MAX_FAILED {
            fail(&mut certificates, number, at(100));
        }
        assert_eq!((certificates.kept.len(), certificates.failed.len()), (MAX_KEPT, MAX_FAILED));
        keep(&mut certificates, 99, at(100));
        assert_eq!(found(&mut certificates, 0, at(100)), Some(true));
        assert_eq!(found(&mut certificates, 1, at(100)), None);
        assert_eq!(found(&mut certificates, 99, at(100)), Some(true));
    }

    #[test]
    fn sixteen_fetches_may_follow_one_another_and_then_one_a_minute() {
        let mut certificates = Certificates::default();
        let mut at_once = 0;
        while certificates.may_fetch(&url(at_once), at(0)).is_ok() {
            at_once += 1;
        }
        assert_eq!(at_once, MAX_FETCHES as usize);
        assert_eq!(certificates.may_fetch(&url(1), at(59)), Err(NoCertificate::TooMany));
        assert_eq!(certificates.may_fetch(&url(1), at(60)), Ok(()));
        assert_eq!(certificates.may_fetch(&url(1), at(60)), Err(NoCertificate::TooMany));
        for _ in 0..MAX_FETCHES {
            assert_eq!(certificates.may_fetch(&url(1), at(86_400)), Ok(()));
        }
    }

    #[test]
    fn no_unproven_certificate_makes_a_proven_one_go() {
        let mut certificates = Certificates::default();
        keep(&mut certificates, 0, at(0));
        prove(&mut certificates, 0, at(0));
        for number in 1..100 {
            keep(&mut certificates, number, at(number as u64));
        }
        assert_eq!(certificates.kept.len(), MAX_KEPT);
        assert_eq!(found(&mut certificates, 0, at(100)), Some(true));
        for number in 1..MAX_KEPT {
            prove(&mut certificates, number, at(100 + number as u64));
        }
        keep(&mut certificates, 99, at(200));
        assert_eq!(found(&mut certificates, 99, at(200)), None);
        // A certificate that is proven displaces the proven one that has been unused for the longest time.
        prove(&mut certificates, 99, at(200));
        assert_eq!(found(&mut certificates, 99, at(200)), Some(true));
        assert_eq!(found(&mut certificates, 0, at(200)), None);
        assert_eq!(certificates.kept.len(), MAX_KEPT);
    }

    #[test]
    fn a_proven_certificate_is_fetched_anew_by_a_limit_of_its_own_and_used_while_that_fails() {
        let mut certificates = Certificates::default();
        keep(&mut certificates, 1, at(0));
        prove(&mut certificates, 1, at(0));
        while certificates.may_fetch(&url(2), at(86_400)).is_ok() {}
        assert_eq!(found(&mut certificates, 1, at(86_400)), None);
        assert_eq!(certificates.may_fetch(&url(1), at(86_400)), Ok(()));
        assert_eq!(certificates.may_fetch(&url(1), at(86_400)), Err(NoCertificate::TooMany));
        let failed = Err(NoCertificate::NoAnswer);
        assert!(certificates.keep(url(1), failed.clone(), at(86_400)).is_ok());
        assert_eq!(found(&mut certificates, 1, at(86_400 + 299)), Some(true));
        assert_eq!(found(&mut certificates, 1, at(86_400 + 300)), None);
        assert_eq!(certificates.may_fetch(&url(1), at(86_400 + 300)), Ok(()));
        keep(&mut certificates, 1, at(86_400 + 300));
        assert_eq!(found(&mut certificates, 1, at(2 * 86_400)), Some(true));

        // The certificate is not used beyond its own dates: 20360101 is its last day.
        let over = certificate().not_after().plus(Duration::from_millis(1));
        assert_eq!(found(&mut certificates, 1, over), None);
        assert_eq!(certificates.may_fetch(&url(1), over), Ok(()));
        assert_eq!(certificates.keep(url(1), failed, over).err(), Some(NoCertificate::NoAnswer));
        assert_eq!(found(&mut certificates, 1, over), Some(false));
    }

    #[test]
    fn nothing_sticks_when_the_clock_is_set_back() {
        let mut certificates = Certificates::default();
        let (year_on, a_little_on) = (at(365 * 86_400), at(60));
        for now in [year_on, a_little_on] {
            keep(&mut certificates, 1, now);
            fail(&mut certificates, 2, now);
            let is_believed = now == a_little_on;
            assert_eq!(found(&mut certificates, 1, at(0)), is_believed.then_some(true));
            assert_eq!(found(&mut certificates, 2, at(0)), is_believed.then_some(false));
        }
        while certificates.may_fetch(&url(3), year_on).is_ok() {}
        for _ in 0..MAX_FETCHES {
            assert_eq!(certificates.may_fetch(&url(3), at(0)), Ok(()));
        }
        assert_eq!(certificates.may_fetch(&url(3), at(0)), Err(NoCertificate::TooMany));
        // Another caller's clock that is a moment ahead is not such a jump.
        assert_eq!(certificates.may_fetch(&url(3), at(0).minus(SKEW)), Err(NoCertificate::TooMany));

        keep(&mut certificates, 4, year_on);
        prove(&mut certificates, 4, year_on);
        assert_eq!(certificates.may_fetch(&url(4), year_on), Ok(()));
        assert_eq!(found(&mut certificates, 4, at(0)), None);
        assert_eq!(certificates.may_fetch(&url(4), at(0)), Ok(()));
    }

    #[test]
    fn one_url_has_one_flight_while_anybody_is_on_it() {
        let mut certificates = Certificates::default();
        let first = certificates.flight(&url(1));
        assert!(Arc::ptr_eq(&first, &certificates.flight(&url(1))));
        assert!(!Arc::ptr_eq(&first, &certificates.flight(&url(2))));
        drop(first);
        let _third = certificates.flight(&url(3));
        assert_eq!(certificates.flights.len(), 1);
    }
}
