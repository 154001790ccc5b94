//! `cargo xtask simulate`: runs seeds in order on all cores, and prints how fast they run. If seeds
//! break an invariant, it reports the lowest of them, however the cores share the work, and stops.
//! The report begins with `invariant NAME failed at seed N: …`, which `cargo xtask defects` reads.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_simulation::features::{Feature, Features};
use countersign_simulation::{Failure, Run, run, trace};
use countersign_world::{Clock as _, SystemClock};

const USAGE: &str = "\
usage: countersign-simulation [--seeds N] [--seed FIRST] [--orders N] [--with FEATURE] [--without FEATURE]
                              [--counts] [--trace]

  --seeds N     how many seeds to run (default 200)
  --seed FIRST  the first of them (default 0)
  --orders N    how many orders each has (default 100)
  --with FEATURE, --without FEATURE
                switches on or off what worlds can have; repeatable; `--with all` is everything
  --counts      prints how many times each thing happened
  --trace       prints everything that happens in the first seed, and runs no other";

struct Options {
    seeds: u64,
    first: u64,
    orders: usize,
    features: Features,
    counts: bool,
    trace: bool,
}

fn main() -> ExitCode {
    let options = match read_options() {
        Ok(options) => options,
        Err(why) => {
            say(&format!("{why}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    if options.trace {
        say(&trace(Run { seed: options.first, orders: options.orders, features: options.features }));
        return ExitCode::SUCCESS;
    }
    let began = SystemClock.monotonic();
    let seconds_passed = || SystemClock.monotonic().saturating_sub(began).as_secs_f64();
    let next = AtomicU64::new(0);
    let found: Mutex<BTreeMap<u64, Failure>> = Mutex::default();
    let counts: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let failed_at = || locked(&found).keys().next().copied();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.seeds || failed_at().is_some_and(|failed_at| number > failed_at) {
                        return;
                    }
                    let seed = options.first.wrapping_add(number);
                    let report = run(Run { seed, orders: options.orders, features: options.features });
                    for (what, count) in report.counts {
                        *locked(&counts).entry(what).or_default() += count;
                    }
                    locked(&found).extend(report.failure.map(|failure| (number, failure)));
                    if number % 100 == 99 {
                        say(&format!("{} seeds, {:.1} s", number + 1, seconds_passed()));
                    }
                }
            });
        }
    });
    if options.counts {
        for (what, count) in locked(&counts).iter() {
            say(&format!("{count:>9}  {what}"));
        }
    }
    let seconds = seconds_passed();
    let happened = |feature: &Feature| locked(&counts).get(feature.counted_as()).copied().unwrap_or_default();
    let happened: Vec<String> =
        Feature::ALL.iter().map(|feature| format!("{} {}", feature.name(), happened(feature))).collect();
    say(&format!("what worlds can have, and how often it happened: {}", happened.join(", ")));
    match locked(&found).pop_first() {
        Some((_, failure)) => {
            say(&failure.to_string());
            ExitCode::FAILURE
        }
        None => {
            let checkouts = options.seeds * u64::try_from(options.orders).unwrap_or(0);
            let speed = f64::from(u32::try_from(checkouts).unwrap_or(u32::MAX)) / seconds;
            say(&format!(
                "{} seeds clean: {checkouts} checkouts in {seconds:.1} s, {speed:.0} a second",
                options.seeds
            ));
            ExitCode::SUCCESS
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(text: &str) {
    // A failure is ignored: a reader that has gone away needs no more output.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn read_options() -> Result<Options, String> {
    let mut options = Options {
        seeds: 200,
        first: 0,
        orders: 100,
        features: Features::DEFAULT,
        counts: false,
        trace: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if matches!(flag.as_str(), "--counts" | "--trace") {
            options.counts |= flag == "--counts";
            options.trace |= flag == "--trace";
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{flag} needs a number"));
        match flag.as_str() {
            "--seeds" => options.seeds = number()?,
            "--seed" => options.first = number()?,
            "--orders" => options.orders = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--with" if value == "all" => options.features = Features::ALL,
            "--with" => options.features = options.features.with(feature(&value)?),
            "--without" => options.features = options.features.without(feature(&value)?),
            _ => return Err(format!("there is no option {flag}")),
        }
    }
    Ok(options)
}

fn feature(name: &str) -> Result<Feature, String> {
    let names: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
    let found = Feature::ALL.iter().find(|feature| feature.name() == name);
    found.copied().ok_or_else(|| format!("there is no feature {name}; there are {}", names.join(", ")))
}
