//! Lattices as vendors build them: which qubits are coupled, together with where each qubit lies.
//!
//! Promises the vendor's numbering for the IBM sizes (checked against their coupling maps) and positions in units
//! of one coupler, y downwards. Leaves maps without a known lattice to the layout in [`crate::report`].

use super::coupling_map::{CouplingMap, CouplingMapError};

/// A coupling map with the place of every qubit.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    /// Which qubits are coupled.
    pub map: CouplingMap,
    /// Place of every qubit: x to the right, y downwards, in units of one coupler.
    pub positions: Vec<(f64, f64)>,
}

/// Sizes that [`heavy_hex_of_size`] knows, ascending: Falcon, Hummingbird, Eagle, Heron, Osprey and Condor.
pub const HEAVY_HEX_SIZES: [u32; 8] = [16, 27, 65, 127, 133, 156, 433, 1121];

/// Places of the 27 qubits of an IBM Falcon, as its backend configuration gives them; the first 16 are the smaller
/// Falcon r4P (`ibmq_guadalupe`).
const FALCON: [(u8, u8); 27] = [
    (1, 2),
    (2, 2),
    (2, 3),
    (2, 4),
    (3, 2),
    (3, 4),
    (4, 1),
    (4, 2),
    (4, 4),
    (4, 5),
    (5, 2),
    (5, 4),
    (6, 2),
    (6, 3),
    (6, 4),
    (7, 2),
    (7, 4),
    (8, 1),
    (8, 2),
    (8, 4),
    (8, 5),
    (9, 2),
    (9, 4),
    (10, 2),
    (10, 3),
    (10, 4),
    (11, 4),
];

/// The heavy-hex device of IBM with `qubits` qubits, in IBM's numbering; `None` for a size IBM never built.
pub fn heavy_hex_of_size(qubits: u32) -> Option<Lattice> {
    let built = match qubits {
        16 | 27 => falcon(qubits as usize),
        65 => rimmed_heavy_hex(5, 11),
        127 => rimmed_heavy_hex(7, 15),
        133 => heavy_hex_rows(&[(0, 15); 7], 0, true),
        156 => heavy_hex(8, 16),
        433 => rimmed_heavy_hex(13, 27),
        1121 => rimmed_heavy_hex(21, 43),
        _ => return None,
    };
    built.ok()
}

/// [`CouplingMap::heavy_hex`] with positions.
pub fn heavy_hex(rows: u32, columns: u32) -> Result<Lattice, CouplingMapError> {
    heavy_hex_rows(&vec![(0, columns); rows as usize], 3, false)
}

/// The shape of Hummingbird, Eagle, Osprey and Condor: the first chain lacks its last qubit, the last chain its first.
fn rimmed_heavy_hex(rows: u32, columns: u32) -> Result<Lattice, CouplingMapError> {
    let mut spans = vec![(0, columns); rows as usize];
    if let Some(first) = spans.first_mut() {
        first.1 -= 1;
    }
    if let Some(last) = spans.last_mut() {
        last.0 += 1;
    }
    heavy_hex_rows(&spans, 0, false)
}

/// Chains over the columns `spans[row].0..spans[row].1`, bridged at every fourth column from `offset`, the offset
/// moving by two from one gap to the next; `dangling` adds bridges below the last chain, as on Heron r1.
fn heavy_hex_rows(spans: &[(u32, u32)], offset: u32, dangling: bool) -> Result<Lattice, CouplingMapError> {
    let mut couplers = Vec::new();
    let mut positions = Vec::new();
    let mut bridges: Vec<(u32, u32)> = Vec::new();
    for (row, &(first, last)) in spans.iter().enumerate() {
        let start = positions.len() as u32;
        let at = |column: u32| start + column - first;
        positions.extend((first..last).map(|column| (f64::from(column), 2.0 * row as f64)));
        couplers.extend((first + 1..last).map(|column| (at(column) - 1, at(column))));
        couplers.extend(bridges.drain(..).map(|(column, bridge)| (bridge, at(column))));
        if row + 1 < spans.len() || dangling {
            let from = if row % 2 == 0 { offset } else { (offset + 2) % 4 };
            let columns = (from..last).step_by(4).filter(|&column| column >= first);
            for (column, bridge) in columns.zip(positions.len() as u32..) {
                couplers.push((at(column), bridge));
                bridges.push((column, bridge));
            }
            positions.extend(
                bridges
                    .iter()
                    .map(|&(column, _)| (f64::from(column), 2.0 * row as f64 + 1.0)),
            );
        }
    }
    Ok(Lattice {
        map: CouplingMap::new(positions.len() as u32, couplers)?,
        positions,
    })
}

