//! `rmsim place`.

use std::path::Path;
use std::sync::Arc;

use crate::allocator::config::Strategy;
use crate::allocator::placement;
use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::{EpochNumber, Topology};
use crate::allocator::routed_program::placed_program;
use crate::experiment::cpu_clock::CpuClock;
use crate::experiment::placements::measure::{Settings, cold, named_layout_text};
use crate::experiment::placements::shape::{self, Shape};
use crate::experiment::placements::{COLUMNS, InstanceFile, Measured, Summary, measure};
use crate::experiment::writing;
use crate::quantum::device::DeviceSpec;
use crate::quantum::success::{success_factors, success_probability};
use crate::quantum::{QubitSet, VirtualQubit, catalogue, generators};
use crate::report::placement_table::Predicted;
use crate::report::{device_picture, device_text, placement_table};
use crate::simulator::csv_row::RowWriter;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::args::PlaceArgs;
use super::console::{Console, print};
use super::failure::Failure;
use super::output::{self, Kind};

/// Search steps unless told otherwise: about a second. Nobody waits in a queue for this answer, as jobs do.
const BUDGET: u64 = 20_000_000;

pub fn place(args: &PlaceArgs, console: &Console) -> Result<(), Failure> {
    if let (Some(instances), Some(out)) = (&args.instances, &args.out) {
        return place_all(args, instances, out, console);
    }
    let program = match (&args.pattern, &args.circuit) {
        (Some(pattern), _) => {
            let shape = pattern.parse().map_err(|error| Failure::input(format!("--pattern {error}")))?;
            Program::of_shape(&shape, args.depth, args.weight.unwrap_or(1))
        }
        (None, Some(circuit)) => Program::of_circuit(circuit)?,
        (None, None) => {
            let message = "expected --instances with --out, or --device with --pattern or --circuit";
            return Err(Failure::input(message));
        }
    };
    let device = args.device.as_deref().unwrap_or_default();
    place_one(args, device, &program, console)
}

/// The strategy of a name in scenario files.
fn strategy(name: &str) -> Result<Strategy, Failure> {
    let name_of: StrDeserializer<'_, Error> = name.into_deserializer();
    Strategy::deserialize(name_of).map_err(|error| {
        let error = error.to_string();
        let choices = error.split_once(", expected ").map_or(error.as_str(), |(_, choices)| choices);
        Failure::input(format!("no strategy is called `{name}`; hint: expected {choices}"))
    })
}

fn settings(args: &PlaceArgs) -> Settings {
    Settings { budget: args.budget.unwrap_or(BUDGET), repeat: args.repeat.unwrap_or(1) }
}

