//! Pseudorandom numbers from a seed (splitmix64). The sandbox draws its ids from them, and uses them to decide
//! whether a fault that has a rate occurs; a simulation draws everything from them. No secret may come from them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Entropy;

/// The distance between splitmix64's states: 2⁶⁴ divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// splitmix64's finalizer: a bijection that scatters neighbors.
#[must_use]
pub const fn scattered(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// A sequence of numbers that is determined by its key.
///
/// Keys that are close to each other, or that differ by a multiple of the same constant, give overlapping
/// sequences: pass a key through [`scattered`] first.
#[derive(Debug)]
pub struct Stream {
    key: u64,
    drawn: AtomicU64,
}

impl Stream {
    /// The sequence of this key, from its beginning.
    #[must_use]
    pub const fn new(key: u64) -> Self {
        Self { key, drawn: AtomicU64::new(0) }
    }

    /// One of several independent sequences of the same seed.
    #[must_use]
    pub const fn part(seed: u64, part: u64) -> Self {
        Self::new(scattered(scattered(seed) ^ part.wrapping_mul(GAMMA)))
    }

    /// The next number.
    pub fn draw(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        scattered(self.key.wrapping_add(drawn.wrapping_mul(GAMMA)))
    }

    /// Starts again from the beginning.
    pub fn restart(&self) {
        self.drawn.store(0, Ordering::Relaxed);
    }
}

impl Entropy for Stream {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.draw().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_splitmix64s() {
        // The first outputs of the reference implementation for the seed 0.
        let stream = Stream::new(0);
        let first = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([(); 3].map(|()| stream.draw()), first);
        stream.restart();
        assert_eq!(stream.draw(), first[0]);
    }

    #[test]
    fn parts_of_a_seed_share_no_number() {
        let numbers = |part| {
            let stream = Stream::part(7, part);
            [(); 100].map(|()| stream.draw())
        };
        let others: Vec<u64> = (1..10).flat_map(numbers).collect();
        assert!(numbers(0).iter().all(|number| !others.contains(number)));
        assert_eq!(numbers(0), numbers(0));
    }

    #[test]
    fn bytes_are_filled_to_the_last() {
        let mut bytes = [0; 11];
        Stream::new(0).fill(&mut bytes);
        assert_eq!(bytes, [0xaf, 0xcd, 0x1d, 0x7b, 0x39, 0xa8, 0x20, 0xe2, 0xf4, 0x65, 0xb9]);
    }
}
