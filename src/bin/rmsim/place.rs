//! `rmsim place`.

use std::path::Path;
use std::sync::Arc;

use resource_manager::allocator::config::Strategy;
use resource_manager::allocator::placement;
use resource_manager::allocator::placement::cost::Epoch;
use resource_manager::allocator::protocol::EpochNumber;
use resource_manager::experiment::cpu_clock::CpuClock;
use resource_manager::experiment::placements::measure::{Settings, cold};
use resource_manager::experiment::placements::shape::{self, Shape};
use resource_manager::experiment::placements::{COLUMNS, InstanceFile, Measured, Summary, measure};
use resource_manager::experiment::writing;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::{QubitSet, catalogue};
use resource_manager::report::{device_picture, device_text, placement_table};
use resource_manager::simulator::csv_row::RowWriter;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use crate::args::PlaceArgs;
use crate::console::{Console, print};
use crate::failure::Failure;
use crate::output::{self, Kind};

/// Search steps unless told otherwise: about a second. Nobody waits in a queue for this answer, as jobs do.
const BUDGET: u64 = 20_000_000;

pub fn place(args: &PlaceArgs, console: &Console) -> Result<(), Failure> {
    match (&args.instances, &args.out, &args.device, &args.pattern) {
        (Some(instances), Some(out), ..) => place_all(args, instances, out, console),
        (_, _, Some(device), Some(pattern)) => place_one(args, device, pattern, console),
        _ => Err(Failure::input("expected --instances with --out, or --device with --pattern")),
    }
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

fn place_one(args: &PlaceArgs, device: &str, pattern: &str, console: &Console) -> Result<(), Failure> {
    let mut strategy = placement::strategy(strategy(&args.strategy)?);
    let wrong = |option: &str, error: shape::ShapeError| Failure::input(format!("{option} {error}"));
    let shape: Shape = pattern.parse().map_err(|error| wrong("--pattern", error))?;
    let device = catalogue::resolve(device, Path::new("")).map_err(Failure::input)?;
    let qubits = device.coupling_map.qubits();
    let busy =
        shape::qubits(args.busy.as_deref().unwrap_or(""), qubits).map_err(|error| wrong("--busy", error))?;
    if let Some(picture) = &args.picture {
        output::free(picture, picture_kind(picture)?, "--picture")?;
    }
    let (map, figures) = (Arc::clone(&device.coupling_map), Arc::clone(&device.calibration));
    let epoch = Epoch::new(EpochNumber(0), map, figures, &QubitSet::new(qubits), &[]);
    let mut free = epoch.usable.clone();
    free.subtract(&busy);
    let weight = args.weight.unwrap_or(1);
    let program = || shape.pattern(weight);
    let answer = cold(&epoch, &free, program, strategy.as_mut(), settings(args), &CpuClock::new())
        .map_err(|layout| Failure::failed(format!("the layout {layout} is not legal; hint: a defect")))?;
    let what = if weight > 1 { format!("{pattern}, each edge {weight} times") } else { pattern.to_owned() };
    let place = format!("{}, {} of {qubits} qubits free", device.name, free.len());
    let drawn = match answer.layout.is_empty() || args.picture.is_some() {
        true => None,
        false => device_text::draw(&device, &answer.layout, program().edges(), &busy),
    };
    print(|to| {
        if args.json {
            return writeln!(to, "{}", serde_json::to_string_pretty(&as_json(&device, pattern, &answer))?);
        }
        write!(to, "{}", placement_table::placement(&what, &place, &answer))?;
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

/// The columns of the table of answers as an object.
fn as_json(device: &DeviceSpec, pattern: &str, answer: &Measured) -> serde_json::Value {
    serde_json::json!({
        "device": device.name,
        "pattern": pattern,
        "outcome": answer.outcome,
        "score": answer.score,
        "gap": answer.gap,
        "proof_us": answer.proof_us(),
        "steps": answer.steps,
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
