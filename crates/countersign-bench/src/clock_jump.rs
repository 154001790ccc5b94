//! Moves the clock by half a year while very many objects are open: every deadline in between is
//! applied, in order, before the control API answers.

use countersign_domain::terms::PaymentIntent as Intent;
use std::path::Path;
use std::time::Duration;

use countersign_world::{Clock as _, SystemClock};

use super::bench_result::BenchResult;
use super::inside::{InProcessSandbox, new_store};
use super::report::Report;
use super::servers::Durability;
use super::signed::make_key;
use super::template::{OrderStage, Template};

/// The length of a Charge Permission's life, in days.
const DAYS: u32 = 180;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The kinds of open orders: the stage of each, its share in percent, and the number of objects in
/// each copy. A session waits for its end after a day, a permission for the deletion of its buyer's
/// data and for its own end, a charge for the end of its authorization.
const OPEN: [(OrderStage, usize, usize); 3] = [
    (OrderStage::Placed, 40, 1),
    (OrderStage::Finalized(Intent::Confirm), 20, 1),
    (OrderStage::Finalized(Intent::Authorize), 20, 2),
];

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    objects: usize,
    report: &mut Report,
) -> BenchResult {
    let key = make_key(folder)?;
    let store = new_store(folder, durability)?;
    let copies = |percent: usize| objects * percent / 100;
    let all: usize = OPEN.iter().map(|(_, percent, _)| copies(*percent)).sum();
    let began = SystemClock.monotonic();
    let (mut written, mut open) = (0, 0);
    for (life, percent, objects_each) in OPEN {
        let numbers = written..written + copies(percent);
        written = numbers.end;
        open += numbers.len() * objects_each;
        Template::record(life, &key).await?.copy(&*store, numbers, all).await?;
    }
    let prepared = SystemClock.monotonic().saturating_sub(began);
    let sandbox = InProcessSandbox::start(store.clone(), &key).await?;
    let began = SystemClock.monotonic();
    sandbox.control("clock", format!(r#"{{"advance":"P{DAYS}D"}}"#)).await?;
    let moved = SystemClock.monotonic().saturating_sub(began);
    let left = store.due(SystemClock.now().plus(DAY * (DAYS - 1)), 1).await;
    if !left.map_err(|error| format!("{error:?}"))?.is_empty() {
        return Err("the clock was moved, but timers are still due".into());
    }
    let name = |what: &str| format!("clock.{}.{what}", durability.name());
    report.add(name("objects"), 1, open as f64, "open objects");
    report.add(name("prepared"), 1, prepared.as_secs_f64(), "s");
    report.add(name("180_days"), 1, moved.as_secs_f64(), "s").wanted("< 20");
    Ok(())
}
