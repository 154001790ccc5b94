//! Turning a decision into one change set: the checkout document with its timer and index entry, the
//! timeline's entries, and at success the snapshot that is due.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::CheckoutEvent;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeSet, Content, Document, Expect, IndexEntry, Key, NewMessage, Version, Write,
};

use super::registration::Registration;
use super::{App, StoreFailed, open_work, snapshot};
use crate::entropy;
use crate::stored::checkout;
use crate::stored::event::{self, Event};
use crate::stored::fact::Fact;

/// Checkouts by the permission that Amazon's notifications name.
pub(crate) const BY_PERMISSION: &str = "checkout_by_charge_permission";
/// Checkouts by the word of their verdict.
pub(crate) const BY_STATE: &str = "checkout_by_state";

/// A registration as it was loaded: what a write must name.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) registration: Registration,
    pub(crate) version: Version,
}

pub(crate) fn checkout_key(id: &str) -> Key {
    Key { collection: checkout::COLLECTION, id: id.to_owned() }
}

pub(crate) fn decode(document: &Document) -> Result<Loaded, StoreFailed> {
    let registration = checkout::decode(document.format, &document.bytes)?;
    Ok(Loaded { registration, version: document.version })
}

impl App {
    /// Loads a checkout.
    pub(crate) async fn checkout(&self, id: &str) -> Result<Option<Loaded>, StoreFailed> {
        let documents = self.store.load(&[checkout_key(id)]).await?;
        documents.into_iter().next().flatten().as_ref().map(decode).transpose()
    }

    pub(crate) fn change_set(&self, at: Timestamp) -> ChangeSet {
        ChangeSet {
            id: entropy::change_id(&*self.entropy),
            at,
            require: Vec::new(),
            write: Vec::new(),
            append: Vec::new(),
        }
    }

    /// The change set of a step that an attempt took, and the checkout as it is once that is kept.
    pub(crate) fn step_change(
        &self,
        before: Loaded,
        next: Checkout,
        events: &[CheckoutEvent],
        at: Timestamp,
    ) -> (ChangeSet, Loaded) {
        let Loaded { registration: Registration { checkout: old, links, browsing }, version } = before;
        let is_completed = |checkout: &Checkout| {
            checkout.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Completed { .. }))
        };
        let has_succeeded = is_completed(&next) && !is_completed(&old);
        let after = Registration { checkout: next, links, browsing };
        let after = if has_succeeded { after.without_quoted_address() } else { after };
        let mut change = self.change_set(at);
        change.write.push(self.write_checkout(&after, Expect::Version(version)));
        change.append =
            events.iter().map(|event| message(&after, &Event::of(event, &after.checkout, at))).collect();
        let facts = events.iter().filter_map(|event| Fact::of(event, &after.checkout, at));
        change.append.extend(facts.map(|fact| self.outgoing(&after, &fact, at)));
        if has_succeeded {
            change.write.push(snapshot::due(&after, at));
        }
        // A version counts how often a document was written.
        (change, Loaded { registration: after, version: Version(version.0.saturating_add(1)) })
    }

    /// The write of a checkout document: its timer is the earliest of its attempts' and its payment's.
    pub(crate) fn write_checkout(&self, registration: &Registration, expect: Expect) -> Write {
        let (format, bytes) = checkout::encode(registration);
        let checkout = &registration.checkout;
        let due_at = checkout.due_at(&self.rules()).into_iter().chain(registration.lapses_at()).min();
        let mut index = vec![IndexEntry { index: BY_STATE, value: checkout.verdict().outcome().to_owned() }];
        index.extend(open_work::entries(checkout));
        index.extend(
            permissions(checkout).into_iter().map(|id| IndexEntry { index: BY_PERMISSION, value: id }),
        );
        Write {
            key: checkout_key(checkout.id.as_str()),
            expect,
            content: Some(Content { format, bytes, due_at, index }),
        }
    }
}

/// The permissions by which Amazon speaks of a checkout.
fn permissions(checkout: &Checkout) -> Vec<String> {
    let of_attempts = checkout.attempts.iter().filter_map(|attempt| match &attempt.state {
        AttemptState::Pending { charge_permission_id, .. } => Some(charge_permission_id),
        AttemptState::NotPaid { charge, .. } => charge.as_ref().map(|charge| &charge.charge_permission_id),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::InDoubt(_)
        | AttemptState::Completed { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. } => None,
    });
    let paid = checkout.payment.as_ref().map(|payment| &payment.charge_permission_id);
    of_attempts.chain(paid).map(ToString::to_string).collect()
}

/// A timeline entry, to be read only.
pub(crate) fn message(registration: &Registration, entry: &Event) -> NewMessage {
    NewMessage {
        topic: event::TOPIC,
        subject: registration.checkout.id.to_string(),
        bytes: entry.encode(),
        deliver_at: None,
    }
}
