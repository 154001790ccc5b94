//! The watch's loop: has everything looked over once a minute, for the metrics and the log. It
//! changes nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::book::Book;
use crate::book::survey::Told;

/// How long lies between two surveys: the metrics' gauges are never older.
const PAUSE: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) async fn run(book: Arc<Book>) {
    let mut told = Told::default();
    loop {
        match book.survey().await {
            Ok(survey) => {
                book.metrics.show(&survey);
                told.tell(&survey, book.clock.now());
            }
            Err(failed) => tracing::warn!(%failed, "what is open could not be looked over"),
        }
        book.clock.sleep(PAUSE).await;
    }
}
