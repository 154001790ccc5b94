//! The certificates that were fetched, in memory: what is kept, for how long, and who fetches.
//!
//! Whoever needs a certificate looks first. If there is none, callers for one URL take turns by its
//! flight: the first fetches and keeps what came of it, the others find that when their turn comes. A
//! caller that is dropped while it fetches leaves nothing behind, and the next one fetches. A failure is
//! kept for a short time, so that a flood of envelopes becomes no flood of requests; it is kept beside
//! the certificates, so that no flood displaces a good one. Nothing here does I/O or reads a clock.

use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{Certificate, CertificateUrl};

use super::refusal::NoCertificate;

/// How long a certificate is used before it is fetched again. Amazon puts another one at another URL.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How long a failure is believed: Amazon's own next try is an hour away.
const FAILED_FOR: Duration = Duration::from_secs(30);
/// Amazon uses one certificate a region at a time.
const MAX_KEPT: usize = 16;
const MAX_FAILED: usize = 64;
/// How many fetches may follow one another at once; one more is allowed every minute.
const MAX_FETCHES: u32 = 16;
const FETCH_EVERY: Duration = Duration::from_secs(60);

/// One caller at a time fetches a certificate.
pub(super) type Flight = tokio::sync::Mutex<()>;

#[derive(Default)]
pub(super) struct Certificates {
    kept: Vec<Kept>,
    failed: Vec<Failed>,
    flights: Vec<(CertificateUrl, Weak<Flight>)>,
    /// When the last fetches are forgotten, each of them a while after the one before.
    busy_until: Option<Timestamp>,
}

struct Kept {
    url: CertificateUrl,
    certificate: Arc<Certificate>,
    fetched_at: Timestamp,
    used_at: Timestamp,
}

struct Failed {
    url: CertificateUrl,
    why: NoCertificate,
    failed_at: Timestamp,
}

impl Certificates {
    /// What is known of a URL; none if its certificate is to be fetched.
    pub(super) fn look(
        &mut self,
        url: &CertificateUrl,
        now: Timestamp,
    ) -> Option<Result<Arc<Certificate>, NoCertificate>> {
        self.kept.retain(|kept| now.since(kept.fetched_at) < KEPT_FOR);
        self.failed.retain(|failed| now.since(failed.failed_at) < FAILED_FOR);
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.url == *url) {
            kept.used_at = now;
            return Some(Ok(Arc::clone(&kept.certificate)));
        }
        self.failed.iter().find(|failed| failed.url == *url).map(|failed| Err(failed.why))
    }

    /// The turn-taking of those that need a URL's certificate.
    pub(super) fn flight(&mut self, url: &CertificateUrl) -> Arc<Flight> {
        self.flights.retain(|(_, flight)| flight.strong_count() > 0);
        let under_way = self.flights.iter().find(|(other, _)| other == url);
        if let Some(flight) = under_way.and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        let flight = Arc::new(Flight::default());
        self.flights.push((url.clone(), Arc::downgrade(&flight)));
        flight
    }

    /// Takes the leave to fetch, which is bounded over all URLs together.
    pub(super) fn may_fetch(&mut self, now: Timestamp) -> Result<(), NoCertificate> {
        let busy_until = self.busy_until.unwrap_or(now).max(now).plus(FETCH_EVERY);
        if busy_until.since(now) > FETCH_EVERY.saturating_mul(MAX_FETCHES) {
            return Err(NoCertificate::TooMany);
        }
        self.busy_until = Some(busy_until);
        Ok(())
    }

    /// Keeps what came of a fetch. The one that was not used for longest makes room.
    pub(super) fn keep(
        &mut self,
        url: CertificateUrl,
        fetched: Result<Arc<Certificate>, NoCertificate>,
        now: Timestamp,
    ) {
        match fetched {
            Ok(certificate) => {
                make_room(&mut self.kept, MAX_KEPT, |kept| kept.used_at);
                self.kept.push(Kept { url, certificate, fetched_at: now, used_at: now });
            }
            Err(why) => {
                make_room(&mut self.failed, MAX_FAILED, |failed| failed.failed_at);
                self.failed.push(Failed { url, why, failed_at: now });
            }
        }
    }
}

fn make_room<T>(list: &mut Vec<T>, max: usize, used_at: impl Fn(&T) -> Timestamp) {
    while list.len() >= max {
        let oldest = list.iter().enumerate().min_by_key(|(_, entry)| used_at(entry));
        let Some((position, _)) = oldest else { return };
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
        certificates.keep(url(1), Ok(certificate()), at(0));
        certificates.keep(url(2), Err(NoCertificate::Status(404)), at(0));
        assert_eq!(found(&mut certificates, 1, at(86_399)), Some(true));
        assert_eq!(found(&mut certificates, 1, at(86_400)), None);

        certificates.keep(url(2), Err(NoCertificate::Status(404)), at(0));
        assert_eq!(certificates.look(&url(2), at(29)).unwrap().err(), Some(NoCertificate::Status(404)));
        assert_eq!(found(&mut certificates, 2, at(30)), None);
    }

    #[test]
    fn the_one_unused_for_longest_makes_room_and_failures_displace_none() {
        let mut certificates = Certificates::default();
        for number in 0..MAX_KEPT {
            certificates.keep(url(number), Ok(certificate()), at(number as u64));
        }
        assert_eq!(found(&mut certificates, 0, at(100)), Some(true));
        for number in 1_000..1_000 + 2 * MAX_FAILED {
            certificates.keep(url(number), Err(NoCertificate::NoAnswer), at(100));
        }
        assert_eq!((certificates.kept.len(), certificates.failed.len()), (MAX_KEPT, MAX_FAILED));
        certificates.keep(url(99), Ok(certificate()), at(100));
        assert_eq!(found(&mut certificates, 0, at(100)), Some(true));
        assert_eq!(found(&mut certificates, 1, at(100)), None);
        assert_eq!(found(&mut certificates, 99, at(100)), Some(true));
    }

    #[test]
    fn sixteen_fetches_may_follow_one_another_and_then_one_a_minute() {
        let mut certificates = Certificates::default();
        let mut at_once = 0;
        while certificates.may_fetch(at(0)).is_ok() {
            at_once += 1;
        }
        assert_eq!(at_once, MAX_FETCHES);
        assert_eq!(certificates.may_fetch(at(59)), Err(NoCertificate::TooMany));
        assert_eq!(certificates.may_fetch(at(60)), Ok(()));
        assert_eq!(certificates.may_fetch(at(60)), Err(NoCertificate::TooMany));
        for _ in 0..MAX_FETCHES {
            assert_eq!(certificates.may_fetch(at(86_400)), Ok(()));
        }
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
