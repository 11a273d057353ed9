//! Plain-text tables for the terminal, and numbers as people read them.
//!
//! Promises aligned columns, as many digits as a value deserves, its unit, and no colour unless asked for.
//! Leaves the files, which carry full precision, to their writers.

use std::fmt::Write as _;

use crate::experiment::statistics::Interval;

/// The global option `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// Colour on a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Colour even into a pipe.
    Always,
    /// No colour.
    Never,
}

impl ColorChoice {
    /// Whether to colour. `no_color` is the value of the environment variable `NO_COLOR`: any text but the empty
    /// one forbids colour (no-color.org); an explicit `--color always` wins over it.
    pub fn enabled(self, is_terminal: bool, no_color: Option<&str>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && no_color.is_none_or(str::is_empty),
        }
    }
}

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// What a cell wants to say by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// Less important than its neighbours.
    Dim,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Worth a second look.
    Warning,
}

impl Tone {
    fn ansi(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("\x1b[2m"),
            Self::Good => Some("\x1b[32m"),
            Self::Bad => Some("\x1b[31m"),
            Self::Warning => Some("\x1b[33m"),
        }
    }
}

/// A text with a tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell with a tone.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// A table that is printed when all of its rows are known.
///
/// ```
/// use resource_manager::report::table::{Align, Table};
///
/// let mut table = Table::new(&[("device", Align::Left), ("jobs", Align::Right)]);
/// table.row(["fez".into(), "1,204".into()]);
/// table.row(["brisbane".into(), "87".into()]);
/// assert_eq!(table.render(false), "device     jobs\n───────────────\nfez       1,204\nbrisbane     87\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table with these column names.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns.iter().map(|&(name, align)| (name.to_owned(), align)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Missing cells stay empty, cells beyond the last column are left out.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        let mut row: Vec<Cell> = cells.into_iter().collect();
        row.resize_with(self.columns.len(), || "".into());
        self.rows.push(row);
        self
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, each ended; columns stand two spaces apart, no line ends in spaces.
    pub fn render(&self, color: bool) -> String {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| width(&row[column].text));
                cells.fold(width(&self.columns[column].0), usize::max)
            })
            .collect();
        let mut text = String::new();
        let heads: Vec<Cell> = self.columns.iter().map(|(name, _)| name.as_str().into()).collect();
        self.line(&mut text, &heads, &widths, color);
        let rule = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        paint(&mut text, &"─".repeat(rule), Tone::Dim, color);
        text.push('\n');
        for row in &self.rows {
            self.line(&mut text, row, &widths, color);
        }
        text
    }

    fn line(&self, text: &mut String, row: &[Cell], widths: &[usize], color: bool) {
        let mut pending = 0;
        for ((cell, &space), (_, align)) in row.iter().zip(widths).zip(&self.columns) {
            let gap = space - width(&cell.text);
            let (before, after) = match align {
                Align::Left => (0, gap),
                Align::Right => (gap, 0),
            };
            if cell.text.is_empty() {
                pending += space + 2;
                continue;
            }
            text.extend(std::iter::repeat_n(' ', pending + before));
            paint(text, &cell.text, cell.tone, color);
            pending = after + 2;
        }
        text.push('\n');
    }
}

/// Columns on the screen; one per character, which holds for the names and numbers that we print.
fn width(text: &str) -> usize {
    text.chars().count()
}

pub(super) fn paint(text: &mut String, part: &str, tone: Tone, color: bool) {
    match tone.ansi().filter(|_| color) {
        Some(code) => {
            let _ = write!(text, "{code}{part}\x1b[0m");
        }
        None => text.push_str(part),
    }
}

