//! Faults of notifications, ordered by the control API: which notification is struck, and by what. Pure
//! bookkeeping: the sender asks [`NotificationFaults::strike`] before a notification's first attempt, and
//! whoever is about to answer a call asks before the answer.
//!
//! Nothing here is stored: a restart forgets every fault.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_domain::ids::MerchantId;
use countersign_domain::time::DAY;
use countersign_protocol::notification::{Message, ObjectType};
use countersign_protocol::wire::Word;
use countersign_world::Stream;

use crate::faults::{Chance, WHOLE};

/// The most faults that may be ordered at once: every notification looks through them.
pub(crate) const MAX_FAULTS: usize = 1_000;
/// How much later a delayed notification is sent, by the virtual clock, unless the order says.
pub(crate) const DEFAULT_DELAY: Duration = Duration::from_secs(60);
/// How old a stale notification is, unless the order says: older than the longest schedule of retries.
pub(crate) const DEFAULT_AGE: Duration = Duration::from_secs(30 * DAY.as_secs());

/// What becomes of a notification that is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// It is sent twice, under the same ids.
    Duplicate,
    /// It is sent behind the next one for the same endpoint, or after so long if none follows.
    Reorder { delay: Duration },
    /// It is sent so much later.
    Delay { delay: Duration },
    /// It is never sent.
    Drop,
    /// The envelope is cut off in its middle.
    Malformed,
    /// The signature is of another text.
    WrongSignature,
    /// The certificate is said to be on a host that is not Amazon's, nor this sandbox's.
    CertificateElsewhere,
    /// It names an account of somebody else.
    ForeignMerchant,
    /// It was published so long ago, and is signed so.
    StaleTimestamp { delay: Duration },
    /// The call that it tells of is answered once it was sent.
    BeforeAnswer,
}

impl FaultKind {
    pub(crate) const WORDS: &'static [&'static str] = &[
        "duplicate",
        "reorder",
        "delay",
        "drop",
        "malformed",
        "wrongSignature",
        "certificateElsewhere",
        "foreignMerchant",
        "staleTimestamp",
        "beforeAnswer",
    ];

    /// Reads a word; `delay` is for the kinds that have one, whose `None` is their default.
    pub(crate) fn parse(word: &str, delay: Option<Duration>) -> Option<Self> {
        Some(match word {
            "duplicate" => Self::Duplicate,
            "reorder" => Self::Reorder { delay: delay.unwrap_or(DEFAULT_DELAY) },
            "delay" => Self::Delay { delay: delay.unwrap_or(DEFAULT_DELAY) },
            "drop" => Self::Drop,
            "malformed" => Self::Malformed,
            "wrongSignature" => Self::WrongSignature,
            "certificateElsewhere" => Self::CertificateElsewhere,
            "foreignMerchant" => Self::ForeignMerchant,
            "staleTimestamp" => Self::StaleTimestamp { delay: delay.unwrap_or(DEFAULT_AGE) },
            "beforeAnswer" => Self::BeforeAnswer,
            _ => return None,
        })
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Delay { .. } => "delay",
            Self::Drop => "drop",
            Self::Malformed => "malformed",
            Self::WrongSignature => "wrongSignature",
            Self::CertificateElsewhere => "certificateElsewhere",
            Self::ForeignMerchant => "foreignMerchant",
            Self::StaleTimestamp { .. } => "staleTimestamp",
            Self::BeforeAnswer => "beforeAnswer",
        }
    }

    pub(crate) const fn delay(self) -> Option<Duration> {
        match self {
            Self::Reorder { delay } | Self::Delay { delay } | Self::StaleTimestamp { delay } => Some(delay),
            Self::Duplicate
            | Self::Drop
            | Self::Malformed
            | Self::WrongSignature
            | Self::CertificateElsewhere
            | Self::ForeignMerchant
            | Self::BeforeAnswer => None,
        }
    }

    /// When it strikes.
    const fn point(self) -> Point {
        match self {
            Self::BeforeAnswer => Point::BeforeAnswer,
            Self::Duplicate
            | Self::Reorder { .. }
            | Self::Delay { .. }
            | Self::Drop
            | Self::Malformed
            | Self::WrongSignature
            | Self::CertificateElsewhere
            | Self::ForeignMerchant
            | Self::StaleTimestamp { .. } => Point::BeforeSending,
        }
    }
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// A notification is about to be sent for the first time.
    BeforeSending,
    /// A call is about to be answered.
    BeforeAnswer,
}

/// A fault as ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultOrder {
    pub(crate) kind: FaultKind,
    /// How many it strikes, at least 1.
    pub(crate) times: u32,
    /// Only those that tell of such an object.
    pub(crate) object_type: Option<ObjectType>,
    /// Only those of this merchant.
    pub(crate) merchant_id: Option<MerchantId>,
    /// Without one, each that it fits.
    pub(crate) chance: Option<Chance>,
}

/// A fault that is in force, for the control API's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) fault_id: String,
    /// Its `times` are those that are left.
    pub(crate) order: FaultOrder,
}

/// There are [`MAX_FAULTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

#[derive(Debug)]
struct Fault {
    standing: Standing,
    draws: Stream,
}

impl Fault {
    fn fits(&self, message: &Message, point: Point) -> bool {
        let FaultOrder { kind, object_type, merchant_id, .. } = &self.standing.order;
        kind.point() == point
            && object_type.is_none_or(|of| message.object.object_type() == Word::Known(of))
            && merchant_id.as_ref().is_none_or(|id| *id == message.merchant_id)
    }

    fn draw(&self) -> bool {
        let drawn = || self.draws.draw().checked_rem(u64::from(WHOLE)).unwrap_or(0);
        self.standing.order.chance.is_none_or(|chance| drawn() < u64::from(chance.rate))
    }
}

/// The faults in force, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(crate) struct NotificationFaults(Mutex<Vec<Fault>>);

impl NotificationFaults {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a fault in force.
    pub(crate) fn order(&self, fault_id: String, order: FaultOrder) -> Result<(), TooMany> {
        let mut faults = self.lock();
        if faults.len() >= MAX_FAULTS {
            return Err(TooMany);
        }
        let draws = Stream::new(order.chance.map_or(0, |chance| chance.seed));
        faults.push(Fault { standing: Standing { fault_id, order }, draws });
        Ok(())
    }

    /// What strikes this notification at this point: the first fault that fits it and draws it. That
    /// fault has struck once more, and is gone if it has no times left.
    pub(crate) fn strike(&self, message: &Message, point: Point) -> Option<FaultKind> {
        let mut faults = self.lock();
        let position = faults.iter().position(|fault| fault.fits(message, point) && fault.draw())?;
        let order = &mut faults.get_mut(position)?.standing.order;
        order.times = order.times.saturating_sub(1);
        let kind = order.kind;
        if order.times == 0 {
            faults.remove(position);
        }
        Some(kind)
    }

    /// The faults in force.
    pub(crate) fn list(&self) -> Vec<Standing> {
        self.lock().iter().map(|fault| fault.standing.clone()).collect()
    }

    /// Takes one fault out of force; `false` if there is none of this id.
    pub(crate) fn remove(&self, fault_id: &str) -> bool {
        let mut faults = self.lock();
        let before = faults.len();
        faults.retain(|fault| fault.standing.fault_id != fault_id);
        faults.len() < before
    }

    /// Takes every fault out of force, and says how many there were.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut *self.lock()).len()
    }
}
