//! For what jobs wait: one story per cause, in which it is the only one, and sums that are exact in the shipped scenarios.

use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, Group, HeadOfLine, Promises, Queue, Quota, Retry, Starts, Strategy, Tenants,
};
use resource_manager::allocator::protocol::{
    Command, Event, IsolationRequest, JobId, JobRequest, QualityBound, Target, Tenant, Topology, WaitCause,
};
use resource_manager::allocator::state::State;
use resource_manager::quantum::device::DeviceLimits;
use resource_manager::quantum::{DeviceId, PhysicalQubit};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::{Span, Time};

mod world;

use world::{World, config, job, line, per_device, spec};

fn strict() -> AllocatorConfig {
    AllocatorConfig { queue: Queue::global(0), ..config() }
}

fn chain(id: u64, qubits: u32) -> JobRequest {
    job(id, qubits, Topology::Line)
}

fn timed(request: JobRequest, walltime: u64) -> JobRequest {
    JobRequest { estimated_duration: Some(Span(walltime)), ..request }
}

/// For what a job has waited so far.
fn waited(world: &mut World, id: u64) -> Vec<(&'static str, u64)> {
    let waited = world.core.waited(JobId(id), world.now).expect("it waits");
    let since = world.core.job(JobId(id)).unwrap().wait().unwrap().since;
    assert_eq!(waited.total(), world.now.since(since), "all of it adds up");
    waited.iter().map(|(cause, span)| (cause.name(), span.0)).collect()
}

#[test]
fn free_qubits_and_order() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(chain(2, 4));
    world.submit(chain(3, 1));
    world.wait(100);
    assert_eq!(waited(&mut world, 2), [("free_qubits", 101)]);
    assert_eq!(waited(&mut world, 3), [("order", 100)]);
    // What was waited for is told when it ends, and the next in line waits for something else from then on.
    world.finish(1);
    world.wait(9);
    assert_eq!(waited(&mut world, 3), [("order", 101), ("free_qubits", 9)]);
}

#[test]
fn a_shape() {
    let config = AllocatorConfig { strategy: Strategy::FirstFit, ..strict() };
    let mut world = World::new(config, &[("a", line(5))]);
    for (id, qubits) in [(1, 2), (2, 1), (3, 2)] {
        world.submit(chain(id, qubits));
    }
    world.finish(1);
    world.finish(3);
    world.submit(JobRequest { max_swap_operations: Some(0), ..chain(4, 3) });
    world.wait(50);
    assert_eq!(waited(&mut world, 4), [("shape", 50)]);
}

/// Those who are placed alike wait for the same, one thing after the other.
#[test]
fn one_cause_after_the_other() {
    let config = AllocatorConfig { strategy: Strategy::FirstFit, ..config() };
    let mut world = World::new(config, &[("a", line(5))]);
    for (id, qubits) in [(1, 2), (2, 1), (3, 2)] {
        world.submit(timed(chain(id, qubits), 1000));
    }
    for id in [4, 5, 6] {
        world.submit(JobRequest { max_swap_operations: Some(0), ..timed(chain(id, 3), 10) });
    }
    world.wait(10);
    world.finish(1);
    world.finish(3);
    world.wait(20);
    assert_eq!(waited(&mut world, 4), [("shape", 20), ("free_qubits", 14)], "{}", world.log);
    assert_eq!(waited(&mut world, 5), [("shape", 20), ("free_qubits", 13)], "{}", world.log);
    assert_eq!(waited(&mut world, 6), [("shape", 20), ("free_qubits", 12)], "{}", world.log);
}

#[test]
fn usable_qubits() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 2));
    let isolation = IsolationRequest { buffer_distance: Some(1), ..IsolationRequest::default() };
    world.submit(JobRequest { isolation, ..chain(2, 2) });
    world.wait(50);
    assert_eq!(waited(&mut world, 2), [("usable_qubits", 50)]);
}

#[test]
fn a_promise_to_others() {
    let queue = Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) };
    for queue in [
        queue,
        Queue::PerDevice {
            skip_ahead: None,
            promises: Some(Promises::Easy),
            head_of_line: HeadOfLine::Placement,
        },
    ] {
        let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(6))]);
        world.submit(timed(chain(1, 4), 100));
        world.submit(timed(chain(2, 6), 10));
        world.submit(timed(chain(3, 2), 1000));
        // Shorter than what is promised is far: starts at once.
        world.submit(timed(chain(4, 1), 50));
        world.wait(40);
        assert_eq!(waited(&mut world, 2), [("free_qubits", 42)], "{}", world.log);
        assert_eq!(waited(&mut world, 3), [("promise", 41)], "{}", world.log);
        assert!(world.core.waited(JobId(4), world.now).is_none(), "it runs");
    }
}

/// Whoever could not start without the promise either does not wait for it.
#[test]
fn a_promise_that_makes_no_difference() {
    let mut world = World::new(config(), &[("a", line(6))]);
    world.submit(timed(chain(1, 4), 100));
    world.submit(timed(chain(2, 6), 10));
    let isolation = IsolationRequest { buffer_distance: Some(1), ..IsolationRequest::default() };
    world.submit(JobRequest { isolation, ..timed(chain(3, 2), 1000) });
    world.wait(40);
    assert_eq!(waited(&mut world, 3), [("usable_qubits", 40)], "{}", world.log);
}