fn falcon(qubits: usize) -> Result<Lattice, CouplingMapError> {
    let positions: Vec<(f64, f64)> = FALCON[..qubits]
        .iter()
        .map(|&(x, y)| (f64::from(x) - 1.0, f64::from(y) - 1.0))
        .collect();
    from_positions(positions)
}

/// A square lattice with `rows` rows of `columns` qubits, numbered row by row.
pub fn grid(rows: u32, columns: u32) -> Result<Lattice, CouplingMapError> {
    let positions = (0..rows)
        .flat_map(|r| (0..columns).map(move |c| (f64::from(c), f64::from(r))))
        .collect();
    Ok(Lattice {
        map: CouplingMap::grid(rows, columns)?,
        positions,
    })
}

/// A patch of a square lattice, numbered row by row: row r has the columns `rows[r].0..rows[r].1`.
pub fn patch(rows: &[(u32, u32)]) -> Result<Lattice, CouplingMapError> {
    let row =
        |(r, &(first, last)): (usize, &(u32, u32))| (first..last).map(move |c| (f64::from(c), r as f64));
    from_positions(rows.iter().enumerate().flat_map(row).collect())
}

/// IQM Garnet: 20 qubits, 30 couplers.
pub fn garnet() -> Result<Lattice, CouplingMapError> {
    patch(&[(1, 3), (0, 5), (0, 5), (0, 5), (1, 4)])
}

/// Google Willow: 105 qubits, 182 couplers, as in the device specification of the package `cirq-google`.
pub fn willow() -> Result<Lattice, CouplingMapError> {
    patch(&[
        (6, 9),
        (5, 9),
        (4, 11),
        (3, 11),
        (2, 13),
        (1, 13),
        (0, 15),
        (2, 14),
        (2, 13),
        (4, 12),
        (4, 11),
        (6, 10),
        (6, 9),
    ])
}

/// Rigetti Ankaa-3: 12 rows of 7 qubits without both ends of the seventh row, numbered without gaps.
pub fn ankaa() -> Result<Lattice, CouplingMapError> {
    let mut rows = [(0, 7); 12];
    rows[6] = (1, 6);
    patch(&rows)
}

/// Rigetti Aspen: octagons in `rows` rows of `columns`, two couplers between neighbouring octagons; qubit 8 k + i is
/// corner i of octagon k (the vendor writes 10 k + i).
pub fn octagons(rows: u32, columns: u32) -> Result<Lattice, CouplingMapError> {
    let corner = |k: u32, i: u32| 8 * k + i;
    let mut couplers = Vec::new();
    let mut positions = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let k = row * columns + column;
            couplers.extend((0..8).map(|i| (corner(k, i), corner(k, (i + 1) % 8))));
            if column + 1 < columns {
                couplers.extend([(corner(k, 1), corner(k + 1, 6)), (corner(k, 2), corner(k + 1, 5))]);
            }
            if row + 1 < rows {
                let below = k + columns;
                couplers.extend([(corner(k, 0), corner(below, 3)), (corner(k, 7), corner(below, 4))]);
            }
            // Corners 0 and 7 lie at the bottom, 1 and 2 at the right, 3 and 4 at the top, 5 and 6 at the left.
            let (near, far, pitch) = (0.5, 1.2071, 3.6);
            let (x, y) = (f64::from(column) * pitch, f64::from(row) * pitch);
            let corners = [
                (near, far),
                (far, near),
                (far, -near),
                (near, -far),
                (-near, -far),
                (-far, -near),
                (-far, near),
                (-near, far),
            ];
            positions.extend(corners.map(|(dx, dy)| (x + dx, y + dy)));
        }
    }
    Ok(Lattice {
        map: CouplingMap::new(8 * rows * columns, couplers)?,
        positions,
    })
}

/// Couples all qubits that lie one unit apart.
fn from_positions(positions: Vec<(f64, f64)>) -> Result<Lattice, CouplingMapError> {
    let at = |&(x, y): &(f64, f64)| (y.round() as i64, x.round() as i64);
    let mut places: Vec<((i64, i64), u32)> = positions.iter().map(at).zip(0..).collect();
    places.sort_unstable();
    let find = |place| {
        places
            .binary_search_by_key(&place, |p| p.0)
            .ok()
            .map(|index| places[index].1)
    };
    let mut couplers = Vec::new();
    for &((y, x), qubit) in &places {
        couplers.extend(
            [(y, x + 1), (y + 1, x)]
                .into_iter()
                .filter_map(find)
                .map(|other| (qubit, other)),
        );
    }
    Ok(Lattice {
        map: CouplingMap::new(positions.len() as u32, couplers)?,
        positions,
    })
}

