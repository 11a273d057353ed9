//! The gates that are known: which file brings which, and what those on three and more qubits are made of.
//!
//! Promises expansions with the counts and the order of `qelib1.inc` (arXiv:1707.03429, as extended by Qiskit), without
//! angles, which no count depends on. Leaves the gates that a file defines to the reader.

use std::collections::BTreeMap;
use std::rc::Rc;

use smallvec::SmallVec;

use super::parser::Version;
use super::syntax::Library;

/// A gate, by its place in [`Gates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GateId(u32);

/// A gate without modifiers.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) name: Box<str>,
    pub(super) parameters: u32,
    pub(super) qubits: u32,
    pub(super) kind: GateKind,
    /// How deep the definitions below it are nested.
    pub(super) height: u32,
    /// What it is a controlled form of, and with how many controls.
    pub(super) controlled: Option<(Root, u32)>,
}

/// What a gate does to the counts.
#[derive(Debug, Clone)]
pub(super) enum GateKind {
    /// One gate on up to two qubits.
    Single,
    /// A layer without a gate.
    Idle,
    /// As many as it is made of.
    Body(Rc<[BodyStep]>),
    /// Three and more qubits without a definition.
    Opaque,
}

/// One part of a gate.
#[derive(Debug, Clone)]
pub(super) struct BodyStep {
    /// `None` for a barrier.
    pub(super) gate: Option<GateId>,
    /// So many of the first wires are added controls.
    pub(super) controls: u32,
    pub(super) inverse: bool,
    pub(super) repeats: u32,
    /// Places in the list of qubits of the gate around it.
    pub(super) wires: SmallVec<[u32; 2]>,
}

impl BodyStep {
    /// A gate as it is.
    pub(super) fn plain(gate: GateId, wires: impl IntoIterator<Item = u32>) -> Self {
        Self { gate: Some(gate), controls: 0, inverse: false, repeats: 1, wires: wires.into_iter().collect() }
    }
}

/// Gates whose controlled forms are known for several controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    X,
    Y,
    Z,
    Swap,
}

/// Where a gate is known without a definition: in qelib1.inc, in stdgates.inc, from the start.
const QELIB: u8 = 1;
const STD: u8 = 2;
const BOTH: u8 = QELIB | STD;
const START: u8 = 4;
/// Known by name only: one gate where a file defines it, as Qiskit's exports do.
const NAMED: u8 = 0;

/// Name, parameters, qubits, files. Gates on one and two qubits count as one.
const SINGLE: [(&str, u32, u32, u8); 55] = [
    ("U", 3, 1, START),
    ("CX", 0, 2, START | STD),
    ("gphase", 1, 0, START),
    ("u3", 3, 1, BOTH),
    ("u2", 2, 1, BOTH),
    ("u1", 1, 1, BOTH),
    ("u0", 1, 1, QELIB),
    ("u", 3, 1, QELIB),
    ("p", 1, 1, BOTH),
    ("phase", 1, 1, STD),
    ("id", 0, 1, BOTH),
    ("x", 0, 1, BOTH),
    ("y", 0, 1, BOTH),
    ("z", 0, 1, BOTH),
    ("h", 0, 1, BOTH),
    ("s", 0, 1, BOTH),
    ("sdg", 0, 1, BOTH),
    ("t", 0, 1, BOTH),
    ("tdg", 0, 1, BOTH),
    ("rx", 1, 1, BOTH),
    ("ry", 1, 1, BOTH),
    ("rz", 1, 1, BOTH),
    ("sx", 0, 1, BOTH),
    ("sxdg", 0, 1, QELIB),
    ("r", 2, 1, NAMED),
    ("cx", 0, 2, BOTH),
    ("cy", 0, 2, BOTH),
    ("cz", 0, 2, BOTH),
    ("ch", 0, 2, BOTH),
    ("swap", 0, 2, BOTH),
    ("crx", 1, 2, BOTH),
    ("cry", 1, 2, BOTH),
    ("crz", 1, 2, BOTH),
    ("cu1", 1, 2, QELIB),
    ("cp", 1, 2, BOTH),
    ("cphase", 1, 2, STD),
    ("cu3", 3, 2, QELIB),
    ("cu", 4, 2, BOTH),
    ("csx", 0, 2, QELIB),
    ("rxx", 1, 2, QELIB),
    ("rzz", 1, 2, QELIB),
    ("cs", 0, 2, NAMED),
    ("csdg", 0, 2, NAMED),
    ("dcx", 0, 2, NAMED),
    ("ecr", 0, 2, NAMED),
    ("iswap", 0, 2, NAMED),
    ("ryy", 1, 2, NAMED),
    ("rzx", 1, 2, NAMED),
    ("xx_minus_yy", 2, 2, NAMED),
    ("xx_plus_yy", 2, 2, NAMED),
    ("iswap_dg", 0, 2, NAMED),
    ("ecr_dg", 0, 2, NAMED),
    ("dcx_dg", 0, 2, NAMED),
    ("sx_dg", 0, 1, NAMED),
    ("csx_dg", 0, 2, NAMED),
];

