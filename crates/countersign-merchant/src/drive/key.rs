//! Idempotency keys: derived, never drawn, so that a restart, another instance or an upgrade sends
//! the same key for the same act.

use aws_lc_rs::digest::{Context, SHA256};
use countersign_domain::ids::{IdempotencyKey, MerchantId};
use countersign_domain::merchant::call::KeyOrdinal;

/// H(merchant, checkout, attempt, operation, n): 160 bits of SHA-256 as 32 lower-case base32
/// characters, the longest key that Amazon takes. Each part is hashed with its length before it, so
/// that no two lists of parts hash alike.
pub(crate) fn idempotency_key(
    merchant: &MerchantId,
    checkout_id: &str,
    attempt: u32,
    operation: &str,
    n: KeyOrdinal,
) -> IdempotencyKey {
    let mut hash = Context::new(&SHA256);
    let (attempt, n) = (attempt.to_string(), n.to_string());
    for part in [merchant.as_str(), checkout_id, &attempt, operation, &n] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let text = base32(&hash.finish().as_ref()[..20]);
    IdempotencyKey::parse(&text).unwrap_or_else(|_| unreachable!("{text} is a key"))
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(32);
    for five_bytes in bytes.chunks(5) {
        let bits = five_bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            let index = (bits >> (place * 5)) & 31;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(merchant: &str, checkout: &str, attempt: u32, operation: &str, n: u32) -> String {
        let merchant = MerchantId::parse(merchant).unwrap();
        idempotency_key(&merchant, checkout, attempt, operation, KeyOrdinal::new(n)).to_string()
    }

    #[test]
    fn the_same_act_has_the_same_key_for_ever() {
        // Frozen: a release that derives another key would pay an order twice after an upgrade.
        assert_eq!(key("M1", "c1", 1, "finalize", 1), "cymdxwo3474rz6thyy5ftby4gaboe3nr");
    }

    #[test]
    fn another_act_has_another_key() {
        let keys = [
            key("M1", "c1", 1, "finalize", 1),
            key("M2", "c1", 1, "finalize", 1),
            key("M1", "c2", 1, "finalize", 1),
            key("M1", "c1", 2, "finalize", 1),
            key("M1", "c1", 1, "capture", 1),
            key("M1", "c1", 1, "finalize", 2),
            key("M1", "c11", 1, "finalize", 1),
            key("M", "1c1", 1, "finalize", 1),
            key("M1", "c1", 11, "finalize", 1),
            key("M1", "c1", 1, "finalize", 11),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(keys.iter().all(|key| key.len() == 32));
    }
}
