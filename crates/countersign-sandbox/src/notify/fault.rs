//! Faults of notifications, ordered by the control API: which notification is struck, and by what. Pure
//! bookkeeping: the sender asks before a notification's first attempt, and the server of the API before an
//! answer, what strikes it.

use std::time::Duration;

use countersign_domain::ids::MerchantId;
use countersign_domain::time::DAY;
use countersign_protocol::notification::{Message, ObjectType};
use countersign_protocol::wire::Word;

use crate::fault_list::FaultList;

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
    /// Every kind, with its usual delay.
    pub(crate) const ALL: [Self; 10] = [
        Self::Duplicate,
        Self::Reorder { delay: DEFAULT_DELAY },
        Self::Delay { delay: DEFAULT_DELAY },
        Self::Drop,
        Self::Malformed,
        Self::WrongSignature,
        Self::CertificateElsewhere,
        Self::ForeignMerchant,
        Self::StaleTimestamp { delay: DEFAULT_AGE },
        Self::BeforeAnswer,
    ];

    /// Reads a word; `delay` is for the kinds that have one, in place of their usual one.
    pub(crate) fn parse(word: &str, delay: Option<Duration>) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == word)?;
        Some(match (kind, delay) {
            (Self::Reorder { .. }, Some(delay)) => Self::Reorder { delay },
            (Self::Delay { .. }, Some(delay)) => Self::Delay { delay },
            (Self::StaleTimestamp { .. }, Some(delay)) => Self::StaleTimestamp { delay },
            (kind, _) => kind,
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
            _ => None,
        }
    }

    /// When it strikes.
    const fn point(self) -> Point {
        match self {
            Self::BeforeAnswer => Point::BeforeAnswer,
            _ => Point::BeforeSending,
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

/// What a fault fits, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultOrder {
    pub(crate) kind: FaultKind,
    /// Only those that tell of such an object.
    pub(crate) object_type: Option<ObjectType>,
    /// Only those of this merchant.
    pub(crate) merchant_id: Option<MerchantId>,
}

/// The faults of notifications in force.
pub(crate) type NotificationFaults = FaultList<FaultOrder>;

impl NotificationFaults {
    /// What strikes this notification at this point.
    pub(crate) fn strike_message(&self, message: &Message, point: Point) -> Option<FaultKind> {
        let fits = |order: &FaultOrder| {
            order.kind.point() == point
                && order.object_type.is_none_or(|of| message.object.object_type() == Word::Known(of))
                && order.merchant_id.as_ref().is_none_or(|id| *id == message.merchant_id)
        };
        self.strike(fits).map(|fault| fault.order.kind)
    }
}
