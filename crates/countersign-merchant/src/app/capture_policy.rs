//! A capture policy that is set while charges are authorized already: their timers were set under the one
//! before, and what today's captures sooner would be captured too late.

use std::collections::BTreeSet;

use countersign_domain::merchant::capture_plan::Deadline;
use countersign_store::contract::{Content, Document, Expect, IndexRange, Key, Write};
use countersign_store::transact::Decision;
use futures_util::stream::{self, TryStreamExt as _};

use super::lookup::PAGE;
use super::recovery::unless_unreadable;
use super::{App, StoreFailed, open_work};
use crate::settings::Payments;
use crate::stored::capture_setting;

/// So many timers are set anew at once: a durable store takes them in hardly more time than one.
const AT_ONCE: usize = 32;

impl App {
    /// Sets the timers of the Authorized charges anew if they were set under another policy. How many
    /// checkouts that were. A process that dies in between leaves it all to the next start.
    pub(crate) async fn adopt_capture_policy(&self) -> Result<usize, StoreFailed> {
        let todays = capture_setting::encode(&self.settings.payments);
        let of = |found: Option<&Document>| match found {
            Some(found) => (found.format, found.bytes.clone()),
            None => capture_setting::encode(&Payments::default()),
        };
        if of(self.capture_setting().await?.as_ref()) == todays {
            return Ok(0);
        }
        let mut adopted = BTreeSet::new();
        let mut after = None;
        loop {
            let (index, prefix) = (open_work::CAPTURES, format!("{} ", Deadline::Expiry.as_str()));
            let range = IndexRange { index, prefix, after: after.take(), limit: PAGE };
            let rows = self.store.range(range).await?;
            let Some(last) = rows.last().cloned() else { break };
            let new: Vec<String> = rows.into_iter().map(|row| row.key.id).collect();
            let new = new.into_iter().filter(|id| adopted.insert(id.clone()));
            let writes = stream::iter(new.map(Ok));
            writes.try_for_each_concurrent(AT_ONCE, |id| self.set_timer_unless_unreadable(id)).await?;
            after = Some((last.value, last.key.id));
        }
        self.transact(|| async {
            let found = self.capture_setting().await?;
            let change = (of(found.as_ref()) != todays).then(|| {
                let mut change = self.change_set(self.clock.now());
                let (format, bytes) = todays.clone();
                change.write = vec![Write {
                    key: capture_setting_key(),
                    expect: found.map_or(Expect::Absent, |found| Expect::Version(found.version)),
                    content: Some(Content { format, bytes, due_at: None, index: Vec::new() }),
                }];
                change
            });
            Ok::<_, StoreFailed>(Decision { change, outcome: () })
        })
        .await?;
        Ok(adopted.len())
    }

    async fn capture_setting(&self) -> Result<Option<Document>, StoreFailed> {
        Ok(self.store.load(&[capture_setting_key()]).await?.into_iter().next().flatten())
    }

    async fn set_timer_unless_unreadable(&self, checkout_id: String) -> Result<(), StoreFailed> {
        let set = self.set_timer_anew(&checkout_id).await;
        unless_unreadable(&checkout_id, set.map(|()| 1)).map(|_| ())
    }
}

fn capture_setting_key() -> Key {
    Key { collection: capture_setting::COLLECTION, id: "capture".to_owned() }
}
