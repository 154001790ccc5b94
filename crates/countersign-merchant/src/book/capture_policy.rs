//! Applies a changed capture policy to charges that are already authorized. Their timers were set under the
//! earlier policy, so a charge that is now due sooner would be captured too late.

use std::collections::BTreeSet;

use countersign_domain::merchant::rules::Deadline;
use countersign_store::contract::{Document, Key};
use futures_util::stream::{self, TryStreamExt as _};

use super::commit::PendingCommit;
use super::lookup::PAGE;
use super::timers::unless_unreadable;
use super::{Book, StoreFailed, Walk, open_work, plain_write};
use crate::settings::Policy;
use crate::stored::capture_setting::{self, CaptureSetting};

/// The largest number of timers that are set at the same time: a durable store takes hardly more time for
/// them than for one.
const AT_ONCE: usize = 32;

impl Book {
    /// Sets the timers of the Authorized charges again if they were set under a different policy. Returns the
    /// number of their checkouts. After a crash in between, the next start sets all of them again.
    pub(crate) async fn adopt_capture_policy(&self) -> Result<usize, StoreFailed> {
        let todays = CaptureSetting::from(&self.settings.policy);
        // A setting that cannot be read counts as a different one.
        let of = |found: Option<&Document>| match found {
            Some(found) => capture_setting::decode(found.format, &found.bytes).ok(),
            None => Some(CaptureSetting::from(&Policy::default())),
        };
        if of(self.capture_setting().await?.as_ref()).as_ref() == Some(&todays) {
            return Ok(0);
        }
        let mut adopted = BTreeSet::new();
        let mut walk = Walk::over(open_work::CAPTURES, format!("{} ", Deadline::Expiry.as_str()));
        while !walk.is_over {
            let rows = self.page(&mut walk, PAGE).await?;
            let new: Vec<String> = rows.into_iter().map(|row| row.key.id).collect();
            let new = new.into_iter().filter(|id| adopted.insert(id.clone()));
            let writes = stream::iter(new.map(Ok));
            writes.try_for_each_concurrent(AT_ONCE, |id| self.set_timer_unless_unreadable(id)).await?;
        }
        self.commit(|| async {
            let found = self.capture_setting().await?;
            if of(found.as_ref()).as_ref() == Some(&todays) {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(()));
            }
            let write = plain_write(capture_setting_key(), found.as_ref(), capture_setting::encode(&todays));
            Ok(self.beside(vec![write], Vec::new(), (), self.clock.now()))
        })
        .await?;
        Ok(adopted.len())
    }

    async fn capture_setting(&self) -> Result<Option<Document>, StoreFailed> {
        self.document(&capture_setting_key()).await
    }

    async fn set_timer_unless_unreadable(&self, checkout_id: String) -> Result<(), StoreFailed> {
        let set = self.set_timer_anew(&checkout_id).await;
        unless_unreadable(&checkout_id, set.map(|()| 1)).map(|_| ())
    }
}

fn capture_setting_key() -> Key {
    Key { collection: capture_setting::COLLECTION, id: "capture".to_owned() }
}
