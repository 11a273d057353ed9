//! What is wrong with an event that is applied to a state in which it cannot have happened.

/// An event that cannot have happened in the state that it is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(pub(super) &'static str);

/// An event was applied, or cannot have happened.
pub(super) type Done = Result<(), Impossible>;

/// Whether it can.
pub(super) fn ensure(holds: bool, otherwise: &'static str) -> Done {
    if holds { Ok(()) } else { Err(Impossible(otherwise)) }
}
