//! Drawing by lot: the same word draws the same order each time, and a different word a different order.

/// The lot of `name` under a word: FNV-1a of both. Sorting names by their lots draws an order.
pub(crate) fn lot(word: &str, name: &str) -> u64 {
    let bytes = word.bytes().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_draws_the_same_order_each_time_and_a_different_word_a_different_one() {
        let names: Vec<String> = (0..20).map(|number| format!("defect-{number}")).collect();
        let order = |word: &str| {
            let mut names = names.clone();
            names.sort_by_key(|name| lot(word, name));
            names
        };
        let [one, other] = ["16597ee", "f86af08"];
        assert_eq!(order(one), order(one));
        assert_ne!(order(one), order(other));
    }
}
