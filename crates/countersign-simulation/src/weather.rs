//! How bad things are: what goes wrong and how often, drawn once a seed, so that some worlds are nearly
//! calm and others hardly work; and what is wrong just now. When the weather calms down, nothing goes
//! wrong any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::entropy::Random;
use crate::witness::Half;

/// How often things go wrong, each in a thousand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// A call that never leaves.
    pub(crate) not_sent: u32,
    /// A call that leaves and never arrives.
    pub(crate) request_lost: u32,
    /// An answer that is lost.
    pub(crate) answer_lost: u32,
    /// A call that arrives twice.
    pub(crate) repeated: u32,
    /// A call that arrives when its sender has given up.
    pub(crate) late: u32,
    /// Amazon turns a call away at the door.
    pub(crate) turned_away: u32,
    /// Amazon answers with a failure and has done nothing.
    pub(crate) failed_before: u32,
    /// Amazon answers with a failure and has done it all.
    pub(crate) failed_after: u32,
    /// A body that cannot be read.
    pub(crate) unreadable: u32,
    /// A code or state that no page lists.
    pub(crate) unknown_words: u32,
    /// Anything between the merchant half and its callers.
    pub(crate) browser: u32,
    pub(crate) merchant_store: u32,
    pub(crate) amazon_store: u32,
}

/// How often greater things happen: on average once in so much time, or never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spells {
    pub(crate) merchant_crash: Option<Duration>,
    pub(crate) amazon_crash: Option<Duration>,
    pub(crate) merchant_freeze: Option<Duration>,
    pub(crate) amazon_freeze: Option<Duration>,
    pub(crate) merchant_outage: Option<Duration>,
    pub(crate) amazon_outage: Option<Duration>,
    pub(crate) cut_off: Option<Duration>,
    pub(crate) merchant_clock: Option<Duration>,
    pub(crate) amazon_clock: Option<Duration>,
}

/// The weather of one world.
#[derive(Debug)]
pub(crate) struct Weather {
    pub(crate) rates: Rates,
    pub(crate) spells: Spells,
    calm: AtomicBool,
    cut_off: AtomicBool,
}

impl Weather {
    pub(crate) fn draw(random: &Random) -> Self {
        let rate = || random.one_of(&[0, 0, 5, 20, 60, 150]);
        let spell = || {
            let minutes = random.one_of(&[None, None, Some(1), Some(4), Some(15)]);
            minutes.map(|minutes| Duration::from_secs(minutes * 60))
        };
        Self {
            rates: Rates {
                not_sent: rate(),
                request_lost: rate(),
                answer_lost: rate(),
                repeated: rate(),
                late: rate(),
                turned_away: rate(),
                failed_before: rate(),
                failed_after: rate(),
                unreadable: rate(),
                unknown_words: rate(),
                browser: rate(),
                merchant_store: rate() / 4,
                amazon_store: rate() / 4,
            },
            spells: Spells {
                merchant_crash: spell(),
                amazon_crash: spell(),
                merchant_freeze: spell(),
                amazon_freeze: spell(),
                merchant_outage: spell(),
                amazon_outage: spell(),
                cut_off: spell(),
                merchant_clock: spell(),
                amazon_clock: spell(),
            },
            calm: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
        self.cut_off.store(false, Ordering::Relaxed);
    }

    /// Whether the merchant half cannot reach Amazon.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    pub(crate) fn set_cut_off(&self, cut_off: bool) {
        self.cut_off.store(cut_off, Ordering::Relaxed);
    }

    /// How often a half's store fails now.
    pub(crate) fn store_fault_rate(&self, half: Half) -> Option<u32> {
        let rate = match half {
            Half::Merchant => self.rates.merchant_store,
            Half::Amazon => self.rates.amazon_store,
        };
        (!self.is_calm() && rate > 0).then_some(rate)
    }
}
