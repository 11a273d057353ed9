//! What an import assumed, corrected or took out.
//!
//! Promises one message per place, or one with a count where every element may be concerned. Leaves finding the places
//! to the importer.

use crate::time::Span;

/// A place where the device differs from what the files say, or the files say nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ImportWarning {
    /// A qubit is marked dead.
    #[error("qubit {qubit} is dead: {why}")]
    DeadQubit { qubit: u32, why: &'static str },
    /// A coupler is marked dead.
    #[error("coupler [{a}, {b}] is dead: {why}")]
    DeadCoupler { a: u32, b: u32, why: &'static str },
    /// No coupling map, which Qiskit reads as a device whose qubits are all coupled.
    #[error(
        "the configuration has no coupling map: all {pairs} pairs of qubits are coupled, of which {dead} have no gate in \
         the properties and are dead"
    )]
    CouplingMapAssumed { pairs: u32, dead: u32 },
    /// A coupler that stands in the properties only.
    #[error("coupler [{a}, {b}] is not in the coupling map, but has gates in the properties: added")]
    CouplerAdded { a: u32, b: u32 },
    /// T2 was longer than physics allows.
    #[error("qubit {qubit}: T2 clamped to twice T1")]
    T2Clamped { qubit: u32 },
    /// T2 is missing.
    #[error("qubit {qubit}: T2 not given: twice T1 assumed, the longest that there is")]
    T2Assumed { qubit: u32 },
    /// The readout error stands at the gate `measure` only.
    #[error("qubit {qubit}: readout error not given: that of its gate `measure` taken")]
    ReadoutErrorOfGate { qubit: u32 },
    /// Old files say nothing of the readout duration.
    #[error("readout duration of {qubits} qubits not given: {assumed} assumed")]
    ReadoutDurationAssumed { qubits: u32, assumed: Span },
    /// A gate without duration.
    #[error("gate duration of {elements} elements not given: {assumed} assumed")]
    GateDurationAssumed { elements: u32, assumed: Span },
    /// No such file holds the times around shots.
    #[error("times around shots are not in the files: {what} assumed")]
    SpeedAssumed { what: String },
    /// A value that cannot be.
    #[error("{what}: {value} cannot be, and counts as not given")]
    OutOfRange { what: String, value: String },
    /// Numbers of Python that JSON does not have.
    #[error("{values} values of the {file} are NaN or infinite, and count as not given")]
    NotFinite { file: &'static str, values: u32 },
    /// The same figure twice.
    #[error("{what} is given {times} times: the first counts")]
    Repeated { what: String, times: u32 },
    /// The two directions of a coupler differ.
    #[error("{couplers} couplers have gates of different errors: the lowest counts")]
    ErrorsDiffer { couplers: u32 },
    /// A gate on three and more qubits.
    #[error("{gates} gates on three or more qubits were left out")]
    WideGatesLeftOut { gates: u32 },
    /// The date has no offset.
    #[error("the date `{date}` is no RFC 3339 time stamp and was left out")]
    DateLeftOut { date: String },
    /// A `zz_AB` entry that fits no coupler, or several.
    #[error("{entries} entries `zz_AB` fit no single coupler and were left out")]
    ZzLeftOut { entries: u32 },
    /// A name with characters that no device may have.
    #[error("the name `{name}` is not allowed for a device: {used} taken")]
    NameChanged { name: String, used: String },
    /// Qiskit's made-up devices.
    #[error("`{name}` is no real device: its figures were made up")]
    NotReal { name: String },
}
