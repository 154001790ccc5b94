//! The greater misfortunes: crashes, machines that stand still, stores that are away, networks that are
//! cut, clocks that jump. Each comes about as often as the weather has it, until it calms down.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::intercept::Outage;
use countersign_world::fake::ShiftedClock;

use crate::entropy::Random;
use crate::executor::Group;
use crate::store::HalfStore;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// One kind of misfortune.
#[derive(Debug, Clone, Copy)]
enum Misfortune {
    MerchantCrash,
    AmazonCrash,
    MerchantFreeze,
    AmazonFreeze,
    MerchantOutage,
    AmazonOutage,
    CutOff,
    MerchantClock,
    AmazonClock,
}

/// Sets them all going.
pub(crate) fn begin(world: &Arc<World>, seed: u64) {
    let spells = world.weather.spells;
    let all = [
        (spells.merchant_crash, Misfortune::MerchantCrash),
        (spells.amazon_crash, Misfortune::AmazonCrash),
        (spells.merchant_freeze, Misfortune::MerchantFreeze),
        (spells.amazon_freeze, Misfortune::AmazonFreeze),
        (spells.merchant_outage, Misfortune::MerchantOutage),
        (spells.amazon_outage, Misfortune::AmazonOutage),
        (spells.cut_off, Misfortune::CutOff),
        (spells.merchant_clock, Misfortune::MerchantClock),
        (spells.amazon_clock, Misfortune::AmazonClock),
    ];
    for (part, (every, misfortune)) in (100..).zip(all) {
        let Some(every) = every else { continue };
        let (world, random) = (Arc::clone(world), Random::stream(seed, part));
        world.executor.clone().spawn(Group::World, async move {
            loop {
                let pause = random.time(Duration::ZERO, every * 3);
                world.executor.sleep(pause).await;
                if world.weather.is_calm() {
                    return;
                }
                misfortune.strike(&world, &random).await;
            }
        });
    }
}

impl Misfortune {
    async fn strike(self, world: &Arc<World>, random: &Random) {
        let for_a_while = random.time(Duration::ZERO, 90 * SECOND);
        let note = |text: String| world.witness.note(None, text);
        match self {
            Self::MerchantCrash => {
                note(format!("the merchant half crashes for {for_a_while:?}"));
                world.witness.count("merchant crash");
                world.merchant.crash();
                world.executor.sleep(for_a_while).await;
                if !world.weather.is_calm() {
                    world.start_merchant();
                }
            }
            Self::AmazonCrash => {
                note(format!("Amazon's half crashes for {for_a_while:?}"));
                world.witness.count("Amazon crash");
                world.amazon.crash();
                world.executor.sleep(for_a_while).await;
                if !world.weather.is_calm() {
                    world.start_amazon();
                }
            }
            Self::MerchantFreeze => freeze(world, Group::Merchant, for_a_while).await,
            Self::AmazonFreeze => freeze(world, Group::Amazon, for_a_while).await,
            Self::MerchantOutage => outage(world, &world.merchant_store, random, for_a_while).await,
            Self::AmazonOutage => outage(world, &world.amazon_store, random, for_a_while).await,
            Self::CutOff => {
                let lasting = random.time(SECOND, Duration::from_secs(3_600));
                note(format!("the merchant half is cut off from Amazon for {lasting:?}"));
                world.weather.cut_off();
                world.executor.sleep(lasting).await;
                world.weather.mend();
            }
            Self::MerchantClock => set_wrong(world, "the merchant half", &world.merchant_clock, random).await,
            Self::AmazonClock => set_wrong(world, "Amazon's half", &world.amazon_clock, random).await,
        }
    }
}

/// Somebody sets a clock wrong, and after a while right again.
async fn set_wrong(world: &Arc<World>, whose: &str, clock: &ShiftedClock, random: &Random) {
    let (off_by, lasting) = (jump(random), random.time(Duration::ZERO, 600 * SECOND));
    world.witness.note(None, format!("the clock of {whose} is off by {off_by} ms for {lasting:?}"));
    clock.shift_to(off_by);
    world.executor.sleep(lasting).await;
    world.witness.note(None, format!("the clock of {whose} is set right"));
    clock.shift_to(0);
}

/// Mostly seconds, at times hours, seldom more than a day, either way.
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

async fn freeze(world: &Arc<World>, group: Group, lasting: Duration) {
    world.witness.note(None, format!("the process of {group:?} stands still for {lasting:?}"));
    world.executor.freeze(group);
    world.executor.sleep(lasting).await;
    world.executor.thaw(group);
}

async fn outage(world: &Arc<World>, store: &HalfStore, random: &Random, lasting: Duration) {
    let outage = random.one_of(&[Outage::ReadOnly, Outage::Unreachable]);
    world.witness.note(None, format!("a store is {outage:?} for {lasting:?}"));
    store.hook.outages.fail(outage);
    world.executor.sleep(lasting).await;
    store.hook.outages.heal();
}
