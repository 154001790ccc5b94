//! Where the sandbox draws its ids. Only the visits' tokens are secret. With a seed, the ids of
//! objects, requests and faults are the same in every run. Each kind of id has its own stream, so
//! that one more read does not change the ids of the checkouts that follow it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_domain::ids::{
    ChargeId, ChargePermissionId, CheckoutSessionId, Environment, RefundId, Region,
};
use countersign_protocol::signing::sha256_hex;
use countersign_world::{Entropy, Stream, scattered};

/// Draws the ids of one sandbox, from one seed.
pub struct Ids {
    checkout_sessions: Stream,
    charge_permissions: Stream,
    charges: Stream,
    refunds: Stream,
    requests: Stream,
    faults: Stream,
    /// The ids by which receivers recognize notifications and endpoints. They are never restarted:
    /// a receiver must not mistake a notification after a reset for a repetition of an earlier one.
    notifications: Stream,
    /// Change ids are never seeded and never restarted: a store remembers them across restarts and
    /// resets.
    changes_key: u64,
    changes: AtomicU64,
    /// A visit's token makes its holder the buyer: no seed reveals it, and no restart repeats it.
    visits_key: [u8; 32],
    visits: AtomicU64,
}

/// Prints nothing: the key of the visits' tokens is secret.
impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids(…)")
    }
}

