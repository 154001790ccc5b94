//! Every deadline and every choice of the merchant half, in one place: what the operator sets, and what is
//! fixed. This module knows no states and no events.

use core::time::Duration;

use crate::address::AddressMembers;
use crate::amazon_limits::{SANDBOX_AUTHORIZATION_LIFETIME, SESSION_KEPT};
use crate::time::{DAY, HOUR, Timestamp};
use crate::words::words;

/// What the operator sets. Each configuration key that a rule uses is a member here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// `deadlines.resend_window`: how long after the buyer was last seen the same Finalize may be sent again,
    /// so that nobody is charged hours after an outage.
    pub resend_window: Duration,
    /// `amazon.allow_absent_reference`: whether a session without `merchantReferenceId` is accepted.
    pub absent_reference: AbsentReference,
    /// `refunds.ceiling`: how much of a charge may be refunded.
    pub refund_ceiling: RefundCeiling,
    /// `capture.policy`: who captures when the shop has not.
    pub capture_policy: CapturePolicy,
    /// `capture.margin`: how long before a deadline the last safe moment is.
    pub capture_margin: Duration,
    /// `fulfilment.after_guarantee`: whether an authorization pays for a parcel after its seven days.
    pub after_guarantee: AfterGuarantee,
    /// `compare.address`: the members in which the addresses of an order must be the same.
    pub compared_address: AddressMembers,
    /// `amazon.sole_integration`: whether only this store finalizes sessions of this account and environment.
    pub integration: Integration,
}

impl Policy {
    /// The members in which an address must equal the one that a price was calculated for:
    /// [`AddressMembers::PRICED`], and those that are compared anyway.
    #[must_use]
    pub const fn priced_address(&self) -> AddressMembers {
        self.compared_address.and(AddressMembers::PRICED)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            resend_window: Duration::from_secs(15 * 60),
            absent_reference: AbsentReference::default(),
            refund_ceiling: RefundCeiling::default(),
            capture_policy: CapturePolicy::default(),
            capture_margin: DEFAULT_MARGIN,
            after_guarantee: AfterGuarantee::default(),
            compared_address: AddressMembers::DEFAULT,
            integration: Integration::default(),
        }
    }
}

/// What the operator sets, what follows from how long calls may take, and whether this machine's clock can be
/// trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MerchantRules {
    /// What the operator sets.
    pub policy: Policy,
    /// How long after its session was bound a Finalize may be sent again, no matter how often somebody asks
    /// for it in the meantime.
    pub resend_limit: Duration,
    /// How long a caller that asks Amazon or sends a call owns the attempt: longer than the call may take
    /// with its retries, so that two owners hardly ever overlap. If they do overlap (after a machine was
    /// suspended), the version of the checkout lets only one of them decide.
    pub lease: Duration,
    /// Whether local expiries are suspended because this machine's clock is in question.
    pub hold_expiries: bool,
    /// Whether Amazon honours idempotency keys on Finalize, as far as that is known.
    pub finalize_keys: FinalizeKeys,
}

impl Default for MerchantRules {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            resend_limit: HOUR,
            lease: Duration::from_secs(30),
            hold_expiries: false,
            finalize_keys: FinalizeKeys::default(),
        }
    }
}

words! {
    /// Whether a session without `merchantReferenceId` is accepted.
    #[derive(Default)]
    AbsentReference {
        /// No.
        #[default]
        Refused = "false",
        /// If it was brought with the shop's token.
        ShopsToken = "true",
    }
}

words! {
    /// How much of a charge may be refunded.
    #[derive(Default)]
    RefundCeiling {
        /// The captured amount.
        #[default]
        Captured = "captured",
        /// What Amazon allows: the lesser of 15 % and 75 (8,400 JPY) more.
        Amazon = "amazon",
    }
}

words! {
    /// Who captures when the shop has not.
    #[derive(Default)]
    CapturePolicy {
        /// Nobody: the shop is only warned.
        #[default]
        Manual = "manual",
        /// A margin before captures become asynchronous or, if the authorization lapses earlier, before that.
        BeforeGuaranteeEnds = "before-guarantee-ends",
        /// A margin before the authorization lapses.
        BeforeExpiry = "before-expiry",
    }
}

words! {
    /// Whether others finalize sessions of this account and environment, too.
    #[derive(Default)]
    Integration {
        /// Others may.
        #[default]
        OneOfSeveral = "false",
        /// Only this store does.
        Sole = "true",
    }
}

words! {
    /// Whether Amazon honours idempotency keys on Finalize: whether the same bytes under the same key are
    /// answered as they were the first time, and under another key are not.
    #[derive(Default)]
    FinalizeKeys {
        /// It is not known yet.
        #[default]
        Unknown,
        /// They are honoured.
        Honoured,
        /// They are not.
        NotHonoured,
    }
}

