//! A comparison on the terminal: one row per metric and variant, what the words mean, and why some rows have no verdict.
//!
//! Promises that a row without a verdict shows neither an interval nor a p-value, and that its reason stands below. Leaves
//! the numbers to the comparison.

use std::fmt::Write as _;

use super::table::{Align, Cell, Table, Tone, grouped, number, paint, percent, signed_with_interval};
use crate::experiment::comparison::{Comparison, Row};
use crate::experiment::evidence::NoVerdict;
use crate::experiment::statistics::Verdict;

/// A comparison as a table: one row per metric and variant, the verdict last; then a legend.
pub fn comparison_table(comparison: &Comparison, color: bool) -> String {
    let mut table = Table::new(&[
        ("metric", Align::Left),
        ("variant", Align::Left),
        ("pairs", Align::Right),
        ("baseline", Align::Right),
        ("variant mean", Align::Right),
        ("difference", Align::Left),
        ("p", Align::Right),
        ("d", Align::Right),
        ("vrf", Align::Right),
        ("verdict", Align::Left),
    ]);
    let mut last = "";
    for row in &comparison.rows {
        let short = |value: Option<f64>, decimals: usize| {
            value.map_or_else(|| "-".to_owned(), |value| grouped(value, decimals))
        };
        let p = match row.p_adjusted {
            Some(p) if p < 0.001 => "<0.001".to_owned(),
            p => short(p, 3),
        };
        table.row([
            if row.metric == last { "" } else { &row.metric }.into(),
            row.variant.as_str().into(),
            row.pairs.to_string().into(),
            number(row.baseline_mean).into(),
            number(row.variant_mean).into(),
            signed_with_interval(row.difference, row.ci95).into(),
            p.into(),
            short(row.effect_size, 2).into(),
            short(row.variance_reduction, 1).into(),
            Cell::new(verdict(row), tone(row.verdict)),
        ]);
        last = &row.metric;
    }
    let mut text = table.render(color);
    paint(&mut text, &legend(comparison), Tone::Dim, color);
    let reasons = reasons(comparison);
    if !reasons.is_empty() {
        text.push('\n');
        paint(&mut text, &reasons, Tone::Warning, color);
    }
    text.push('\n');
    text
}

/// The verdict in words: `better`, or `n/a (censored)`.
pub fn verdict(row: &Row) -> String {
    match row.no_verdict {
        None => row.verdict_word().to_owned(),
        Some(reason) => format!("{} ({})", row.verdict_word(), reason.short()),
    }
}

fn tone(verdict: Option<Verdict>) -> Tone {
    match verdict {
        Some(Verdict::Better) => Tone::Good,
        Some(Verdict::Worse) => Tone::Bad,
        Some(Verdict::Equal | Verdict::Inconclusive) => Tone::Dim,
        None => Tone::Warning,
    }
}

/// What the columns and words mean, as far as they occur.
fn legend(comparison: &Comparison) -> String {
    let mut text = format!(
        "differences from `{}` over {} replication(s); pairs: those in which both have a value",
        comparison.baseline, comparison.replications
    );
    if comparison.rows.iter().any(|row| row.p_value.is_some()) {
        let _ = write!(
            text,
            "; ±: 95 % intervals\np: adjusted for {} variant(s) (Holm); d: effect size; vrf: variance reduction by \
             common random numbers",
            comparison.variants.len()
        );
        let _ = write!(
            text,
            "\nbetter, worse: p < 0.05; equal: the same in every world; inconclusive: the data do not decide"
        );
    }
    if let Some(stopped) = &comparison.stopping {
        let precision = percent(Some(stopped.precision));
        let all = match comparison.rows.iter().any(|row| row.verdict.is_none()) {
            true => "every difference that can have a verdict",
            false => "every difference",
        };
        let _ = match stopped.open.len() {
            0 => write!(text, "\n{all} is decided, or known to within {precision} of the baseline"),
            open => write!(
                text,
                "\n{open} of {} differences are neither decided nor known to within {precision} of the baseline after \
                 {} replications; hint: --max-replications",
                comparison.rows.len(),
                comparison.replications,
            ),
        };
    }
    text
}