impl Ids {
    /// The ids for one start of a sandbox with this seed: the same seed and start give the same
    /// ids. An in-memory sandbox has only start 0. If no seed is given, one is drawn.
    #[must_use]
    pub fn new(entropy: &dyn Entropy, seed: Option<u64>, start: u64) -> Self {
        let random = || {
            let mut bytes = [0; 8];
            entropy.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        let seed = seed.unwrap_or_else(random);
        let key = scattered(scattered(seed).wrapping_add(start));
        let stream = |number: u64| Stream::new(scattered(key ^ number));
        Self {
            checkout_sessions: stream(1),
            charge_permissions: stream(2),
            charges: stream(3),
            refunds: stream(6),
            requests: stream(4),
            faults: stream(5),
            notifications: stream(7),
            changes_key: random(),
            changes: AtomicU64::new(0),
            visits_key: {
                let mut key = [0; 32];
                entropy.fill(&mut key);
                key
            },
            visits: AtomicU64::new(0),
        }
    }

    /// An id for a new Checkout Session.
    #[must_use]
    pub fn checkout_session_id(&self) -> CheckoutSessionId {
        CheckoutSessionId::from_random(draw_bytes(&self.checkout_sessions))
    }

    /// An id for a new one-time Charge Permission. There are so few of these ids that a drawn one
    /// may already be taken: the caller requires it to be new, and otherwise draws again.
    #[must_use]
    pub fn charge_permission_id(&self, environment: Environment, region: Region) -> ChargePermissionId {
        ChargePermissionId::one_time(environment, region, self.charge_permissions.draw())
    }

    /// An id for a new Charge under a permission; it may already be taken, too.
    #[must_use]
    pub fn charge_id(&self, permission: &ChargePermissionId) -> ChargeId {
        ChargeId::under(permission, self.charges.draw())
    }

    /// An id for a new Refund under a permission; it may already be taken, too.
    #[must_use]
    pub fn refund_id(&self, permission: &ChargePermissionId) -> RefundId {
        RefundId::under(permission, self.refunds.draw())
    }

    /// An id for `x-amz-pay-request-id`.
    #[must_use]
    pub fn request_id(&self) -> String {
        uuid(&self.requests)
    }

    /// An id for an ordered fault.
    #[must_use]
    pub(crate) fn fault_id(&self) -> String {
        uuid(&self.faults)
    }

    /// A seed for a fault whose order has a rate but no seed. It has 32 bits, so that every JSON reader shows
    /// it exactly.
    #[must_use]
    pub(crate) fn fault_seed(&self) -> u64 {
        self.faults.draw() >> 32
    }

    /// An id for a notification, its envelope or an endpoint, or the token that confirms an
    /// endpoint.
    #[must_use]
    pub(crate) fn notification_id(&self) -> String {
        uuid(&self.notifications)
    }

    /// An id for a change set of the store. It is unique across restarts.
    #[must_use]
    pub fn change_id(&self) -> [u8; 16] {
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        ((u128::from(self.changes_key) << 64) | u128::from(number)).to_be_bytes()
    }

    /// The token of a buyer's visit to the hosted page: 256 bits that nobody can guess, in
    /// hexadecimal digits.
    #[must_use]
    pub(crate) fn visit_token(&self) -> String {
        let number = self.visits.fetch_add(1, Ordering::Relaxed);
        sha256_hex(&[self.visits_key.as_slice(), &number.to_be_bytes()].concat())
    }

    /// Restarts the ids of objects and of faults. The requests' ids are not restarted: two requests have
    /// different ids, even with a reset between them.
    pub fn restart(&self) {
        let Self { checkout_sessions, charge_permissions, charges, refunds, faults, .. } = self;
        for stream in [checkout_sessions, charge_permissions, charges, refunds, faults] {
            stream.restart();
        }
    }
}

fn draw_bytes(stream: &Stream) -> [u8; 16] {
    let (high, low) = (stream.draw(), stream.draw());
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// Sixteen drawn bytes in the shape of a version 4 UUID.
fn uuid(stream: &Stream) -> String {
    CheckoutSessionId::from_random(draw_bytes(stream)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_world::SystemEntropy;
    use std::collections::HashSet;

    fn drawn(ids: &Ids) -> Vec<String> {
        let permission = ids.charge_permission_id(Environment::Sandbox, Region::NorthAmerica);
        let live = ids.charge_permission_id(Environment::Live, Region::Europe);
        vec![
            ids.checkout_session_id().to_string(),
            ids.checkout_session_id().to_string(),
            ids.charge_id(&permission).to_string(),
            permission.to_string(),
            live.to_string(),
            ids.request_id(),
            ids.fault_id(),
        ]
    }

    /// `d` a digit, `x` a lower-case hexadecimal digit, `v` one of 8, 9, a, b; any other character is itself.
    fn has_shape(text: &str, shape: &str) -> bool {
        text.len() == shape.len()
            && text.chars().zip(shape.chars()).all(|(c, s)| match s {
                'd' => c.is_ascii_digit(),
                'x' => c.is_ascii_digit() || ('a'..='f').contains(&c),
                'v' => "89ab".contains(c),
                _ => c == s,
            })
    }

    #[test]
    fn ids_have_amazons_shapes() {
        let uuid = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
        let shapes = [
            uuid,
            uuid,
            "S01-ddddddd-ddddddd-Cdddddd",
            "S01-ddddddd-ddddddd",
            "P02-ddddddd-ddddddd",
            uuid,
            uuid,
        ];
        for seed in 0..1_000 {
            let ids = Ids::new(&SystemEntropy, Some(seed), 0);
            for (id, shape) in drawn(&ids).iter().zip(shapes) {
                assert!(has_shape(id, shape), "{id} {shape}");
            }
        }
    }

    #[test]
    fn the_same_seed_and_start_give_the_same_ids_again() {
        let of = |seed, start| drawn(&Ids::new(&SystemEntropy, Some(seed), start));
        assert_eq!(of(7, 0), of(7, 0));
        let distinct: HashSet<String> =
            [of(7, 0), of(7, 1), of(8, 0), of(8, 1)].into_iter().flatten().collect();
        assert_eq!(distinct.len(), 4 * of(7, 0).len(), "a different seed or start shares no id");

        let ids = Ids::new(&SystemEntropy, Some(7), 0);
        let first = drawn(&ids);
        assert_ne!(drawn(&ids), first);
        ids.restart();
        let differing = drawn(&ids).iter().zip(&first).filter(|(again, first)| again != first).count();
        assert_eq!(differing, 1, "only the request's id differs");
    }

    #[test]
    fn without_a_seed_no_two_sandboxes_share_ids() {
        let unseeded = || Ids::new(&SystemEntropy, None, 0).checkout_session_id();
        assert_ne!(unseeded(), unseeded());
    }

    #[test]
    fn change_ids_repeat_neither_in_a_run_nor_across_restarts_nor_after_a_reset() {
        let mut seen = HashSet::new();
        for _ in 0..2 {
            let ids = Ids::new(&SystemEntropy, Some(7), 0);
            for _ in 0..2 {
                assert!(seen.insert(ids.change_id()));
                ids.restart();
            }
        }
    }

    #[test]
    fn a_visits_token_does_not_follow_from_the_seed_and_never_repeats() {
        let ids = || Ids::new(&SystemEntropy, Some(7), 0);
        let (one, other) = (ids(), ids());
        let tokens = HashSet::from([one.visit_token(), one.visit_token(), other.visit_token()]);
        one.restart();
        assert!(!tokens.contains(&one.visit_token()));
        assert_eq!(tokens.len(), 3);
        assert!(tokens.iter().all(|token| token.len() == 64));
    }

    #[test]
    fn one_kind_of_id_does_not_change_the_others() {
        let (ids, others) = (Ids::new(&SystemEntropy, Some(7), 0), Ids::new(&SystemEntropy, Some(7), 0));
        assert_ne!(others.request_id(), others.fault_id());
        assert_eq!(ids.checkout_session_id(), others.checkout_session_id());
    }
}
