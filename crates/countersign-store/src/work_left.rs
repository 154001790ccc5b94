//! What is left to do in a store. For test harnesses: a test that ends while something is due or not
//! delivered has not seen everything that it caused.

use countersign_domain::time::Timestamp;

use crate::contract::{Backlog, MAX_ROWS, Store, StoreError};

/// One line for each timer that is due at `now`, and for each of these topics with an undelivered message,
/// whether it waits, is leased or is to be delivered again later. Changes nothing.
///
/// # Errors
/// [`StoreError`], if the store cannot be read.
pub async fn work_left(
    store: &dyn Store,
    now: Timestamp,
    topics: &[&'static str],
) -> Result<Vec<String>, StoreError> {
    let due = store.due(now, MAX_ROWS).await?.into_iter();
    let mut left: Vec<String> = due
        .map(|timer| format!("{} {} has been due since {}", timer.key.collection, timer.key.id, timer.due_at))
        .collect();
    for topic in topics {
        let Backlog { count, next_at } = store.backlog(topic, MAX_ROWS).await?;
        if let Some(next_at) = next_at {
            left.push(format!(
                "{count} messages of {topic} are not delivered: the next may be leased at {next_at}"
            ));
        }
    }
    Ok(left)
}
