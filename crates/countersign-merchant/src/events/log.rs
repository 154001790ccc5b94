//! Logs events: ERROR for what needs a person, WARN for what may need one. A line contains only ids and
//! codes, and no buyer data.

use countersign_domain::merchant::checkout::Checkout;

use super::about::EventSubject;

/// The level at which an event is logged, and the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLine {
    Silent,
    Info(&'static str),
    Warn(&'static str),
    Error(&'static str),
}

impl LogLine {
    /// Logs the line with what the event is about.
    pub(crate) fn log(self, checkout: &Checkout, about: &EventSubject) {
        macro_rules! log {
            ($level:ident, $message:expr) => {
                tracing::$level!(
                    checkout_id = checkout.id.as_str(),
                    order_id = checkout.order_id.as_str(),
                    attempt = about.attempt,
                    checkout_session_id = about.amazon_checkout_session_id,
                    charge_permission_id = about.charge_permission_id,
                    charge_id = about.charge_id,
                    refund_id = about.refund_id,
                    dispute_id = about.dispute_id,
                    call = about.call,
                    detail = about.detail.as_ref().map(tracing::field::display),
                    field = about.field(),
                    "{}",
                    $message
                )
            };
        }
        match self {
            Self::Silent => {}
            Self::Info(message) => log!(info, message),
            Self::Warn(message) => log!(warn, message),
            Self::Error(message) => log!(error, message),
        }
    }
}
