//! The simulation itself: seeds hold, a seed is one run, every kind of trouble is met, and each planted
//! defect is found.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use countersign_simulation::{PLANTED_BUGS, PlantedBug, Report, Run, run};

/// How many orders each world has here: the release build on demand has a hundred.
const ORDERS: usize = 12;
/// The seeds that hold in each run of the tests.
const SEEDS: Range<u64> = 0..200;
/// Within so many seeds each planted defect must be found.
const SEEDS_TO_FIND: Range<u64> = 0..500;

fn of(seed: u64, planted: Option<PlantedBug>) -> Report {
    run(Run { seed, orders: ORDERS, planted })
}

/// Runs the seeds on all cores, and says what happened in them.
fn check_clean(seeds: Range<u64>) -> BTreeMap<String, u64> {
    let next = AtomicU64::new(seeds.start);
    let counts: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let report = of(seed, None);
            if let Some(failure) = report.failure {
                panic!("{failure}");
            }
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (what, count) in report.counts {
                *counts.entry(what).or_default() += count;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    counts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Seeds that hold because nothing happens in them would prove nothing.
const MET: [&str; 89] = [
    "quoted",
    "quote refused cartChanged",
    "Finalize of a quote",
    "forged 403",
    "notification taken in",
    "notified 200",
    "notified 503",
    "notified nobody",
    "merchant crash",
    "in doubt for a day, Paid",
    "in doubt for a day, Never",
    "Amazon crash",
    "Approved → Finalizing",
    "Approved → NotPaid",
    "Bound → Finalizing",
    "Bound → NotPaid",
    "Bound → Surplus",
    "Finalizing → Approved",
    "Finalizing → Authorized",
    "Finalizing → Captured",
    "Finalizing → Confirmed",
    "Finalizing → InDoubt",
    "Finalizing → NotPaid",
    "Finalizing → Pending",
    "InDoubt → Authorized",
    "InDoubt → Captured",
    "InDoubt → Confirmed",
    "InDoubt → NotPaid",
    "InDoubt → Pending",
    "InDoubt → Unresolved",
    "Pending → Authorized",
    "Pending → Captured",
    "Pending → NotPaid",
    "cancel 200",
    "cancel 202",
    "cancelCharge InDoubt → Done",
    "cancelCharge Sending → Done",
    "captureCharge InDoubt → Done",
    "captureCharge Sending → Done",
    "captureCharge Sending → InDoubt",
    "captures 200",
    "captures 202",
    "captures 409",
    "charges 201",
    "charges 202",
    "close 200",
    "closeChargePermission InDoubt → Done",
    "createCharge InDoubt → Done",
    "createCharge Sending → Done",
    "createCharge Sending → Refused",
    "createRefund InDoubt → Done",
    "createRefund Sending → Done",
    "createRefund Sending → InDoubt",
    "fact capture.due",
    "fact charge.canceled",
    "fact charge.captured",
    "fact charge.declined",
    "fact checkout.canceled",
    "fact refund.declined",
    "fact refund.refunded",
    "may ship false: Canceled",
    "may ship false: CaptureInitiated",
    "may ship true: Authorized",
    "may ship true: Captured",
    "permission MerchantClosed",
    "refund Declined",
    "refund Refunded",
    "refunds 202",
    "refunds 409",
    "none → Bound",
    "none → Surplus",
    "charge Authorized",
    "charge AuthorizationInitiated",
    "charge Canceled",
    "charge Captured",
    "charge Declined",
    "session Canceled",
    "session Completed",
    "said authorized",
    "said checking",
    "said confirmed",
    "said notPaid",
    "said paid",
    "said pending",
    "shown bad",
    "shown good",
    "shown open",
    "shown notPaid",
    "shown paid",
];

#[test]
fn two_hundred_seeds_keep_the_promise() {
    let counts = check_clean(SEEDS);
    let missing: Vec<&str> = MET.into_iter().filter(|what| !counts.contains_key(*what)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}; met: {counts:#?}");
}

#[test]
fn a_seed_is_one_run_and_another_seed_another() {
    // Seed 0 signs with real keys, whose signatures differ each time.
    for seed in [0, 17] {
        let (once, again) = (of(seed, None), of(seed, None));
        assert_eq!((once.trace_hash, once.steps), (again.trace_hash, again.steps), "seed {seed}");
        assert_eq!(once.counts, again.counts);
        assert_ne!(once.trace_hash, of(seed + 1, None).trace_hash);
    }
}

fn check_found(bug: PlantedBug) {
    let failure = SEEDS_TO_FIND.into_iter().find_map(|seed| of(seed, Some(bug)).failure);
    let Some(failure) = failure else { panic!("{bug:?} was not found in the seeds {SEEDS_TO_FIND:?}") };
    let told = failure.to_string();
    let line = told.lines().next().unwrap_or_default();
    println!("{bug:?}: {line}");
    assert!(line.contains(&failure.invariant.to_string()), "{told}");
    assert!(told.contains("BROKEN"), "the trace shows it: {told}");
    let again = told.lines().last().unwrap_or_default();
    assert!(again.starts_with("again: cargo xtask simulate --seed "), "{told}");
    assert!(again.ends_with(&format!("--bug {bug:?}")), "{told}");
}

macro_rules! found {
    ($($name:ident: $bug:ident;)+) => {
        $(
            #[test]
            fn $name() {
                check_found(PlantedBug::$bug);
            }
        )+

        /// Each by the test that bears its name; here that none was left out.
        #[test]
        fn the_simulation_finds_each_planted_bug() {
            assert_eq!(PLANTED_BUGS, [$(PlantedBug::$bug),+]);
        }
    };
}

found! {
    a_look_up_that_is_off_is_found: LookUpOff;
    open_read_as_unpaid_is_found: OpenReadAsUnpaid;
    not_found_read_as_unpaid_is_found: NotFoundReadAsUnpaid;
    a_key_raised_in_doubt_is_found: KeyRaisedInDoubt;
    a_body_serialised_anew_is_found: BodyReserializedOnResend;
    ids_written_after_success_are_found: IdsWrittenAfterSuccess;
    completed_read_as_paid_is_found: CompletedReadAsPaid;
    an_expiry_by_the_local_clock_is_found: ExpiryByLocalClock;
    a_second_tab_that_is_finalized_is_found: SecondTabFinalized;
    a_fresh_key_per_send_is_found: FreshKeyPerSend;
    a_refund_budget_that_is_not_locked_is_found: RefundBudgetUnlocked;
    an_initiated_capture_read_as_failed_is_found: InitiatedReadAsFailed;
    a_doubt_asked_for_without_rest_is_found: NotFoundAskedForEver;
    floats_for_money_are_found: FloatsForMoney;
    a_refusal_that_cancels_the_order_is_found: RefusalCancelsOrder;
    an_error_that_closes_the_permission_is_found: ErrorClosesPermission;
    a_notification_that_is_believed_is_found: NotificationBelieved;
    an_early_notification_that_is_dropped_is_found: EarlyNotificationDropped;
}
