//! The table at the end of the demo, with a row for each story.

/// How a story ended: a text for each heading.
pub(super) type Row = [String; 7];

const HEADINGS: [&str; 7] =
    ["story", "order", "outcome", "reason", "standing", "chargePermissionId", "chargeId"];

/// The table as text: columns as wide as their widest cell, `-` where there is nothing.
pub(super) fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| row.clone().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell });
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    lines.insert(1, widths.map(|width| "-".repeat(width)));
    let line = |line: &Row| {
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
        let row = |story, reason| [story, "A-1", "paid", reason, "captured", "", ""].map(str::to_owned);
        insta::assert_snapshot!(table(&[row("one", ""), row("another story", "HardDeclined")]), @"
        story          order  outcome  reason        standing  chargePermissionId  chargeId
        -------------  -----  -------  ------------  --------  ------------------  --------
        one            A-1    paid     -             captured  -                   -
        another story  A-1    paid     HardDeclined  captured  -                   -
        ");
    }
}
