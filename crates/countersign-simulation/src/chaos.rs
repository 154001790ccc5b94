//! The greater misfortunes: crashes, frozen machines, store outages, cut networks, clocks that
//! jump. Each happens about as often as the weather says, until the weather calms down.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::intercept::Outage;

use crate::entropy::Random;
use crate::executor::Group;
use crate::weather::Misfortune;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Starts all the misfortunes.
pub(crate) fn begin(world: &Arc<World>, seed: u64) {
    for (part, (misfortune, every)) in (100..).zip(world.weather.spells) {
        let Some(every) = every else { continue };
        let (world, random) = (Arc::clone(world), Random::stream(seed, part));
        world.executor.clone().spawn(Group::World, async move {
            loop {
                let pause = random.time(Duration::ZERO, every * 3);
                world.executor.sleep(pause).await;
                if world.weather.is_calm() {
                    return;
                }
                strike(misfortune, &world, &random).await;
            }
        });
    }
}

async fn strike(misfortune: Misfortune, world: &Arc<World>, random: &Random) {
    let executor = &world.executor;
    let for_a_while = random.time(Duration::ZERO, 90 * SECOND);
    let note = |text: String| world.witness.note(None, text);
    match misfortune {
        Misfortune::Crash(half) => {
            note(format!("{half} crashes for {for_a_while:?}"));
            world.witness.count(&format!("{half:?} crash"));
            world.crash(half);
            executor.sleep(for_a_while).await;
            if !world.weather.is_calm() {
                world.start(half);
            }
        }
        Misfortune::Freeze(half) => {
            note(format!("the process of {half:?} is frozen for {for_a_while:?}"));
            executor.freeze(Group::Half(half));
            executor.sleep(for_a_while).await;
            executor.thaw(Group::Half(half));
        }
        Misfortune::Outage(half) => {
            let outage = random.one_of(&[Outage::ReadOnly, Outage::Unreachable]);
            note(format!("a store is {outage:?} for {for_a_while:?}"));
            let outages = &world.stores.get(half).store.hook.outages;
            outages.fail(outage);
            executor.sleep(for_a_while).await;
            outages.heal();
        }
        Misfortune::CutOff => {
            let lasting = random.time(SECOND, Duration::from_secs(3_600));
            note(format!("the merchant half is cut off from Amazon for {lasting:?}"));
            world.weather.cut_off();
            executor.sleep(lasting).await;
            world.weather.reconnect();
        }
        // A clock is set wrong, and is right again after a while.
        Misfortune::Clock(half) => {
            let (off_by, lasting) = (jump(random), random.time(Duration::ZERO, 600 * SECOND));
            note(format!("the clock of {half} is off by {off_by} ms for {lasting:?}"));
            world.set_clock(half, off_by);
            executor.sleep(lasting).await;
            note(format!("the clock of {half} is set right"));
            world.set_clock(half, 0);
        }
    }
}

/// How far a clock jumps, forwards or backwards: mostly seconds, sometimes hours, seldom more than
/// a day.
fn jump(random: &Random) -> i64 {
    let most = match random.below(20) {
        0 => 30 * 3_600,
        1..5 => 3_600,
        5..10 => 120,
        _ => 5,
    };
    let millis = random.time(Duration::ZERO, Duration::from_secs(most)).as_millis();
    let millis = i64::try_from(millis).unwrap_or(0);
    if random.happens(500) { millis } else { -millis }
}