/// Name, qubits, files, and the parts: a gate and its wires, one letter per wire.
const COMPOSITE: [(&str, u32, u8, &str); 8] = [
    ("ccx", 3, BOTH, "h c cx bc tdg c cx ac t c cx bc tdg c cx ac t b t c h c cx ab t a tdg b cx ab"),
    ("cswap", 3, BOTH, "cx cb ccx abc cx cb"),
    ("rccx", 3, QELIB, "u2 c u1 c cx bc u1 c cx ac u1 c cx bc u1 c u2 c"),
    (
        "rc3x",
        4,
        QELIB,
        "u2 d u1 d cx cd u1 d u2 d cx ad u1 d cx bd u1 d cx ad u1 d cx bd u1 d u2 d u1 d cx cd u1 d u2 d",
    ),
    (
        "c3x",
        4,
        QELIB,
        "h d p a p b p c p d cx ab p b cx ab cx bc p c cx ac p c cx bc p c cx ac cx cd p d cx bd p d cx cd p d \
         cx ad p d cx cd p d cx bd p d cx cd p d cx ad h d",
    ),
    (
        "c3sqrtx",
        4,
        QELIB,
        "h d cu1 ad h d cx ab h d cu1 bd h d cx ab h d cu1 bd h d cx bc h d cu1 cd h d cx ac h d cu1 cd h d \
         cx bc h d cu1 cd h d cx ac h d cu1 cd h d",
    ),
    ("c4x", 5, QELIB, "h e cu1 de h e c3x abcd h e cu1 de h e c3x abcd c3sqrtx abce"),
    ("ccz", 3, NAMED, "h c ccx abc h c"),
];

/// A name without the number that Qiskit's exports add to the second and later definitions of a gate
/// (`delay_140529667383568`): the address of an object, longer than any number that people write.
pub(super) fn base_name(name: &str) -> &str {
    const DIGITS_MIN: usize = 9;
    match name.rsplit_once('_') {
        Some((base, digits))
            if digits.len() >= DIGITS_MIN && digits.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            base
        }
        _ => name,
    }
}

/// All gates of a file by number, and by name as far as they are known at this place of the file.
#[derive(Debug, Clone)]
pub(super) struct Gates {
    version: Version,
    list: Vec<Gate>,
    files: Vec<u8>,
    /// Those of this module, whether known in the file or not.
    own: BTreeMap<&'static str, GateId>,
    known: BTreeMap<Box<str>, GateId>,
    defined: BTreeMap<Box<str>, GateId>,
}

impl Gates {
    pub(super) fn new(version: Version) -> Self {
        let mut gates = Self {
            version,
            list: Vec::new(),
            files: Vec::new(),
            own: BTreeMap::new(),
            known: BTreeMap::new(),
            defined: BTreeMap::new(),
        };
        for (name, parameters, qubits, files) in SINGLE {
            gates.built_in(name, parameters, qubits, files, GateKind::Single, 0);
        }
        gates.built_in("delay", 1, 1, NAMED, GateKind::Idle, 0);
        for (name, qubits, files, parts) in COMPOSITE {
            let (mut body, mut height) = (Vec::new(), 0);
            let mut words = parts.split_ascii_whitespace();
            while let (Some(gate), Some(wires)) = (words.next(), words.next()) {
                if let Some(id) = gates.own.get(gate).copied() {
                    height = height.max(gates.get(id).height + 1);
                    body.push(BodyStep::plain(id, wires.bytes().map(|letter| u32::from(letter - b'a'))));
                }
            }
            gates.built_in(name, 0, qubits, files, GateKind::Body(body.into()), height);
        }
        // Each version has its own gates from the start.
        gates.known.remove(if version == Version::Two { "gphase" } else { "CX" });
        gates
    }

    fn built_in(
        &mut self,
        name: &'static str,
        parameters: u32,
        qubits: u32,
        files: u8,
        kind: GateKind,
        height: u32,
    ) {
        let controlled = match name {
            "x" => Some((Root::X, 0)),
            "cx" | "CX" => Some((Root::X, 1)),
            "ccx" => Some((Root::X, 2)),
            "c3x" => Some((Root::X, 3)),
            "c4x" => Some((Root::X, 4)),
            "y" => Some((Root::Y, 0)),
            "cy" => Some((Root::Y, 1)),
            "z" => Some((Root::Z, 0)),
            "cz" => Some((Root::Z, 1)),
            "ccz" => Some((Root::Z, 2)),
            "swap" => Some((Root::Swap, 0)),
            "cswap" => Some((Root::Swap, 1)),
            _ => None,
        };
        let id = GateId(self.list.len() as u32);
        self.list.push(Gate { name: name.into(), parameters, qubits, kind, height, controlled });
        self.files.push(files);
        self.own.insert(name, id);
        if files & START != 0 {
            self.known.insert(name.into(), id);
        }
    }

