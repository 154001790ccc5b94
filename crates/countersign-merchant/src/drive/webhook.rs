//! Sends a webhook again because a person asks for it: the way out for one that was given up.

use super::App;
use crate::book::{DecisionError, outbox};
use crate::gateway::webhook::sender::{self, NotTaken};

/// Why a webhook is not sent, or was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WebhookRefused {
    /// No event has this id.
    NoSuchEvent,
    /// The shop has no endpoint.
    NoEndpoint,
    /// The endpoint has not taken it.
    NotTaken(NotTaken),
}

impl App {
    /// Sends the webhook of an event once, under its own id, whether or not it was delivered before. If it had been
    /// given up, its order no longer needs a person for it.
    pub(crate) async fn send_webhook(&self, event_id: &str) -> Result<(), DecisionError<WebhookRefused>> {
        let refused = |refused| Err(DecisionError::Refused(refused));
        let Some(webhook) = &self.webhook else { return refused(WebhookRefused::NoEndpoint) };
        let Some(sequence) = outbox::sequence(event_id) else { return refused(WebhookRefused::NoSuchEvent) };
        let Some(kept) = self.fact(sequence).await? else { return refused(WebhookRefused::NoSuchEvent) };
        if let Err(why) = sender::send_once(&self.book, webhook, &kept).await {
            return refused(WebhookRefused::NotTaken(why));
        }
        self.deliver_webhook(&kept).await?;
        Ok(())
    }
}