/// A number with four significant digits, thousands separated: `12,876`, `0.7123`, `3.2e-7`.
///
/// Whole numbers below 10^15 are shown in full. No value is `-`.
pub fn number(value: Option<f64>) -> String {
    match value.filter(|value| !value.is_nan()) {
        None => "-".to_owned(),
        Some(value) if value.is_infinite() => if value > 0.0 { "inf" } else { "-inf" }.to_owned(),
        Some(value) if value == value.trunc() && value.abs() < 1e15 => grouped(value, 0),
        Some(value) if !(1e-4..1e15).contains(&value.abs()) => {
            let text = format!("{value:.2e}");
            text.replace(".00e", "e")
        }
        Some(value) => grouped(value, decimals_for(value, 4)),
    }
}

/// A mean with the half width of its interval, both rounded where the interval says that digits end: `0.7123 ± 0.0034`.
pub fn with_interval(mean: Option<f64>, interval: Option<Interval>) -> String {
    let (Some(mean), Some(half)) = (mean, interval.map(Interval::half_width)) else {
        return number(mean);
    };
    if half == 0.0 || !half.is_finite() {
        return format!("{} ± {}", number(Some(mean)), number(Some(half)));
    }
    if half < 1e-9 || mean.abs() >= 1e15 {
        return format!("{mean:.3e} ± {half:.1e}");
    }
    let decimals = decimals_for(half, 2);
    format!("{} ± {}", grouped(mean, decimals), grouped(half, decimals))
}

/// A difference with the half width of its interval: [`with_interval`] with its sign.
pub fn signed_with_interval(difference: Option<f64>, interval: Option<Interval>) -> String {
    let text = with_interval(difference, interval);
    if difference.is_some_and(|difference| difference > 0.0) { format!("+{text}") } else { text }
}

/// A share as a percentage with one decimal: `71.2 %`.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// A length of time in the unit that suits it: `350 us`, `12.4 s`, `5.2 min`, `3.1 h`, `2.5 d`.
pub fn duration(seconds: Option<f64>) -> String {
    const UNITS: [(f64, f64, &str); 7] = [
        (2.0 * 86_400.0, 86_400.0, "d"),
        (2.0 * 3_600.0, 3_600.0, "h"),
        (120.0, 60.0, "min"),
        (1.0, 1.0, "s"),
        (1e-3, 1e-3, "ms"),
        (1e-6, 1e-6, "us"),
        (0.0, 1e-9, "ns"),
    ];
    let Some(seconds) = seconds.filter(|seconds| !seconds.is_nan()) else {
        return "-".to_owned();
    };
    if seconds == 0.0 {
        return "0 s".to_owned();
    }
    let unit = UNITS.iter().find(|(from, ..)| seconds.abs() >= *from).unwrap_or(&UNITS[3]);
    let value = seconds / unit.1;
    format!("{} {}", grouped(value, decimals_for(value, 3)), unit.2)
}

/// Decimals that leave `digits` significant ones, at least 0.
fn decimals_for(value: f64, digits: i32) -> usize {
    if value == 0.0 {
        return 0;
    }
    let magnitude = value.abs().log10().floor() as i32;
    (digits - 1 - magnitude).clamp(0, 12) as usize
}

/// A fixed number of decimals, a comma between thousands.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let mut text = String::with_capacity(plain.len() + 8);
    if value < 0.0 && plain.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        text.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// The fleet metrics of a run: name, mean and, with more than one replication, the 95 % interval.