/// Why rows have no verdict, and what of survivors is known beside the pairs.
fn reasons(comparison: &Comparison) -> String {
    let mut lines: Vec<String> = comparison
        .reasons()
        .into_iter()
        .map(|(reason, rows)| format!("n/a ({}), {rows} row(s): {}", reason.short(), reason.sentence()))
        .collect();
    let some = comparison.rows.iter().filter(|row| row.no_verdict == Some(NoVerdict::ObservedInSome));
    let own = some
        .filter(|row| row.baseline_own.replications > row.pairs || row.variant_own.replications > row.pairs);
    lines.extend(own.map(|row| {
        format!(
            "{}, {}: by itself the baseline has {} over {} replication(s), the variant {} over {}",
            row.metric,
            row.variant,
            number(row.baseline_own.mean),
            row.baseline_own.replications,
            number(row.variant_own.mean),
            row.variant_own.replications
        )
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::comparison::{Metric, MetricValues, Variant};

    #[test]
    fn comparisons_end_in_a_verdict() {
        let variant = |name: &str, waits: &[f64]| {
            let values = waits.iter().map(|&wait| {
                MetricValues::from([
                    ("waiting_time_s.mean".to_owned(), Some(wait)),
                    ("qubit_utilization".to_owned(), Some(0.5 + wait / 100.0)),
                ])
            });
            Variant::new(name, values.collect())
        };
        let metrics = [Metric::lower("waiting_time_s.mean"), Metric::higher("qubit_utilization")];
        let many = [
            variant("first_fit", &[10.0, 14.0, 12.0, 20.0]),
            variant("exact", &[8.0, 11.5, 10.0, 17.5]),
            variant("random", &[11.0, 13.0, 12.5, 19.0]),
        ];
        let comparison = Comparison::new(&metrics, &many, 0, 1).unwrap();
        insta::assert_snapshot!(comparison_table(&comparison, false), @"
        metric               variant  pairs  baseline  variant mean  difference            p      d    vrf  verdict
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        waiting_time_s.mean  exact        4        14         11.75  -2.25 ± 0.46      0.001  -7.79  425.0  better
                             random       4        14         13.88  -0.1 ± 1.6        0.824  -0.12   29.2  inconclusive
        qubit_utilization    exact        4    0.6400        0.6175  -0.0225 ± 0.0046  0.001  -7.79  425.0  worse
                             random       4    0.6400        0.6388  -0.001 ± 0.016    0.824  -0.12   29.2  inconclusive
        differences from `first_fit` over 4 replication(s); pairs: those in which both have a value; ±: 95 % intervals
        p: adjusted for 2 variant(s) (Holm); d: effect size; vrf: variance reduction by common random numbers
        better, worse: p < 0.05; equal: the same in every world; inconclusive: the data do not decide
        ");
        let single = [variant("first_fit", &[10.0]), variant("exact", &[8.0])];
        let comparison = Comparison::new(&metrics[..1], &single, 0, 1).unwrap();
        insta::assert_snapshot!(comparison_table(&comparison, false), @"
        metric               variant  pairs  baseline  variant mean  difference  p  d  vrf  verdict
        ─────────────────────────────────────────────────────────────────────────────────────────────────────────
        waiting_time_s.mean  exact        1        10             8  -2          -  -    -  n/a (one replication)
        differences from `first_fit` over 1 replication(s); pairs: those in which both have a value
        n/a (one replication), 1 row(s): one replication has no interval; hint: --replications 10 or more
        ");
    }

    #[test]
    fn without_a_verdict_there_is_a_reason() {
        let variant = |name: &str, waits: &[Option<f64>]| {
            let values =
                waits.iter().map(|&wait| MetricValues::from([("waiting_time_s.mean".to_owned(), wait)]));
            Variant::new(name, values.collect())
        };
        let variants = [
            variant("a", &[Some(2.0), Some(4.0), Some(6.0), Some(20.0)]),
            variant("same", &[Some(2.0), Some(4.0), Some(6.0), Some(20.0)]),
            variant("some", &[None, None, Some(16.0), Some(40.0)]),
            variant("none", &[None; 4]),
        ];
        let comparison = Comparison::new(&[Metric::lower("waiting_time_s.mean")], &variants, 0, 1).unwrap();
        insta::assert_snapshot!(comparison_table(&comparison, false), @"
        metric               variant  pairs  baseline  variant mean  difference      p     d  vrf  verdict
        ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
        waiting_time_s.mean  same         4         8             8  0           1.000  0.00    -  equal
                             some         2        13            28  +15             -     -    -  n/a (in some worlds)
                             none         0         -             -  -               -     -    -  n/a (not observed)
        differences from `a` over 4 replication(s); pairs: those in which both have a value; ±: 95 % intervals
        p: adjusted for 3 variant(s) (Holm); d: effect size; vrf: variance reduction by common random numbers
        better, worse: p < 0.05; equal: the same in every world; inconclusive: the data do not decide
        n/a (not observed), 1 row(s): no replication has a value on both sides
        n/a (in some worlds), 1 row(s): only some replications have a value on both sides, and those are no fair sample; hint: a longer horizon
        waiting_time_s.mean, some: by itself the baseline has 8 over 4 replication(s), the variant 28 over 2
        ");
    }
}
