//! The weather: what goes wrong and how often, drawn once per seed, so that some worlds are nearly calm and
//! others hardly work; and what is wrong right now. Once the weather calms down, nothing goes wrong anymore.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::entropy::Random;
use crate::half::{Half, Halves};

/// How often things go wrong. Each rate is per thousand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// A call that is never sent.
    pub(crate) not_sent: u32,
    /// A call that is sent and never arrives.
    pub(crate) request_lost: u32,
    /// An answer that is lost.
    pub(crate) answer_lost: u32,
    /// A call that arrives twice.
    pub(crate) repeated: u32,
    /// A call that arrives after its sender has given up.
    pub(crate) late: u32,
    /// Amazon turns a call away without evaluating it.
    pub(crate) turned_away: u32,
    /// Amazon answers with a failure before anything is done.
    pub(crate) failed_before: u32,
    /// Amazon answers with a failure after everything is done.
    pub(crate) failed_after: u32,
    /// A body that cannot be read.
    pub(crate) unreadable: u32,
    /// A code or state that no page lists.
    pub(crate) unknown_words: u32,
    /// A request or an answer is lost between the merchant half and its callers.
    pub(crate) browser: u32,
    pub(crate) store: Halves<u32>,
}

/// A greater misfortune.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Misfortune {
    /// The half's process ends.
    Crash(Half),
    /// The half's machine is frozen.
    Freeze(Half),
    /// The half's store has an outage.
    Outage(Half),
    /// The merchant half does not reach Amazon.
    CutOff,
    /// The half's clock jumps.
    Clock(Half),
}

/// All misfortunes, in the order in which a seed draws their rates.
const MISFORTUNES: [Misfortune; 9] = [
    Misfortune::Crash(Half::Merchant),
    Misfortune::Crash(Half::Amazon),
    Misfortune::Freeze(Half::Merchant),
    Misfortune::Freeze(Half::Amazon),
    Misfortune::Outage(Half::Merchant),
    Misfortune::Outage(Half::Amazon),
    Misfortune::CutOff,
    Misfortune::Clock(Half::Merchant),
    Misfortune::Clock(Half::Amazon),
];

/// The weather of one world.
#[derive(Debug)]
pub(crate) struct Weather {
    pub(crate) rates: Rates,
    /// How often each misfortune happens: on average once in this time, or never.
    pub(crate) spells: [(Misfortune, Option<Duration>); MISFORTUNES.len()],
    calm: AtomicBool,
    /// Whether a gateway gives up on every call that takes as long as a payment.
    gives_up_on_payments: AtomicBool,
    shop_is_shut: AtomicBool,
    /// How many cuts separate the merchant half from Amazon now.
    cuts: AtomicU32,
}

impl Weather {
    pub(crate) fn draw(random: &Random) -> Self {
        // Most worlds scale the rates down: if nearly every call failed, there would soon be no
        // payments left that could go wrong.
        let percent = random.one_of(&[10, 30, 100]);
        let rate = || random.one_of(&[0, 0, 5, 20, 60, 150]) * percent / 100;
        let spell = || {
            let minutes = random.one_of(&[None, None, None, Some(2), Some(6), Some(20)]);
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
                store: Halves { merchant: rate() / 4, amazon: rate() / 4 },
            },
            spells: MISFORTUNES.map(|misfortune| (misfortune, spell())),
            calm: AtomicBool::new(false),
            gives_up_on_payments: AtomicBool::new(false),
            shop_is_shut: AtomicBool::new(false),
            cuts: AtomicU32::new(0),
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Draws whether something with this rate goes wrong now.
    pub(crate) fn strikes(&self, random: &Random, rate: impl FnOnce(&Rates) -> u32) -> bool {
        !self.is_calm() && random.happens(rate(&self.rates))
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// The shop asks for nothing from now on.
    pub(crate) fn shut_the_shop(&self) {
        self.shop_is_shut.store(true, Ordering::Relaxed);
    }

    pub(crate) fn shop_is_shut(&self) -> bool {
        self.shop_is_shut.load(Ordering::Relaxed)
    }

    /// Whether the merchant half cannot reach Amazon.
    pub(crate) fn is_cut_off(&self) -> bool {
        !self.is_calm() && self.cuts.load(Ordering::Relaxed) > 0
    }

    /// Whether no answer to a Finalize reaches the merchant half.
    pub(crate) fn gives_up_on_payments(&self) -> bool {
        !self.is_calm() && self.gives_up_on_payments.load(Ordering::Relaxed)
    }

    pub(crate) fn give_up_on_payments(&self) {
        self.gives_up_on_payments.store(true, Ordering::Relaxed);
    }

    /// Cuts the merchant half off, until [`Self::reconnect`] has been called as many times as this method.
    pub(crate) fn cut_off(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends one [`Self::cut_off`].
    pub(crate) fn reconnect(&self) {
        self.cuts.fetch_sub(1, Ordering::Relaxed);
    }

    /// How often a half's store fails now.
    pub(crate) fn store_fault_rate(&self, half: Half) -> Option<u32> {
        let rate = *self.rates.store.get(half);
        (!self.is_calm() && rate > 0).then_some(rate)
    }
}
