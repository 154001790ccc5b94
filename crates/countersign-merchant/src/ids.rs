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

#[cfg(test)]
mod tests {
    use countersign_domain::merchant::attempt::agree::may_be_a_checkouts;
    use countersign_world::fake::ConstantEntropy;

    use super::*;

    #[test]
    fn an_id_of_a_store_that_was_lost_is_known_by_its_form() {
        let one = checkout_id(&ConstantEntropy(0), Timestamp::UNIX_EPOCH);
        let other = checkout_id(&ConstantEntropy(255), Timestamp::MAX);
        assert!(may_be_a_checkouts(other.as_str(), &one));
        let short = CheckoutId::parse("c1").unwrap();
        assert!(may_be_a_checkouts("c1", &short));
        let upper = other.as_str().to_uppercase();
        for of_something_else in ["", "C1", "c2", "S2-1001", &one.as_str()[1..], &format!("{one}0"), &upper] {
            assert!(!may_be_a_checkouts(of_something_else, &short), "{of_something_else}");
        }
    }
}
