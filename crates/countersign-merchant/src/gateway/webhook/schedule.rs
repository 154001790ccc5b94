//! When a failed webhook is sent again. It is pure, so that a test can check it as a table.

use std::time::Duration;

/// The pauses after each failed send but the last: eight sends within about 28 hours.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(10 * 3_600),
];

/// The longest pause that the shop can ask for.
const LONGEST: Duration = Duration::from_secs(10 * 3_600);

/// The pause after this number of failed sends, or `None` after the last: up to a tenth shorter or longer by
/// the jitter, and never shorter than the shop asked for, up to the longest.
pub(super) fn pause_after(send_count: u32, asked: Option<Duration>, jitter: u16) -> Option<Duration> {
    let index = usize::try_from(send_count.saturating_sub(1)).ok()?;
    let pause = *PAUSES.get(index)?;
    let per_mille = 900_u32.saturating_add(u32::from(jitter) % 201);
    let spread = pause.saturating_mul(per_mille) / 1_000;
    Some(spread.max(asked.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_sends_and_then_no_more() {
        // A jitter of 100 per mille is added to 900: the pause is exact.
        let table: Vec<_> =
            (1..=8).map(|count| pause_after(count, None, 100).map(|it| it.as_secs())).collect();
        let hours = |count: u64| Some(count * 3_600);
        assert_eq!(table, [Some(5), Some(300), Some(1_800), hours(2), hours(5), hours(10), hours(10), None]);
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        let spread: Vec<_> = (0..=u16::MAX).map(|jitter| pause_after(2, None, jitter).unwrap()).collect();
        assert_eq!(spread.iter().min(), Some(&Duration::from_secs(270)));
        assert_eq!(spread.iter().max(), Some(&Duration::from_secs(330)));
    }

    #[test]
    fn the_shop_can_ask_for_more_time_and_never_for_less() {
        let seconds = Duration::from_secs;
        for (asked, pause) in
            [(0, 5), (4, 5), (60, 60), (36_000, 36_000), (36_001, 36_000), (u64::MAX, 36_000)]
        {
            assert_eq!(pause_after(1, Some(seconds(asked)), 100), Some(seconds(pause)), "{asked}");
        }
        assert_eq!(
            pause_after(8, Some(seconds(60)), 100),
            None,
            "the shop cannot ask for another send after the last"
        );
    }
}
