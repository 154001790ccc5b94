//! The raw cryptography that every server of this protocol needs, measured in the same run on one
//! thread.

use std::time::Duration;

use countersign_protocol::signing::{Algorithm, MerchantKey, sign_button, verify_button};

use super::bench_result::BenchResult;
use super::process;

/// CPU time of one RSA-2048 PSS operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct CryptoCost {
    pub(super) sign: Duration,
    pub(super) verify: Duration,
}

/// The number of rounds. The cheapest one counts, because a disturbance can only make a round more
/// expensive.
const ROUNDS: usize = 5;
const SIGNATURES: u32 = 200;
const VERIFICATIONS: u32 = 3_000;

pub(super) fn measure() -> BenchResult<CryptoCost> {
    let key = MerchantKey::generate()?.key;
    let public = key.verifying_key()?;
    let payload = "{}";
    let sign = || sign_button(payload, &key, Algorithm::PssV2);
    let signature = sign()?;
    let mut cost = CryptoCost { sign: Duration::MAX, verify: Duration::MAX };
    for _ in 0..ROUNDS {
        let began = process::own_cpu_time()?;
        for _ in 0..SIGNATURES {
            std::hint::black_box(sign()?);
        }
        let signed = process::own_cpu_time()?;
        for _ in 0..VERIFICATIONS {
            verify_button(payload, &signature, &public, Algorithm::PssV2)?;
        }
        let verified = process::own_cpu_time()?;
        cost.sign = cost.sign.min(signed.saturating_sub(began) / SIGNATURES);
        cost.verify = cost.verify.min(verified.saturating_sub(signed) / VERIFICATIONS);
    }
    Ok(cost)
}
