//! Randomness as the client uses it: the jitter of its pauses. Drawn from the system here only.

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness pauses are no longer spread, which is no reason to fail a payment.
        if aws_lc_rs::rand::fill(bytes).is_err() {
            bytes.fill(0);
        }
    }
}