words! {
    /// Whether an authorization pays for a parcel after its seven days, when its capture may be declined.
    #[derive(Default)]
    AfterGuarantee {
        /// It pays for no parcel.
        #[default]
        No = "no",
        /// It pays for a parcel, at the shop's own risk.
        Yes = "yes",
    }
}

words! {
    /// A deadline of an authorized charge.
    #[derive(PartialOrd, Ord)]
    Deadline {
        /// Seven days: captures are asynchronous from then on.
        Guarantee = "guarantee",
        /// The authorization lapses.
        Expiry = "expiry",
    }
}

/// The largest number of sessions that one checkout binds, including surplus ones. If a buyer seems to need
/// more, the shop's page is in a loop.
pub const MAX_ATTEMPTS: usize = 50;
/// The largest number of operations of one checkout, including those that our own rules request. Even 25
/// charges with 10 refunds each need fewer.
pub const MAX_OPERATIONS: usize = 500;
/// The largest number of permissions that one checkout follows at a time because they name it; what its own sessions
/// have paid is followed in any case.
pub const MAX_UNEXPLAINED: usize = 20;
/// The largest number of charges under one of these that are looked at: as many as Amazon allows, leaving out
/// those that were declined.
pub(super) const MAX_UNEXPLAINED_CHARGES: usize = 25;
/// The largest number of parcels of one checkout.
pub const MAX_SHIPMENTS: usize = 500;
/// The largest number of disputes of one payment. A charge has hardly more than one, and a permission has at
/// most 25 charges.
pub const MAX_DISPUTES: usize = 100;

/// How long a doubt lasts before each alarm. The last alarm leaves five of Amazon's 30 days.
pub const ALARMS: [Duration; 5] = [
    Duration::from_secs(5 * 60),
    HOUR,
    DAY,
    Duration::from_secs(7 * 86_400),
    Duration::from_secs(25 * 86_400),
];
/// An authorization is decided within 24 hours, so the first two alarms mean nothing for it.
pub(super) const PENDING_ALARMS: &[Duration] = ALARMS.split_at(2).1;
/// How often the operator is reminded once only a person can decide: when Amazon has deleted the session, or
/// when an operation is still in doubt after its last alarm.
pub(super) const REMINDED_AFTER: Duration = Duration::from_secs(30 * 86_400);

/// How many times a stored 5xx is replayed before a new key may be tried.
pub(super) const STORED_ERRORS: u32 = 3;
/// How many times a session must be missing, over at least [`GONE_AFTER`], before it counts as gone: a
/// session that was just created or finalized may be missing from a slow replica.
pub(super) const NOT_FOUNDS: u32 = 3;
/// See [`NOT_FOUNDS`].
pub(super) const GONE_AFTER: Duration = Duration::from_secs(10 * 60);
/// How many times a Create Charge must be answered with an object that cannot be its effect before only a person can
/// help: the first such answer may be a stray one, the same again is what Amazon has stored under the key.
pub(super) const CONTRADICTIONS: u32 = 2;
/// How many times in a row a session must be missing before a charge that is known to exist is asked for: the
/// first miss nearly always comes from a slow replica.
pub(super) const REACH_ASKED_FROM: u32 = 2;
/// How many times, at most, a Finalize is sent to get the ids of a completed session: Amazon's stored answer contains
/// them.
pub(super) const SENDS_FOR_IDS: u32 = 5;
/// How many times, at most, a Finalize of a completed session is sent once more until an answer says something.
pub(super) const SILENT_PROOFS: u32 = 5;
/// After how long Amazon has certainly deleted the session, with a day of tolerance for a difference between
/// the two clocks.
pub(super) const FORGOTTEN_AFTER: Duration = SESSION_KEPT.saturating_add(DAY);
/// How long after a permission's creation money that is still held under it is unexplained: Amazon cancels an
/// authorization without a Finalize within 24 hours.
pub(super) const HELD_UNTIL_UNEXPLAINED: Duration = Duration::from_secs(25 * HOUR.as_secs());
/// How long captured money under a permission that was heard of waits for a session that Amazon does not show,
/// before it is unexplained.
pub(super) const TAKEN_UNTIL_UNEXPLAINED: Duration = HOUR;
/// For how long a session must be shown Open, with one more refusal in between, before it counts as not
/// approved: a slow replica or a copy of the request is taken to be slower only with a key that Amazon does
/// not honor.
pub(super) const REFUSED_TWICE_AFTER: Duration = Duration::from_secs(5);
/// The same if nothing is sent in between, over [`NOT_APPROVED_LOOKS`] looks.
pub(super) const REFUSED_WITHOUT_SENDS_AFTER: Duration = Duration::from_secs(60);
/// See [`REFUSED_WITHOUT_SENDS_AFTER`].
pub(super) const NOT_APPROVED_LOOKS: u32 = 3;
/// How recently, at the most, a session that was not approved must have been looked at when another one is
/// sent: the look is made in the same act, and may take a while.
pub(super) const LOOKED_AT_JUST_NOW: Duration = Duration::from_secs(10);
/// How many times in a row Amazon must show an amount that cannot be read before that contradicts what is
/// known.
pub(super) const UNREADABLE_AMOUNTS: u32 = 3;
/// How long a request may still be on its way after nobody waits for its answer any more.
pub(super) const COPY_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long after a refund was last sent Amazon has certainly decided it, and shows it if it was made. Amazon's
/// pages give no time; banks may take two weeks.
pub(super) const REFUND_DECIDED_AFTER: Duration = Duration::from_secs(31 * 86_400);
/// How long to wait before asking again for a session whose Get returned nothing to compare with.
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a Finalize waits before it is taken up again while its order is held.
pub(super) const HELD_PAUSE: Duration = Duration::from_secs(60);
/// A waiting buyer is recorded at most once in this time.
pub(super) const BUYER_SEEN_GRAIN: Duration = Duration::from_secs(60);
/// How long a Close waits for the operations before it, unless they end sooner.
pub(super) const CLOSE_WAITS: Duration = HOUR;
/// How many times each part of undoing an order is tried.
pub(super) const UNDOING_TRIES: usize = 3;