fn place_all(args: &PlaceArgs, instances: &Path, out: &Path, console: &Console) -> Result<(), Failure> {
    let mut strategy = placement::strategy(strategy(&args.strategy)?);
    let file = InstanceFile::load(instances).map_err(Failure::input)?;
    let settings = settings(args);
    let unwritten = |error: &dyn std::fmt::Display| output::unwritten(out, error);
    output::free(out, Kind::Answers, "--out")?;
    let mut writer = RowWriter::new(writing::create_alone(out).map_err(|error| unwritten(&error))?);
    writer.record(COLUMNS).map_err(|error| unwritten(&error))?;
    let clock = CpuClock::new();
    let bar = console.progress(Some(file.instances.len() as u64), "instances");
    let mut answers: Vec<Measured> = Vec::with_capacity(file.instances.len());
    for (index, instance) in file.instances.iter().enumerate() {
        let answer = measure(&file, index, strategy.as_mut(), settings, &clock).map_err(Failure::failed)?;
        let names = [&instance.device, &instance.busy, &instance.pattern];
        let row = names.into_iter().cloned().chain(answer.cells());
        // Each row is written when it exists: a later failure loses nothing.
        writer.record(row).map_err(|error| unwritten(&error))?;
        writer.flush().map_err(|error| unwritten(&error))?;
        answers.push(answer);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let clock_us = clock.overhead().as_secs_f64() * 1e6;
    let summary = Summary::of(&file, &answers, args.strategy.clone(), settings.budget, clock_us);
    print(|to| {
        if args.json {
            writeln!(to, "{}", serde_json::to_string_pretty(&summary)?)
        } else {
            write!(to, "{}", placement_table::summary(&summary, console.color()))
        }
    })?;
    console.note(format!("answers in {}", out.display()));
    Ok(())
}

/// A program to be placed, and how its qubits are called.
struct Program {
    name: String,
    topology: Topology,
    qubits: u32,
    /// Layers; 0 of a shape: unknown.
    depth: u32,
    /// Whether that is known.
    has_depth: bool,
    /// Number of each of its qubits in the circuit.
    names: Vec<VirtualQubit>,
    /// What there is to be said of its layers.
    depth_text: String,
}

impl Program {
    fn of_shape(shape: &Shape, depth: Option<u32>, weight: u32) -> Self {
        let counted = if weight > 1 { format!(", each edge {weight} times") } else { String::new() };
        let depth_text = match depth {
            Some(depth) => depth.to_string(),
            None => "unknown: gates and one readout per qubit count; hint: --depth".to_owned(),
        };
        Self {
            name: format!("{}{counted}", shape.name),
            topology: shape.topology.clone(),
            qubits: shape.qubits,
            depth: depth.unwrap_or(0),
            has_depth: depth.is_some(),
            names: (0..shape.qubits).map(VirtualQubit).collect(),
            depth_text,
        }
    }

    fn of_circuit(reference: &str) -> Result<Self, Failure> {
        let profile = generators::resolve(reference, Path::new("")).map_err(Failure::input)?;
        let (declared, mut names) = (profile.interactions.qubits(), profile.active_qubits());
        let profile = profile.on_active_qubits();
        let qubits = profile.interactions.qubits();
        if names.is_empty() {
            names.push(VirtualQubit(0));
        }
        let name = match declared == qubits {
            true => reference.to_owned(),
            false => format!("{reference}, {qubits} of {declared} qubits: nothing happens to the others"),
        };
        let (depth, depth_text) = (profile.depth, profile.depth.to_string());
        let topology = Topology::Circuit(Arc::new(profile));
        Ok(Self { name, topology, qubits, depth, has_depth: true, names, depth_text })
    }

    /// Success by the device's figures: what a run of this program is predicted to have, and what it is the product of.
    fn predicted(&self, epoch: &Epoch, pattern: &Pattern, answer: &Measured) -> Option<Predicted> {
        if answer.layout.is_empty() {
            return None;
        }
        let Epoch { map, calibration, .. } = epoch;
        let routed = pattern.edges().iter().any(|&(a, b, _)| {
            map.coupler(answer.layout[a.index()], answer.layout[b.index()])
                .is_none_or(|coupler| !epoch.is_usable(coupler))
        });
        let placed =
            placed_program(&self.topology, pattern, self.depth, &answer.layout, routed, map, calibration);
        let used = placed.on(epoch.layer_s);
        let factors = success_factors(calibration, &used);
        Some(Predicted { success: success_probability(calibration, &used), factors })
    }
}

fn place_one(args: &PlaceArgs, device: &str, program: &Program, console: &Console) -> Result<(), Failure> {
    let mut strategy = placement::strategy(strategy(&args.strategy)?);
    let device = catalogue::resolve(device, Path::new("")).map_err(Failure::input)?;
    let qubits = device.coupling_map.qubits();
    let busy = shape::qubits(args.busy.as_deref().unwrap_or(""), qubits)
        .map_err(|error| Failure::input(format!("--busy {error}")))?;
    if let Some(picture) = &args.picture {
        output::free(picture, picture_kind(picture)?, "--picture")?;
    }
    let (map, figures) = (Arc::clone(&device.coupling_map), Arc::clone(&device.calibration));
    let epoch = Epoch::new(EpochNumber(0), map, figures, &QubitSet::new(qubits), &[]);
    let mut free = epoch.usable.clone();
    free.subtract(&busy);
    let weight = args.weight.unwrap_or(1);
    let compiled = || match weight {
        1 => Pattern::of_program(&program.topology, program.qubits, program.depth),
        _ => shape::weighted(&program.topology, program.qubits, weight),
    };
    let answer = cold(&epoch, &free, compiled, strategy.as_mut(), settings(args), &CpuClock::new())
        .map_err(|layout| Failure::failed(format!("the layout {layout} is not legal; hint: a defect")))?;
    let pattern = compiled();
    let predicted = program.predicted(&epoch, &pattern, &answer).filter(|_| program.has_depth);
    let place = format!("{}, {} of {qubits} qubits free", device.name, free.len());
    let drawn = match answer.layout.is_empty() || args.picture.is_some() {
        true => None,
        false => device_text::draw(&device, &answer.layout, pattern.edges(), &busy),
    };
    let layout = named_layout_text(program.names.iter().copied(), &answer.layout);
    let shown = placement_table::PlacedText {
        what: &program.name,
        place: &place,
        depth: &program.depth_text,
        placed_for: pattern.uses().depth(),
        success: predicted.as_ref(),
        layout: &layout,
        // Neither a region nor too many qubits is a matter of SWAP gates.
        may_route: args.strategy == "noise_aware" && !pattern.is_region() && pattern.qubits() <= free.len(),
    };
    print(|to| {
        if args.json {
            let answer = as_json(&device, program, &pattern, predicted.as_ref(), &answer);
            return writeln!(to, "{}", serde_json::to_string_pretty(&answer)?);
        }
        write!(to, "{}", placement_table::placement(&shown, &answer))?;
        match &drawn {
            Some(picture) => write!(to, "\n{picture}\n{}\n", device_text::LEGEND),
            None => Ok(()),
        }
    })?;
    match &args.picture {
        Some(path) => draw(&device, &answer, &busy, path, console),
        None if drawn.is_none() && !answer.layout.is_empty() => {
            console.note("no picture in text for this device; hint: --picture FILE.svg");
            Ok(())
        }
        None => Ok(()),
    }
}

/// The columns of the table of answers as an object, with what is known of the program.
fn as_json(
    device: &DeviceSpec,
    program: &Program,
    pattern: &Pattern,
    predicted: Option<&Predicted>,
    answer: &Measured,
) -> serde_json::Value {
    let names: Vec<u32> = program.names.iter().map(|name| name.0).collect();
    serde_json::json!({
        "device": device.name,
        "pattern": program.name,
        "depth": program.has_depth.then_some(program.depth),
        "placed_for_depth": pattern.uses().depth(),
        "outcome": answer.outcome,
        "fidelity_predicted": predicted.map(|predicted| predicted.success),
        "factors": predicted.map(|predicted| predicted.factors),
        "score": answer.score,
        "gap": answer.gap,
        "swaps": answer.swaps,
        "proof_us": answer.proof_us(),
        "steps": answer.steps,
        "qubits": names,
        "layout": answer.layout,
    })
}

/// A kind of picture, by the ending of its file.
fn picture_kind(path: &Path) -> Result<Kind, Failure> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => Ok(Kind::Svg),
        Some("png") => Ok(Kind::Png),
        _ => Err(Failure::input(format!("--picture {}: unknown ending; hint: .svg or .png", path.display()))),
    }
}

/// The device with the placement as job A and what is busy as job B.
fn draw(
    device: &DeviceSpec,
    answer: &Measured,
    busy: &QubitSet,
    path: &Path,
    console: &Console,
) -> Result<(), Failure> {
    let mut jobs = vec![None; device.coupling_map.qubits()];
    for qubit in busy {
        jobs[qubit.index()] = Some(1);
    }
    for qubit in &answer.layout {
        jobs[qubit.index()] = Some(0);
    }
    let kind = picture_kind(path)?;
    let bytes = match kind {
        Kind::Png => device_picture::png(device, &jobs).map_err(Failure::failed)?,
        _ => device_picture::svg(device, &jobs).map_err(Failure::failed)?.into_bytes(),
    };
    output::write(path, &bytes, kind, "--picture")?;
    console.note(format!("picture in {} (A: the placement, B: busy)", path.display()));
    Ok(())
}
