//! The watch's loop: has everything looked over once a minute, for the metrics and the log. It
//! changes nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::app::survey::Told;

/// How long lies between two surveys: the metrics' gauges are never older.
const PAUSE: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    let mut told = Told::default();
    loop {
        match app.survey().await {
            Ok(survey) => {
                app.metrics.show(&survey);
                told.tell(&survey, app.clock.now());
            }
            Err(failed) => tracing::warn!(%failed, "what is open could not be looked over"),
        }
        app.clock.sleep(PAUSE).await;
    }
}
