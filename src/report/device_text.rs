//! A placement in a few lines of text: the lattice with the numbers of the virtual qubits where they lie.
//!
//! Promises a picture only where it is readable: qubits on a square raster, couplers between neighbours on it, narrow
//! enough for a terminal. Leaves all else to [`super::device_picture`].

use super::layout;
use crate::quantum::device::DeviceSpec;
use crate::quantum::{PhysicalQubit, QubitSet, VirtualQubit};

/// Widest picture, characters.
const WIDTH_MAX: usize = 100;

/// What the signs of a picture mean.
pub const LEGEND: &str = "numbers: virtual qubits; ━ ┃ used couplers; · free, # busy, x dead";

/// The lattice of a device with a placement of the given edges; `None` where it would not be readable.
pub fn draw(
    device: &DeviceSpec,
    layout: &[PhysicalQubit],
    edges: &[(VirtualQubit, VirtualQubit, u32)],
    busy: &QubitSet,
) -> Option<String> {
    let raster = Raster::of(device)?;
    let digits = layout.len().saturating_sub(1).max(1).ilog10() as usize + 1;
    let pitch = digits + 1;
    if raster.columns * pitch > WIDTH_MAX {
        return None;
    }
    let used = |a: PhysicalQubit, b: PhysicalQubit| {
        edges.iter().any(|(from, to, _)| {
            let ends = (layout.get(from.index()), layout.get(to.index()));
            ends == (Some(&a), Some(&b)) || ends == (Some(&b), Some(&a))
        })
    };
    // Between two rows of qubits lies a row of couplers.
    let mut lines = vec![vec![' '; raster.columns * pitch]; 2 * raster.rows - 1];
    for (index, &(row, column)) in raster.places.iter().enumerate() {
        let qubit = PhysicalQubit(index as u32);
        let sign = match layout.iter().position(|placed| *placed == qubit) {
            Some(number) => number.to_string(),
            None if device.calibration.qubits[index].dead => "x".to_owned(),
            None if busy.contains(qubit) => "#".to_owned(),
            None => "·".to_owned(),
        };
        for (cell, sign) in lines[2 * row][column * pitch..].iter_mut().zip(sign.chars()) {
            *cell = sign;
        }
    }
    for ((a, b), figures) in device.coupling_map.couplers().iter().zip(&device.calibration.couplers) {
        let (from, to) = (raster.places[a.index()], raster.places[b.index()]);
        let (row, column) = (from.0.min(to.0), from.1.min(to.1));
        let used = used(*a, *b);
        if from.0 == to.0 {
            for cell in
                lines[2 * row][column * pitch + 1..(column + 1) * pitch].iter_mut().filter(|c| **c == ' ')
            {
                *cell = match (used, figures.dead) {
                    (true, _) => '━',
                    (false, true) => ' ',
                    (false, false) => '─',
                };
            }
        } else {
            lines[2 * row + 1][column * pitch] = match (used, figures.dead) {
                (true, _) => '┃',
                (false, true) => ' ',
                (false, false) => '│',
            };
        }
    }
    let lines = lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned());
    Some(lines.collect::<Vec<_>>().join("\n") + "\n")
}

/// Qubits in rows and columns.
struct Raster {
    places: Vec<(usize, usize)>,
    rows: usize,
    columns: usize,
}

impl Raster {
    fn of(device: &DeviceSpec) -> Option<Self> {
        let map = &device.coupling_map;
        let positions = layout::positions(map);
        let least = |get: fn(&(f64, f64)) -> f64| positions.iter().map(get).fold(f64::INFINITY, f64::min);
        let (left, top) = (least(|place| place.0), least(|place| place.1));
        let whole = |value: f64| {
            let near = value.round();
            ((value - near).abs() < 1e-6 && (0.0..1e4).contains(&near)).then_some(near as usize)
        };
        let places: Vec<(usize, usize)> = positions
            .iter()
            .map(|(x, y)| Some((whole(y - top)?, whole(x - left)?)))
            .collect::<Option<_>>()?;
        let beside = |(a, b): &(PhysicalQubit, PhysicalQubit)| {
            let (from, to) = (places[a.index()], places[b.index()]);
            from.0.abs_diff(to.0) + from.1.abs_diff(to.1) == 1
        };
        if !map.couplers().iter().all(beside) {
            return None;
        }
        let rows = places.iter().map(|place| place.0).max()? + 1;
        let columns = places.iter().map(|place| place.1).max()? + 1;
        Some(Self { places, rows, columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantum::catalogue;

    #[test]
    fn a_line_on_a_heavy_hex_lattice() {
        let device = catalogue::load("ibm_guadalupe").unwrap();
        let layout = [0, 1, 4, 7, 10].map(PhysicalQubit);
        let edges: Vec<_> = (0..4).map(|v| (VirtualQubit(v), VirtualQubit(v + 1), 1)).collect();
        let busy = QubitSet::from_qubits(16, [15, 12].map(PhysicalQubit));
        insta::assert_snapshot!(draw(&device, &layout, &edges, &busy).unwrap(), @"
              ·
              │
        0━1━2━3━4─#─#
          │       │
          ·       ·
          │       │
          ·─·─·─·─·
              │
              ·
        ");
    }

    #[test]
    fn only_what_lies_on_a_raster_is_drawn() {
        let drawn = |name: &str| {
            let device = catalogue::load(name).unwrap();
            let qubits = device.coupling_map.qubits();
            draw(&device, &[], &[], &QubitSet::new(qubits)).is_some()
        };
        assert!(drawn("ibm_fez") && drawn("iqm_garnet"));
        assert!(!drawn("ionq_forte") && !drawn("rigetti_aspen_m"));
    }
}