/// After how long a new charge is looked up if the snapshot has not done so.
pub(super) const ASK_FOR_CHARGE_AFTER: Duration = Duration::from_secs(60);
/// How long an authorization is assumed to last until Amazon has shown when it lapses: as long as in the
/// sandbox, where authorizations last two days instead of thirty.
pub(super) const AUTHORIZED_UNTIL_AMAZON_SAYS: Duration = SANDBOX_AUTHORIZATION_LIFETIME;
/// The look count at which a permission that waits for its buyer begins: the pauses after it are an hour, and
/// later a day.
pub(super) const BUYERS_PACE: u32 = 21;
/// How long before a deadline the shop is warned.
pub(super) const WARNINGS: [Duration; 2] = [Duration::from_secs(72 * 3_600), Duration::from_secs(24 * 3_600)];
/// How long before a deadline the last safe moment is, unless configured.
pub const DEFAULT_MARGIN: Duration = Duration::from_secs(6 * HOUR.as_secs());
/// How often an order that waits for another order of its cart looks at it while its buyer waits.
pub const CART_LOOK: Duration = Duration::from_secs(30);
/// How often it looks when its buyer has left, or the other order is paid.
pub const CART_LOOK_LATER: Duration = HOUR;
/// How recently Amazon must have shown a charge for a parcel to leave, unless the caller names another age.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// How many of these alarms are due by now.
pub(super) fn alarms_due(alarms: &[Duration], lasting: Duration) -> u32 {
    let due = alarms.iter().filter(|alarm| lasting >= **alarm).count();
    u32::try_from(due).unwrap_or(u32::MAX)
}

/// How many reminders after the last alarm are due by now.
pub(super) fn reminders_due(lasting: Duration) -> u32 {
    let behind = lasting.saturating_sub(ALARMS.last().copied().unwrap_or_default());
    let due = behind.as_secs().checked_div(REMINDED_AFTER.as_secs()).unwrap_or_default();
    u32::try_from(due).unwrap_or(u32::MAX)
}

/// When to look again for evidence about an unresolved attempt: daily while Amazon may still have the
/// session, and more rarely afterwards.
pub(super) fn next_evidence_look(sent_at: Timestamp, now: Timestamp) -> Timestamp {
    let pause = if now.since(sent_at) < FORGOTTEN_AFTER { DAY } else { REMINDED_AFTER };
    now.plus(pause)
}

/// How long to wait for the next look after this many look-ups.
pub(super) fn doubt_delay(look_count: u32) -> Duration {
    let seconds = match look_count {
        0 => 1,
        1 => 2,
        2 => 4,
        3 => 8,
        4 => 15,
        5 => 30,
        6 => 60,
        7 => 120,
        8 => 300,
        9..=11 => 600,
        12..=60 => 3_600,
        61.. => 86_400,
    };
    Duration::from_secs(seconds)
}

/// How long to wait before asking again for something pending, after this many requests.
pub(super) fn pending_delay(look_count: u32) -> Duration {
    let seconds = match look_count {
        0 => 5,
        1 => 10,
        2..=4 => 20,
        5..=9 => 60,
        10..=20 => 600,
        21..=80 => 3_600,
        81.. => 86_400,
    };
    Duration::from_secs(seconds)
}

/// How long to wait after this many answers without an evaluation: 2 s, doubling up to 5 min.
pub(super) fn not_evaluated_delay(count: u32) -> Duration {
    Duration::from_secs(2_u64.saturating_pow(count.clamp(1, 9)).min(300))
}

/// How long to wait after a Finalize that could not connect: as long as it has already been tried, but at
/// least 2 s and at most a minute.
pub(super) fn not_sent_delay(tried_for: Duration) -> Duration {
    tried_for.clamp(not_evaluated_delay(1), Duration::from_secs(60))
}
