//! The latest of something, up to a bound.

use std::collections::VecDeque;
use std::collections::vec_deque::Iter;

/// The latest `MOST`, the oldest first.
#[derive(Debug)]
pub(in crate::forward) struct Latest<T, const MOST: usize>(VecDeque<T>);

impl<T, const MOST: usize> Default for Latest<T, MOST> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T, const MOST: usize> Latest<T, MOST> {
    /// One more, in place of the oldest where there are enough.
    pub(in crate::forward) fn add(&mut self, value: T) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    pub(in crate::forward) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in crate::forward) fn first(&self) -> Option<&T> {
        self.0.front()
    }

    pub(in crate::forward) fn iter(&self) -> Iter<'_, T> {
        self.0.iter()
    }
}