#[test]
fn quality() {
    let mut world = World::new(strict(), &[]);
    let mut bad = (*spec("a", line(4))).clone();
    let mut calibration = (*bad.calibration).clone();
    calibration.qubits[2].readout_error = 0.2;
    calibration.qubits[3].readout_error = 0.2;
    bad.calibration = Arc::new(calibration);
    world.names.push("a".to_owned());
    world.tell(Command::RegisterDevice { device: DeviceId(0), spec: Arc::new(bad) });
    let good = |id| JobRequest {
        min_success_probability: Some(QualityBound { at_least: 0.9, hard: true }),
        ..chain(id, 2)
    };
    world.submit(good(1));
    world.submit(good(2));
    world.wait(50);
    assert_eq!(waited(&mut world, 2), [("quality", 50)]);
}

#[test]
fn nowhere_to_place() {
    for queue in [
        Queue::global(0),
        Queue::global(3),
        AllocatorConfig::default().queue,
        per_device(HeadOfLine::Placement),
    ] {
        let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(4))]);
        world.submit(chain(1, 4));
        world.down(Target::Qubit(DeviceId(0), PhysicalQubit(1)));
        world.wait(50);
        assert_eq!(waited(&mut world, 1), [("unplaceable", 50)], "{queue:?}");
    }
}

#[test]
fn a_quota() {
    let mut tenants = Tenants::default();
    let quota = Quota { jobs: Some(1), ..Quota::default() };
    let group = Group { quota, ..Group::default() };
    tenants.groups.insert("7".to_owned(), group);
    for queue in [Queue::global(0), AllocatorConfig::default().queue] {
        let config = AllocatorConfig { tenants: tenants.clone(), queue, ..config() };
        let mut world = World::new(config, &[("a", line(4))]);
        let of_group = |id| JobRequest { tenant: Tenant { group: 7, ..Tenant::default() }, ..chain(id, 1) };
        world.submit(of_group(1));
        world.submit(of_group(2));
        world.wait(50);
        assert_eq!(waited(&mut world, 2), [("quota", 50)]);
    }
}

#[test]
fn a_hold() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.say(Command::Submit(Arc::new(chain(1, 2))));
    world.say(Command::Hold { job: JobId(1) });
    world.pass();
    world.wait(50);
    assert_eq!(waited(&mut world, 1), [("held", 50)]);
    world.tell(Command::ReleaseHold { job: JobId(1) });
    assert!(world.core.waited(JobId(1), world.now).is_none(), "it runs");
}

/// Whoever follows another job waits for that, and for the machine from when it may start.
#[test]
fn a_dependence() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 2));
    world.submit(JobRequest { after: [JobId(1)].into(), ..chain(2, 2) });
    world.wait(30);
    assert_eq!(waited(&mut world, 2), [("dependency", 30)]);
    assert_eq!(world.why(2), "waits for the end of job 1");
    world.submit(chain(3, 4));
    world.finish(1);
    // It stands where it came, before the one that wants all of it.
    assert!(
        world.log.ends_with("2 ready: the global queue\n 35  2 starts: a [0 1], attempt 1\n"),
        "{}",
        world.log
    );
}

#[test]
fn a_later_try() {
    // With promises it would start in its place as soon as that is free.
    for queue in [Queue::global(0), Queue::global(3), per_device(HeadOfLine::Placement)] {
        let config = AllocatorConfig { retry: Retry::Every(Span(100)), queue, ..config() };
        let mut world = World::new(config, &[("a", line(4))]);
        world.submit(chain(1, 4));
        world.submit(chain(2, 4));
        world.finish(1);
        world.wait(50);
        assert_eq!(waited(&mut world, 2), [("retry", 51)], "{queue:?}");
    }
}

#[test]
fn full_devices() {
    let full = DeviceLimits { max_concurrent_tasks: Some(1), ..DeviceLimits::default() };
    for (limits, starts) in [(full, Starts::AnyTime), (DeviceLimits::default(), Starts::WhenEmpty)] {
        let mut world = World::new(AllocatorConfig { starts, ..strict() }, &[]);
        let device =
            resource_manager::quantum::device::DeviceSpec { limits, ..(*spec("a", line(4))).clone() };
        world.names.push("a".to_owned());
        world.tell(Command::RegisterDevice { device: DeviceId(0), spec: Arc::new(device) });
        world.submit(chain(1, 1));
        world.submit(chain(2, 1));
        world.wait(50);
        assert_eq!(waited(&mut world, 2), [("full_device", 50)], "{starts:?}");
    }
}

#[test]
fn nobody_in_service() {
    // A small device is no help.
    let mut world = World::new(strict(), &[("a", line(4)), ("small", line(2))]);
    world.down(Target::Device(DeviceId(0)));
    world.submit(chain(1, 4));
    world.wait(50);
    assert_eq!(waited(&mut world, 1), [("out_of_service", 50)]);
}

