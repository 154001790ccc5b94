//! The random ids and tokens of the merchant half. A simulation draws them from its seed.

use countersign_domain::ids::CheckoutId;
use countersign_domain::time::Timestamp;
pub(crate) use countersign_protocol::signing::hex;
use countersign_world::Entropy;

/// A checkout's id: 48 bits of time, so that a store keeps new ones together, and 80 random bits.
pub(crate) fn checkout_id(entropy: &dyn Entropy, now: Timestamp) -> CheckoutId {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let text = format!("{:012x}{}", now.as_millis(), hex(&random));
    // Hexadecimal digits always make an id.
    CheckoutId::parse(&text).unwrap_or_else(|_| unreachable!("{text} is an id"))
}

/// The token of a link: 128 random bits, so that one cannot be guessed from another.
pub(crate) fn token(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    hex(&random)
}
