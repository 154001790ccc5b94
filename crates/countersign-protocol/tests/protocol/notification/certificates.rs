//! Certificates: what is read from them, what is refused, and that damage never causes a panic.

use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{Certificate, CertificateRefused};
use proptest::prelude::*;

pub(crate) const THROW_AWAY: &str = include_str!("../../certificates/throw_away.pem");
pub(crate) const OTHER_KEY: &str = include_str!("../../certificates/throw_away_other_key.pem");
pub(crate) const OF_A_CENTURY: &str = include_str!("../../certificates/throw_away_of_a_century.pem");
pub(crate) const VERSION_1: &str = include_str!("../../certificates/throw_away_v1.pem");

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn the_dates_are_read_in_both_their_forms() {
    for (pem, from, until) in [
        (THROW_AWAY, "20260101T000000Z", "20360101T000000Z"),
        (OTHER_KEY, "20260101T000000Z", "20360101T000000Z"),
        (OF_A_CENTURY, "19700101T000000Z", "20991231T235959Z"),
    ] {
        let certificate = Certificate::from_pem(pem).unwrap();
        assert_eq!((certificate.not_before(), certificate.not_after()), (at(from), at(until)));
    }
    Certificate::from_pem(VERSION_1).unwrap();
    let crlf = THROW_AWAY.replace('\n', "\r\n");
    Certificate::from_pem(&format!("subject=/CN=x\n{crlf}{OTHER_KEY}")).unwrap();
}

#[test]
fn what_is_no_certificate_says_what_it_is_not() {
    use CertificateRefused::{NotACertificate, NotPem, NotRsa};
    let pem = |base64: &str| format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    for (text, refused) in [
        ("", NotPem),
        ("<html>not found</html>", NotPem),
        (include_str!("../../keys/throw_away_pkcs8.pem"), NotPem),
        (include_str!("../../keys/throw_away_public.pem"), NotPem),
        (include_str!("../../keys/throw_away_encrypted.pem"), NotPem),
        (&THROW_AWAY[..THROW_AWAY.len() - 10], NotPem),
        (&pem("!!!!"), NotPem),
        (&pem(""), NotACertificate),
        (&pem("MAA="), NotACertificate),
        // Indefinite length; a length that is not in its shortest form; bytes after the end.
        (&pem("MIAAAA=="), NotACertificate),
        (&pem("MIEBAA=="), NotACertificate),
        (&pem("MAAA"), NotACertificate),
        (include_str!("../../certificates/throw_away_ec.pem"), NotRsa),
        (include_str!("../../certificates/throw_away_1024.pem"), NotRsa),
    ] {
        assert_eq!(Certificate::from_pem(text).err(), Some(refused), "{text}");
    }
}

/// The bytes inside the PEM text.
fn der() -> Vec<u8> {
    use base64::Engine as _;
    let lines = THROW_AWAY.lines().filter(|line| !line.starts_with("-----"));
    base64::prelude::BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
}

fn read(der: &[u8]) -> Result<Certificate, CertificateRefused> {
    use base64::Engine as _;
    let base64 = base64::prelude::BASE64_STANDARD.encode(der);
    Certificate::from_pem(&format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"))
}

#[test]
fn a_certificate_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let der = der();
    read(&der).unwrap();
    for len in 0..der.len() {
        assert_eq!(read(&der[..len]).err(), Some(CertificateRefused::NotACertificate), "{len}");
    }
}

proptest! {
    #[test]
    fn damage_is_refused_or_read_and_never_panics(changes in prop::collection::vec((0..800_usize, any::<u8>()), 1..6)) {
        let mut der = der();
        for (position, byte) in changes {
            if let Some(place) = der.get_mut(position) {
                *place = byte;
            }
        }
        if let Ok(certificate) = read(&der) {
            prop_assert!(certificate.not_after() <= Timestamp::MAX);
        }
    }

    #[test]
    fn any_bytes_at_all_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(read(&bytes).err(), Some(CertificateRefused::NotACertificate));
    }
}