#[test]
fn a_pass_that_nobody_runs() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.say(Command::Submit(Arc::new(chain(1, 2))));
    let mut events = Vec::new();
    let late = Time(world.now.0 + 70);
    world.core.handle(late, Command::Wake, &mut events).unwrap();
    let Event::JobWaited { waited, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(waited.iter().collect::<Vec<_>>(), [(WaitCause::Pass, Span(70))]);
}

/// A core that is made anew from events alone does not know what was before, and says so.
#[test]
fn what_nobody_has_recorded() {
    let mut folded = State::new(strict());
    let mut core = world::core(strict());
    let mut now = Time(1);
    let mut tell = |core: &mut Allocator, now, command| {
        let mut events = Vec::new();
        core.handle(now, command, &mut events).unwrap();
        core.handle(now, Command::Wake, &mut events).unwrap();
        events.iter().for_each(|event| folded.apply(now, event).unwrap());
    };
    tell(&mut core, now, Command::RegisterDevice { device: DeviceId(0), spec: spec("a", line(4)) });
    tell(&mut core, now, Command::Submit(Arc::new(chain(1, 4))));
    tell(&mut core, now, Command::Submit(Arc::new(chain(2, 4))));
    now = Time(31);
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut resumed = Allocator::resume(folded, now, draws);
    resumed.handle(now, Command::Wake, &mut Vec::new()).unwrap();
    let waited = resumed.waited(JobId(2), Time(41)).unwrap();
    let known: Vec<_> = waited.iter().map(|(cause, span)| (cause.name(), span.0)).collect();
    assert_eq!(known, [("free_qubits", 10), ("unrecorded", 30)]);
}

/// Seconds with up to nine decimals as nanoseconds.
fn nanoseconds(text: &str) -> u128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<9}");
    assert_eq!(part.len(), 9, "{text} has more than nine decimals");
    whole.parse::<u128>().unwrap() * 1_000_000_000 + part.parse::<u128>().unwrap()
}

fn run(scenario: &Path, out: &Path, sets: &[&str]) {
    let mut command = Process::new(env!("CARGO_BIN_EXE_rmsim"));
    command.arg("run").arg(scenario).args(["--no-plots", "--traces", "all", "--replications", "1", "--out"]);
    command.arg(out);
    sets.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", scenario.display(), String::from_utf8_lossy(&output.stderr));
}

/// The causes of every job add up to its wait, and the rows of `waits.csv` to those of the jobs, in every shipped scenario.
#[test]
fn causes_add_up_in_every_shipped_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for path in fs::read_dir("scenarios").unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let out = folder.path().join(path.file_stem().unwrap());
        let text = fs::read_to_string(&path).unwrap();
        let short = ["horizon={jobs: 1200}", "warm_up=none"];
        let replays = text.contains("swf:") || text.contains("trace:") || text.contains("csv:");
        run(&path, &out, if replays { &[] } else { &short });
        let mut reader = csv::Reader::from_path(out.join("jobs.csv")).unwrap();
        let header = reader.headers().unwrap().clone();
        let at = |name: &str| header.iter().position(|column| column == name).expect(name);
        let causes: Vec<usize> =
            (0..header.len()).filter(|index| header[*index].starts_with("waited_")).collect();
        assert_eq!(causes.len(), WaitCause::COUNT - 1);
        let (mut all, mut ended) = (0, None);
        for row in reader.records().map(Result::unwrap) {
            let sum: u128 = causes.iter().map(|index| nanoseconds(&row[*index])).sum();
            let wait = match (&row[at("waiting_time")], &row[at("turnaround_time")]) {
                // Until the run ends.
                ("", "") => {
                    let end = nanoseconds(&row[at("submission_time")]) + sum;
                    assert_eq!(*ended.get_or_insert(end), end, "{}: {row:?}", path.display());
                    sum
                }
                ("", until_its_end) => nanoseconds(until_its_end),
                (wait, _) => nanoseconds(wait),
            };
            assert_eq!(sum, wait, "{}: job {}", path.display(), &row[at("job_id")]);
            checked += 1;
            all += if &row[at("measured")] == "1" { sum } else { 0 };
        }
        let mut reader = csv::Reader::from_path(out.join("waits.csv")).unwrap();
        let header = reader.headers().unwrap().clone();
        let levels = ["fleet", "template", "group", "project", "user"];
        let mut sums = [0_u128; 5];
        for row in reader.records().map(Result::unwrap) {
            let level = levels.iter().position(|level| *level == &row[1]).unwrap();
            let waited = nanoseconds(&row[7]);
            let of_causes: u128 = (8..header.len()).map(|index| nanoseconds(&row[index])).sum();
            assert_eq!(of_causes, waited, "{}: {row:?}", path.display());
            sums[level] += waited;
        }
        assert!(sums.iter().all(|sum| *sum == sums[0] && *sum >= all), "{}: {sums:?} {all}", path.display());
    }
    assert!(checked > 10_000, "{checked} jobs were checked");
}
