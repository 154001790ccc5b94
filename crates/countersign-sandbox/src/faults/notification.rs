//! Faults of notifications, ordered by the control API: which notifications a fault strikes, and
//! what it does. This is pure bookkeeping: the sender asks before a notification's first attempt
//! which fault strikes the notification, and `http/` asks before each answer.

use std::time::Duration;

use countersign_domain::ids::MerchantId;
use countersign_domain::time::DAY;
use countersign_protocol::notification::{Message, ObjectType};
use countersign_protocol::wire::Word;

use super::list::FaultList;
use crate::words::words;

/// How much later a delayed notification is sent, by the virtual clock, unless the order says otherwise.
pub(crate) const DEFAULT_DELAY: Duration = Duration::from_secs(60);
/// How old a stale notification is, unless the order says otherwise. This is longer than the
/// longest retry schedule.
pub(crate) const DEFAULT_AGE: Duration = Duration::from_secs(30 * DAY.as_secs());

words! {
    /// What a fault does to a notification.
    NotificationFaultKind {
        /// The notification is sent twice, under the same ids.
        Duplicate = "duplicate",
        /// The notification is sent after the next one for the same endpoint, or after a delay if
        /// none follows.
        Reorder = "reorder",
        /// The notification is sent after a delay.
        Delay = "delay",
        /// The notification is never sent.
        Drop = "drop",
        /// The envelope is cut off in the middle.
        Malformed = "malformed",
        /// The signature is that of a different text.
        WrongSignature = "wrongSignature",
        /// The certificate's URL is on a host that is neither Amazon's nor this sandbox's.
        CertificateElsewhere = "certificateElsewhere",
        /// The message names a different merchant's account.
        ForeignMerchant = "foreignMerchant",
        /// The envelope's publication time is one delay ago, and the signature covers that time.
        StaleTimestamp = "staleTimestamp",
        /// The call that caused the notification is answered only after the notification was sent.
        BeforeAnswer = "beforeAnswer",
    }
}

impl NotificationFaultKind {
    /// The default delay of a kind that has one.
    pub(crate) const fn usual_delay(self) -> Option<Duration> {
        match self {
            Self::Reorder | Self::Delay => Some(DEFAULT_DELAY),
            Self::StaleTimestamp => Some(DEFAULT_AGE),
            _ => None,
        }
    }

    /// When this kind strikes.
    const fn point(self) -> NotificationPoint {
        match self {
            Self::BeforeAnswer => NotificationPoint::BeforeAnswer,
            _ => NotificationPoint::BeforeSending,
        }
    }
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotificationPoint {
    /// A notification is about to be sent for the first time.
    BeforeSending,
    /// A call is about to be answered.
    BeforeAnswer,
}

/// What a fault does to a notification, with the fault's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotificationFault {
    pub(crate) kind: NotificationFaultKind,
    /// The delay, for a kind that has one.
    pub(crate) delay: Option<Duration>,
}

/// Which notifications a fault fits, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotificationFaultOrder {
    pub(crate) fault: NotificationFault,
    /// If set, the fault fits only notifications about this type of object.
    pub(crate) object_type: Option<ObjectType>,
    /// If set, the fault fits only notifications of this merchant.
    pub(crate) merchant_id: Option<MerchantId>,
}

/// The active faults of notifications.
pub(crate) type NotificationFaults = FaultList<NotificationFaultOrder>;

impl NotificationFaults {
    /// The fault that strikes this notification at this point.
    pub(crate) fn strike_message(
        &self,
        message: &Message,
        point: NotificationPoint,
    ) -> Option<NotificationFault> {
        let fits = |order: &NotificationFaultOrder| {
            order.fault.kind.point() == point
                && order.object_type.is_none_or(|of| message.object.object_type() == Word::Known(of))
                && order.merchant_id.as_ref().is_none_or(|id| *id == message.merchant_id)
        };
        self.strike(fits).map(|struck| struck.order.fault)
    }
}