    pub(super) fn get(&self, id: GateId) -> &Gate {
        &self.list[id.0 as usize]
    }

    /// The gate that a name means at this place of the file.
    pub(super) fn find(&self, name: &str) -> Option<GateId> {
        self.defined.get(name).or_else(|| self.known.get(name)).copied()
    }

    /// All names known at this place, ascending.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().chain(self.defined.keys()).map(|name| &**name)
    }

    /// The file of the standard gates of this version of the language.
    pub(super) fn library(&self) -> &'static str {
        match self.version {
            Version::Two => "qelib1.inc",
            Version::Three => "stdgates.inc",
        }
    }

    /// The file that would make a name known; of two, that of this version of the language.
    pub(super) fn library_with(&self, name: &str) -> Option<&'static str> {
        let id = self.own.get(name)?;
        match self.files[id.0 as usize] {
            files if files & QELIB != 0 && files & STD != 0 => Some(self.library()),
            files if files & QELIB != 0 => Some("qelib1.inc"),
            files if files & STD != 0 => Some("stdgates.inc"),
            _ => None,
        }
    }

    pub(super) fn include(&mut self, library: Library) {
        let wanted = match library {
            Library::Qelib1 => QELIB,
            Library::Stdgates => STD,
        };
        for (name, id) in &self.own {
            if self.files[id.0 as usize] & wanted != 0 {
                self.known.insert((*name).into(), *id);
            }
        }
    }

    /// Adds a definition of the file; `None` when the file has defined the name before. Where the name is that of a
    /// gate on one or two qubits from this module, perhaps numbered, with as many parameters, it is that gate.
    pub(super) fn define(&mut self, gate: Gate) -> Option<()> {
        let name = gate.name.clone();
        let same = self.own.get(base_name(&name)).copied().filter(|id| {
            let own = self.get(*id);
            matches!(own.kind, GateKind::Single | GateKind::Idle)
                && (own.parameters, own.qubits) == (gate.parameters, gate.qubits)
        });
        let id = same.unwrap_or(GateId(self.list.len() as u32));
        if self.defined.insert(name, id).is_some() {
            return None;
        }
        if same.is_none() {
            self.list.push(gate);
            self.files.push(NAMED);
        }
        Some(())
    }

    /// What `root` with `controls` controls is made of, over wires 0.. of which the first are the controls; `None` where
    /// no expansion is known.
    pub(super) fn controlled(&self, root: Root, controls: u32) -> Option<Vec<BodyStep>> {
        let own = |name: &str| self.own.get(name).copied();
        let target = controls;
        let several = |controls: u32| {
            let name = match controls {
                0 => "x",
                1 => "cx",
                2 => "ccx",
                3 => "c3x",
                4 => "c4x",
                _ => return None,
            };
            own(name)
        };
        let around = |before: &str, after: &str| {
            Some(vec![
                BodyStep::plain(own(before)?, [target]),
                BodyStep::plain(several(controls)?, 0..=controls),
                BodyStep::plain(own(after)?, [target]),
            ])
        };
        match (root, controls) {
            (Root::X, _) => Some(vec![BodyStep::plain(several(controls)?, 0..=controls)]),
            (Root::Z, 1) => Some(vec![BodyStep::plain(own("cz")?, [0, 1])]),
            (Root::Z, _) => around("h", "h"),
            (Root::Y, 1) => Some(vec![BodyStep::plain(own("cy")?, [0, 1])]),
            (Root::Y, _) => around("sdg", "s"),
            (Root::Swap, 0) => Some(vec![BodyStep::plain(own("swap")?, [0, 1])]),
            (Root::Swap, _) => {
                let (a, b) = (controls, controls + 1);
                Some(vec![
                    BodyStep::plain(own("cx")?, [b, a]),
                    BodyStep::plain(several(controls + 1)?, 0..=b),
                    BodyStep::plain(own("cx")?, [b, a]),
                ])
            }
        }
    }

    /// The X gate, for controls that act on 0.
    pub(super) fn x(&self) -> Option<GateId> {
        self.own.get("x").copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_composite_gate_is_known_and_fits() {
        let gates = Gates::new(Version::Two);
        for (name, qubits, _, parts) in COMPOSITE {
            let GateKind::Body(body) = &gates.get(gates.own[name]).kind else { panic!("{name}") };
            assert_eq!(body.len() * 2, parts.split_whitespace().count(), "{name}");
            for step in body.iter() {
                let part = gates.get(step.gate.unwrap());
                assert_eq!(part.qubits as usize, step.wires.len(), "{name}: {}", part.name);
                assert!(step.wires.iter().all(|wire| *wire < qubits), "{name}: {}", part.name);
            }
        }
    }
}
