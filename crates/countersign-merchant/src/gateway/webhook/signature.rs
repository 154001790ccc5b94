//! The signature of Standard Webhooks: HMAC-SHA256 over id, timestamp and payload, with each of the shop's
//! secrets, so that a secret can be replaced without a gap.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret_lines::{self, SecretLinesRefused};

/// The prefix of a secret.
const PREFIX: &str = "whsec_";
/// The lengths of a secret that Standard Webhooks allows, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// At most this many secrets, because each makes every request longer.
const MAX_SECRETS: usize = 5;

/// The shop's secrets, the current one first.
#[derive(Clone)]
pub struct SigningSecrets(Vec<hmac::Key>);

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({})", self.0.len())
    }
}

impl SigningSecrets {
    /// Reads secrets, one per line: `whsec_` and 24 to 64 bytes in Base64. Empty lines are ignored.
    ///
    /// # Errors
    /// No secret at all, more than five, or a line that is not valid.
    pub fn parse(text: &str) -> Result<Self, SecretLinesRefused> {
        let keys = secret_lines::read(text, "secret", MAX_SECRETS, |line, _| {
            let bytes = line.strip_prefix(PREFIX).and_then(|secret| STANDARD.decode(secret).ok());
            let bytes = bytes.filter(|bytes| LENGTHS.contains(&bytes.len())).ok_or_else(|| {
                let (least, most) = (LENGTHS.start(), LENGTHS.end());
                format!("not {PREFIX} and {least} to {most} bytes in Base64")
            })?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        })?;
        Ok(Self(keys))
    }

    /// The header `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: &str, payload: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", payload].concat();
        let signature = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &signed)));
        self.0.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_standard_webhooks_is_signed_alike() {
        // The specification's own example.
        let secrets = SigningSecrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_in_the_order_of_its_line() {
        let (old, new) = (STANDARD.encode([1; 24]), STANDARD.encode([2; 64]));
        let both = SigningSecrets::parse(&format!("whsec_{new}\n\n whsec_{old} \n")).unwrap();
        let alone =
            |secret: &str| SigningSecrets::parse(&format!("whsec_{secret}")).unwrap().sign("a", "1", b"{}");
        assert_eq!(both.sign("a", "1", b"{}"), format!("{} {}", alone(&new), alone(&old)));
        assert_eq!(format!("{both:?}"), "SigningSecrets(2)");
    }

    #[test]
    fn what_is_not_a_secret_is_refused_naming_its_line() {
        let of = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for (text, told) in [
            (String::new(), "it has no secret"),
            (format!("{}\nMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", of(24)), "line 2 is not "),
            ("whsec_%".to_owned(), "line 1 is not "),
            (of(23), "line 1 is not "),
            (of(65), "line 1 is not "),
            (vec![of(24); 6].join("\n"), "it has more than 5 secrets"),
        ] {
            let refused = SigningSecrets::parse(&text).unwrap_err().to_string();
            assert!(refused.starts_with(told), "{refused}");
            assert!(!refused.contains("MfKQ"));
        }
    }
}