/// The positions of a map that is a known lattice, or one with up to a tenth of its couplers missing.
pub fn recognise(map: &CouplingMap) -> Option<Vec<(f64, f64)>> {
    let n = map.qubits() as u32;
    let fits = |lattice: &Lattice| {
        let (ours, theirs) = (map.couplers(), lattice.map.couplers());
        lattice.map.qubits() == map.qubits()
            && ours.len() * 10 >= theirs.len() * 9
            && ours.iter().all(|pair| theirs.binary_search(pair).is_ok())
    };
    let named = [heavy_hex_of_size(n), garnet().ok(), willow().ok(), ankaa().ok()];
    // A chain is a lattice of one row, and better drawn otherwise.
    let shapes = (2..=n / 2).filter(|columns| n.is_multiple_of(*columns));
    let grids = shapes.filter_map(|columns| grid(n / columns, columns).ok());
    let aspens = (1..=n / 8)
        .filter(|_| n.is_multiple_of(8))
        .filter(|rows| (n / 8).is_multiple_of(*rows))
        .filter_map(|rows| octagons(rows, n / 8 / rows).ok());
    let hexes = (2..=n / 4).flat_map(|rows| heavy_hex_columns(rows, n).map(move |columns| (rows, columns)));
    let hexes = hexes.filter_map(|(rows, columns)| heavy_hex(rows, columns).ok());
    let mut candidates = named
        .into_iter()
        .flatten()
        .chain(aspens)
        .chain(grids)
        .chain(hexes);
    candidates.find(fits).map(|lattice| lattice.positions)
}

/// The number of columns with which `rows` chains make `qubits` qubits, if there is one.
fn heavy_hex_columns(rows: u32, qubits: u32) -> Option<u32> {
    let upper_gaps = rows / 2;
    let lower_gaps = (rows - 1) / 2;
    let bridges = |columns: u32, offset: u32| columns.saturating_sub(offset).div_ceil(4);
    let count =
        |columns: u32| rows * columns + upper_gaps * bridges(columns, 3) + lower_gaps * bridges(columns, 1);
    // `count` rises with the columns, and adds at most a quarter of the chains' qubits and one per gap.
    (qubits / (rows + rows / 4 + 1)..=qubits / rows).find(|&columns| count(columns) == qubits)
}

#[cfg(test)]
mod tests {
    use petgraph::algo::connected_components;

    use super::*;

    /// Sizes and coupler counts that the vendors publish; the IBM maps were compared coupler by coupler.
    #[test]
    fn lattices_have_their_published_sizes() {
        let shape = |lattice: Lattice| {
            assert_eq!(lattice.map.qubits(), lattice.positions.len());
            assert_eq!(connected_components(&lattice.map.graph()), 1);
            (lattice.map.qubits(), lattice.map.couplers().len())
        };
        let hex = HEAVY_HEX_SIZES.map(|size| shape(heavy_hex_of_size(size).unwrap()));
        assert_eq!(
            hex[..6],
            [(16, 16), (27, 28), (65, 72), (127, 144), (133, 150), (156, 176)]
        );
        assert_eq!((hex[6].0, hex[7].0), (433, 1121));
        assert_eq!(shape(garnet().unwrap()), (20, 30));
        assert_eq!(shape(willow().unwrap()), (105, 182));
        assert_eq!(shape(ankaa().unwrap()), (82, 143));
        assert_eq!(shape(octagons(2, 5).unwrap()), (80, 106));
        assert_eq!(
            heavy_hex(8, 16).unwrap().map,
            CouplingMap::heavy_hex(8, 16).unwrap()
        );
    }

    #[test]
    fn lattices_are_recognised_by_their_couplers() {
        for lattice in [
            heavy_hex_of_size(127).unwrap(),
            heavy_hex(5, 9).unwrap(),
            grid(4, 7).unwrap(),
            willow().unwrap(),
            octagons(2, 5).unwrap(),
        ] {
            assert_eq!(recognise(&lattice.map), Some(lattice.positions));
        }
        assert_eq!(recognise(&CouplingMap::all_to_all(12).unwrap()), None);
        assert_eq!(recognise(&CouplingMap::ring(12).unwrap()), None);
    }
}