pub fn metrics_table<'a>(
    metrics: impl IntoIterator<Item = (&'a str, Option<f64>, Option<Interval>)>,
) -> Table {
    let metrics: Vec<_> = metrics.into_iter().collect();
    let intervals = metrics.iter().any(|(.., interval)| interval.is_some());
    let mut columns = vec![("metric", Align::Left), ("mean", Align::Right)];
    if intervals {
        columns.extend([("± 95 %", Align::Right), ("interval", Align::Left)]);
    } else {
        columns[1].0 = "value";
    }
    let mut table = Table::new(&columns);
    for (name, mean, interval) in metrics {
        let mut row: Vec<Cell> = vec![name.into()];
        match interval {
            Some(interval) => {
                let both = with_interval(mean, Some(interval));
                let (shown, half) = both.split_once(" ± ").unwrap_or((&both, ""));
                row.extend([shown.into(), half.into()]);
                let ends = [interval.low, interval.high].map(|end| number(Some(end)));
                row.push(Cell::new(format!("[{}, {}]", ends[0], ends[1]), Tone::Dim));
            }
            None => row.push(number(mean).into()),
        }
        table.row(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_they_deserve() {
        let shown: Vec<String> =
            [0.0, 12_876.0, 0.712_345, 96.283_71, 1_234.567, -0.25, 3.2e-7, 0.000_123_4, 1e18, -1_234_567.9]
                .map(|value| number(Some(value)))
                .into();
        insta::assert_snapshot!(shown.join("  "), @"0  12,876  0.7123  96.28  1,235  -0.2500  3.20e-7  0.0001234  1e18  -1,234,568");
        assert_eq!(number(None), "-");
        assert_eq!(number(Some(f64::NAN)), "-");
        assert_eq!(signed_with_interval(Some(2.5), None), "+2.500");
    }

    #[test]
    fn intervals_say_where_digits_end() {
        let shown = [(0.712_345, 0.003_44), (12_876.2, 51.3), (0.5, 0.0), (1.25, 0.96), (0.01, 0.099_9)].map(
            |(mean, half)| {
                let interval = Interval { low: mean - half, high: mean + half };
                with_interval(Some(mean), Some(interval))
            },
        );
        insta::assert_snapshot!(shown.join("\n"), @"
        0.7123 ± 0.0034
        12,876 ± 51
        0.5000 ± 0
        1.25 ± 0.96
        0.010 ± 0.100
        ");
    }

    #[test]
    fn durations_choose_their_unit() {
        let shown = [0.0, 3.5e-7, 0.000_350, 0.25, 12.44, 119.0, 312.0, 11_000.0, 216_000.0, -90.0]
            .map(|seconds| duration(Some(seconds)));
        insta::assert_snapshot!(shown.join("  "), @"0 s  350 ns  350 us  250 ms  12.4 s  119 s  5.20 min  3.06 h  2.50 d  -90.0 s");
    }

    #[test]
    fn colour_is_asked_for() {
        use ColorChoice::{Always, Auto, Never};
        assert!(Auto.enabled(true, None) && Auto.enabled(true, Some("")));
        assert!(!Auto.enabled(true, Some("1")) && !Auto.enabled(false, None));
        assert!(Always.enabled(false, Some("1")) && !Never.enabled(true, None));
        let mut table = Table::new(&[("a", Align::Left), ("b", Align::Right)]);
        table.row(["µ".into(), Cell::new("12", Tone::Bad)]);
        assert_eq!(table.render(true), "a   b\n\x1b[2m─────\x1b[0m\nµ  \x1b[31m12\x1b[0m\n");
    }

    #[test]
    fn a_run_is_summarized() {
        let interval = |low, high| Some(Interval { low, high });
        let table = metrics_table([
            ("qubit_utilization", Some(0.712_345), interval(0.708_9, 0.715_8)),
            ("waiting_time_s.p95", Some(1_834.2), interval(1_790.0, 1_878.4)),
            ("isolation_violations", Some(0.0), interval(0.0, 0.0)),
            ("slowdown.p99", None, None),
        ]);
        insta::assert_snapshot!(table.render(false), @"
        metric                  mean  ± 95 %  interval
        ──────────────────────────────────────────────────────
        qubit_utilization     0.7123  0.0035  [0.7089, 0.7158]
        waiting_time_s.p95     1,834      44  [1,790, 1,878]
        isolation_violations       0       0  [0, 0]
        slowdown.p99               -
        ");
        let single = metrics_table([("qubit_utilization", Some(0.712_345), None)]);
        insta::assert_snapshot!(single.render(false), @"
        metric              value
        ─────────────────────────
        qubit_utilization  0.7123
        ");
    }
}
