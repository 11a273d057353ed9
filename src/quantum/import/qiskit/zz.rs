//! Static ZZ interactions of couplers, from the list `general` of the properties.
//!
//! Promises that a name is assigned to a coupler only when no other reading of it is one. Leaves their use to whoever
//! models crosstalk.

use std::collections::BTreeMap;

use super::parameter::Parameter;
use super::warning::ImportWarning;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{CouplerId, PhysicalQubit};

/// Static ZZ interactions. Their names have no separator (`zz_1213`): only the coupling map tells the qubits.
pub(super) fn zz(
    general: &[Parameter],
    map: &CouplingMap,
    warnings: &mut Vec<ImportWarning>,
) -> BTreeMap<CouplerId, f64> {
    let mut found = BTreeMap::new();
    let mut left_out = 0;
    for parameter in general {
        let Some(digits) = parameter.name.strip_prefix("zz_") else {
            continue;
        };
        let scale = match parameter.unit.as_str() {
            "GHz" => Some(1e9),
            "MHz" => Some(1e6),
            "kHz" => Some(1e3),
            "Hz" => Some(1.0),
            _ => None,
        };
        match (split_pair(digits, map), scale, parameter.number()) {
            (Some(coupler), Some(scale), Some(value)) => {
                found.insert(coupler, value * scale);
            }
            _ => left_out += 1,
        }
    }
    if left_out > 0 {
        warnings.push(ImportWarning::ZzLeftOut { entries: left_out });
    }
    found
}

/// The only coupler whose qubits, written one after the other, give `digits`.
pub(super) fn split_pair(digits: &str, map: &CouplingMap) -> Option<CouplerId> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |text: &str| {
        let canonical = text.len() == 1 || !text.starts_with('0');
        text.parse::<u32>().ok().filter(|q| canonical && (*q as usize) < map.qubits()).map(PhysicalQubit)
    };
    let pairs = (1..digits.len()).filter_map(|cut| Some((number(&digits[..cut])?, number(&digits[cut..])?)));
    let mut couplers = pairs.filter_map(|(a, b)| map.coupler(a, b));
    let only = couplers.next()?;
    couplers.all(|other| other == only).then_some(only)
}
