//! The table at the demo's end: a row a story.

/// How a story ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) story: String,
    pub(super) order_id: String,
    pub(super) outcome: String,
    pub(super) reason: String,
    pub(super) charge_permission_id: String,
    pub(super) charge_id: String,
}

const HEADINGS: [&str; 6] = ["story", "order", "outcome", "reason", "chargePermissionId", "chargeId"];

/// The table as text: columns as wide as their widest cell, `-` where there is nothing.
pub(super) fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let Row { story, order_id, outcome, reason, charge_permission_id, charge_id } = row.clone();
        [story, order_id, outcome, reason, charge_permission_id, charge_id]
            .map(|cell| if cell.is_empty() { "-".to_owned() } else { cell })
    };
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    lines.insert(1, widths.map(|width| "-".repeat(width)));
    let line = |line: &[String; 6]| {
        let padded = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |story: &str, reason: &str| Row {
            story: story.to_owned(),
            order_id: "A-1".to_owned(),
            outcome: "paid".to_owned(),
            reason: reason.to_owned(),
            ..Row::default()
        };
        insta::assert_snapshot!(table(&[row("one", ""), row("another story", "HardDeclined")]), @"
        story          order  outcome  reason        chargePermissionId  chargeId
        -------------  -----  -------  ------------  ------------------  --------
        one            A-1    paid     -             -                   -
        another story  A-1    paid     HardDeclined  -                   -
        ");
    }
}
