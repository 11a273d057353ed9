//! What a lot says.

/// The value of a list that a lot of 0..1 falls on, from the first to the last; none of an empty one.
pub(super) fn fall_on<T>(values: &[T], lot: f64) -> Option<&T> {
    values.get((lot * values.len() as f64) as usize).or(values.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_the_same_share_of_all_lots() {
        let on = |lot| fall_on(&[1, 2, 3, 4], lot).copied();
        assert_eq!([0.0, 0.24, 0.25, 0.5, 0.99, 1.0].map(on), [1, 1, 2, 3, 4, 4].map(Some));
        assert_eq!(fall_on::<u8>(&[], 0.5), None);
    }
}
