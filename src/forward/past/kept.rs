//! How much is remembered.

use crate::forward::latest::Latest;

/// The latest attempts and outages of each device and of all, and as many arrivals.
pub(super) type Kept<T> = Latest<T, 256>;
