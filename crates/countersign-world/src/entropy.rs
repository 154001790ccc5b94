//! Randomness as a trait, and the machine's own. Only this file draws it.

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's secure random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    ///
    /// If the machine has no entropy: secret tokens, ids and signatures all need it.
    #[expect(clippy::disallowed_methods, reason = "this is the file that draws entropy")]
    #[expect(clippy::expect_used, reason = "a machine without entropy can neither sign nor draw an id")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the machine's random source answers");
    }
}
