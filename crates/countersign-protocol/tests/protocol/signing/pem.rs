//! Keys as PEM text: every form that `openssl` writes is read, or refused with a clear text.

use countersign_domain::ids::Region;
use countersign_protocol::signing::{Algorithm, Claim, KeyRefused, KeySigner, MerchantKey, VerifyingKey};

use super::keys::{PKCS1, PKCS8, PUBLIC, key_id, signed_at, unsigned};

const PUBLIC_PKCS1: &str = include_str!("../../keys/throw_away_public_pkcs1.pem");
const ENCRYPTED: &str = include_str!("../../keys/throw_away_encrypted.pem");
const ENCRYPTED_PKCS1: &str = include_str!("../../keys/throw_away_encrypted_pkcs1.pem");
const OF_1024_BITS: &str = include_str!("../../keys/throw_away_1024.pem");
const PUBLIC_OF_1024_BITS: &str = include_str!("../../keys/throw_away_public_1024.pem");
const OF_5120_BITS: &str = include_str!("../../keys/throw_away_5120.pem");
const PUBLIC_OF_5120_BITS: &str = include_str!("../../keys/throw_away_public_5120.pem");
const ELLIPTIC: &str = include_str!("../../keys/throw_away_ec.pem");

fn signs_for(private: &str, public: &str) -> bool {
    let signer = KeySigner::from_pem(key_id(), private, Algorithm::PssV2).unwrap();
    let mut request = unsigned();
    signer.sign(&mut request, Region::NorthAmerica, signed_at()).unwrap();
    let key = VerifyingKey::from_pem(public).unwrap();
    Claim::parse(&request, 32).unwrap().verify(&key, request.body()).is_ok()
}

#[test]
fn both_forms_of_both_halves_are_read() {
    for private in [PKCS1, PKCS8, &PKCS8.replace('\n', "\r\n"), PKCS8.trim_end()] {
        for public in [PUBLIC, PUBLIC_PKCS1, &PUBLIC.replace('\n', "\r\n")] {
            assert!(signs_for(private, public));
        }
    }
}

#[test]
fn the_public_half_of_a_private_key_is_its_own() {
    let key = MerchantKey::from_pem(PKCS1).unwrap().verifying_key().unwrap();
    assert!(PUBLIC.ends_with(&key.to_pem()));
}

#[test]
fn a_key_that_was_made_is_read_again() {
    let made = MerchantKey::generate().unwrap();
    assert!(made.private_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(made.public_pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert!(made.private_pem.lines().all(|line| line.len() <= 64));
    assert!(signs_for(&made.private_pem, &made.public_pem));
    assert!(!signs_for(&made.private_pem, PUBLIC));
}

#[test]
fn what_is_no_private_key_is_refused_in_words() {
    let cut_short = &PKCS8[..PKCS8.len() - 40];
    let damaged = PKCS8.replacen("MII", "AAA", 1);
    for (pem, refused) in [
        ("", KeyRefused::NotPem),
        ("AHEGSJCM3L2S", KeyRefused::NotPem),
        (cut_short, KeyRefused::NotPem),
        ("-----BEGIN PRIVATE KEY-----\n???\n-----END PRIVATE KEY-----", KeyRefused::NotPem),
        ("-----BEGIN PRIVATE KEY-----\nMII=\n-----END PUBLIC KEY-----", KeyRefused::NotPem),
        (&damaged, KeyRefused::NotRsa),
        (ENCRYPTED, KeyRefused::Encrypted),
        (ENCRYPTED_PKCS1, KeyRefused::Encrypted),
        (PUBLIC, KeyRefused::NotPrivate),
        (PUBLIC_PKCS1, KeyRefused::NotPrivate),
        (ELLIPTIC, KeyRefused::NotRsa),
        (OF_1024_BITS, KeyRefused::WrongSize),
        (OF_5120_BITS, KeyRefused::WrongSize),
    ] {
        assert_eq!(MerchantKey::from_pem(pem).err(), Some(refused), "{pem}");
        assert!(!refused.to_string().contains('\n'));
    }
}

#[test]
fn what_is_no_public_key_is_refused_in_words() {
    for (pem, refused) in [
        ("", KeyRefused::NotPem),
        (PKCS8, KeyRefused::NotPublic),
        (PKCS1, KeyRefused::NotPublic),
        (ENCRYPTED, KeyRefused::NotPublic),
        (&PUBLIC.replacen("MII", "AAA", 1), KeyRefused::NotRsa),
        (PUBLIC_OF_1024_BITS, KeyRefused::WrongSize),
        (PUBLIC_OF_5120_BITS, KeyRefused::WrongSize),
    ] {
        assert_eq!(VerifyingKey::from_pem(pem).err(), Some(refused), "{pem}");
    }
}

#[test]
fn keys_cannot_be_printed() {
    let key = MerchantKey::from_pem(PKCS8).unwrap();
    assert_eq!(format!("{key:?}"), "MerchantKey(…)");
    let signer = KeySigner::new(key_id(), key, Algorithm::Pss);
    assert!(format!("{signer:?}").contains("key: MerchantKey(…)"));
    assert_eq!(format!("{:?}", MerchantKey::generate().unwrap()), "GeneratedKey(…)");
}
