//! What a name of a circuit can mean: qubits, bits, values.
//!
//! Promises wires in the order of the file. Leaves which name means what to [`super::names`].

use std::rc::Rc;

/// What a name means.
#[derive(Debug, Clone)]
pub(super) enum Symbol {
    Qubits(Wires),
    Bits(Wires),
    /// `None`: known only at run time.
    Value(Option<f64>),
}

/// Some qubits, or some bits, in order.
#[derive(Debug, Clone)]
pub(super) enum Wires {
    /// A single one, which goes with registers of any size.
    One(u32),
    /// A register or a slice of neighbours.
    Run { first: u32, length: u32 },
    /// Any others.
    List(Rc<[u32]>),
}

impl Wires {
    /// A register, or a single one without a size.
    pub(super) fn new(first: u32, size: Option<u32>) -> Self {
        match size {
            Some(length) => Self::Run { first, length },
            None => Self::One(first),
        }
    }

    pub(super) fn list(list: Vec<u32>) -> Self {
        Self::List(list.into())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Run { length, .. } => *length as usize,
            Self::List(list) => list.len(),
        }
    }

    /// The wire at a place below [`Wires::len`]; the same at all places for a single one.
    pub(super) fn get(&self, place: usize) -> u32 {
        match self {
            Self::One(wire) => *wire,
            Self::Run { first, .. } => first + place as u32,
            Self::List(list) => list[place],
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|place| self.get(place))
    }
}
