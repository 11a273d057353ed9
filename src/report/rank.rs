//! Quantiles as the summary has them, for whatever is drawn beside it.

/// The least of some ascending values that at least the given share does not exceed: nearest rank. `None` without values.
///
/// ```
/// # use resource_manager::report::rank::nearest_rank;
/// assert_eq!(nearest_rank(&[1.0, 2.0, 10.0, 40.0], 0.5), Some(2.0));
/// assert_eq!(nearest_rank(&[1.0, 2.0, 10.0, 40.0], 0.501), Some(10.0));
/// assert_eq!(nearest_rank(&[], 0.5), None);
/// ```
pub fn nearest_rank(sorted: &[f64], share: f64) -> Option<f64> {
    // A share such as 0.95 is a little more than it says: what is whole but for that must not become one more.
    let rank = (share * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}
