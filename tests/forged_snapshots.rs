//! Snapshots that were made up: the checksum is right, the contents are not.
//!
//! Whatever is changed in the contents, restoring them ends with a message or with an allocator that runs on without a
//! panic. The state behind it holds all that a snapshot can hold: jobs that wait, run, stop and have ended, guards,
//! timers, elements out of service, circuits, copies, bounds.

use std::sync::Arc;

use ciborium::Value;
use rand::RngExt;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, FairShare, Group, HeadOfLine, QubitSeconds, Queue, Quota, Retry, Selection,
};
use resource_manager::allocator::protocol::{
    AllocationId, Command, Elasticity, IsolationLevel, JobId, JobRequest, Outcome, QualityBound, Status,
    StatusReason, Target, Topology,
};
use resource_manager::quantum::circuit::{CircuitProfile, InteractionGraph};
use resource_manager::quantum::{CouplerId, DeviceId, PhysicalQubit, catalogue};
use resource_manager::random::{Purpose, Stream, StreamFamily};
use resource_manager::time::{Span, Time};

/// Name, version and checksum.
const HEAD: usize = 8 + 4 + 32;

fn request(number: u64) -> JobRequest {
    let graph = InteractionGraph::new(4, [(0, 1, 2), (1, 2, 1), (1, 3, 1)]).unwrap();
    let qubits = 3 + (number % 5) as u32;
    let mut request = match number % 6 {
        0 => JobRequest::new(JobId(number), qubits, Topology::Line),
        1 => JobRequest::new(JobId(number), 4, Topology::Custom(Arc::new(graph))),
        2 => {
            let circuit = CircuitProfile {
                interactions: graph,
                one_qubit_gates: vec![3; 4],
                depth: 7,
                measured: vec![true; 4],
            };
            JobRequest::new(JobId(number), 4, Topology::Circuit(Arc::new(circuit)))
        }
        3 => JobRequest::new(JobId(number), 4, Topology::Grid { rows: 2, columns: 2 }),
        4 => JobRequest { max_qubits: 9, ..JobRequest::new(JobId(number), qubits, Topology::Any) },
        _ => JobRequest {
            max_qubits: 3 * qubits,
            elasticity: Elasticity::Copies,
            shots: 100,
            ..JobRequest::new(JobId(number), qubits, Topology::Star)
        },
    };
    request.max_wait_time = number.is_multiple_of(3).then_some(Span(50 + number));
    request.estimated_duration = number.is_multiple_of(4).then_some(Span(40));
    request.min_success_probability =
        number.is_multiple_of(7).then_some(QualityBound { at_least: 0.2, hard: number.is_multiple_of(2) });
    request.isolation.level = number.is_multiple_of(5).then_some(IsolationLevel::Strong);
    request
}

/// An allocator in the middle of everything.
fn busy(queue: Queue, retry: Retry, fair_share: FairShare) -> Allocator {
    let config = AllocatorConfig {
        queue,
        retry,
        selection: Selection::RoundRobin,
        fair_share,
        ..AllocatorConfig::default()
    };
    let draws = StreamFamily::new(3, 0, Purpose::DeviceSelection);
    let mut core = Allocator::new(config, draws).unwrap();
    let mut events = Vec::new();
    let mut apply = |now, command| core.handle(Time(now), command, &mut events).unwrap();
    for (id, name) in (0..).zip(["ibm_guadalupe", "iqm_garnet", "ionq_harmony"]) {
        let spec = Arc::new(catalogue::load(name).expect("shipped"));
        apply(0, Command::RegisterDevice { device: DeviceId(id), spec });
    }
    let dead = Target::Qubit(DeviceId(0), PhysicalQubit(3));
    let broken = Target::Coupler(DeviceId(1), CouplerId(2));
    for target in [dead, broken] {
        apply(0, Command::SetStatus { target, status: Status::Offline, reason: StatusReason::Fault });
    }
    for number in 0..40 {
        apply(1, Command::Submit(Arc::new(request(number))));
    }
    apply(1, Command::Wake);
    for allocation in (1..4).map(AllocationId) {
        apply(5, Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
    }
    apply(5, Command::Wake);
    apply(6, Command::Hold { job: JobId(30) });
    for job in 4..7 {
        apply(6, Command::Cancel { job: JobId(job) });
    }
    core
}

fn with_contents(snapshot: &[u8], contents: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(contents, &mut bytes).unwrap();
    let hash = blake3::hash(&bytes);
    [&snapshot[..HEAD - 32], hash.as_bytes(), &bytes].concat()
}

/// All values inside a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| count(key) + count(value)).sum(),
        _ => 0,
    }
}

/// The value with the given number, counted depth first.
fn find<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|value| find(value, left)),
        Value::Map(entries) => {
            entries.iter_mut().find_map(|(key, value)| find(key, left).or_else(|| find(value, left)))
        }
        _ => None,
    }
}

/// Changes one value into another of its kind, mostly.
fn change(value: &mut Value, draw: &mut Stream) {
    let way = draw.random_range(0..8_u32);
    *value = match &mut *value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            let to = match way {
                0 | 1 => number + 1,
                2 => number - 1,
                3 => 0,
                4 => i128::from(u32::MAX),
                5 => i128::from(u64::MAX),
                6 => i128::from(draw.random_range(0..64_u32)),
                _ => number * 2,
            };
            Value::Integer(to.try_into().unwrap_or_else(|_| 1.into()))
        }
        Value::Float(_) => Value::Float([f64::NAN, f64::INFINITY, -1.0, 0.0, 0.7][way as usize % 5]),
        Value::Bool(flag) => Value::Bool(!*flag),
        Value::Text(text) => Value::Text(match way {
            0..4 => ["running", "Queued", "Running", "Held"][way as usize].to_owned(),
            _ => format!("{text}s"),
        }),
        Value::Null => Value::Integer(draw.random_range(0..40_u32).into()),
        Value::Array(list) if !list.is_empty() => {
            let at = draw.random_range(0..list.len());
            match way {
                0..3 => {
                    list.remove(at);
                }
                3..6 => list.push(list[at].clone()),
                _ => list.swap(0, at),
            }
            return;
        }
        Value::Map(entries) if !entries.is_empty() => {
            let at = draw.random_range(0..entries.len());
            let other = draw.random_range(0..entries.len());
            match way {
                0 | 1 => {
                    entries.remove(at);
                }
                _ => entries[at].1 = entries[other].1.clone(),
            }
            return;
        }
        _ => Value::Null,
    };
}

/// Lets a restored allocator do everything for a while.
fn drive(core: &mut Allocator) {
    let mut events = Vec::new();
    let mut now = Time(10);
    for round in 0..30_u64 {
        now = core.next_wakeup().filter(|at| at.0 < 1 << 40).unwrap_or(now).max(now) + Span(1);
        let device = DeviceId((round % 3) as u32);
        let status = if round % 2 == 0 { Status::Draining } else { Status::Online };
        let jobs: Vec<JobId> = core.jobs().map(|job| job.request.id).collect();
        let mut commands = vec![
            Command::Wake,
            Command::Submit(Arc::new(request(100 + round))),
            Command::SetStatus { target: Target::Device(device), status, reason: StatusReason::Fault },
            Command::ReleaseHold { job: JobId(30) },
        ];
        commands.extend(jobs.get(round as usize).map(|&job| Command::Cancel { job }));
        if round == 20 {
            commands.push(Command::RemoveDevice { device: DeviceId(1) });
        }
        for id in (2 * round..2 * round + 3).map(AllocationId) {
            commands.push(Command::StopAcknowledged { allocation: id, shots_done: 0 });
            commands.push(Command::Finished { allocation: id, outcome: Outcome::Error, shots_done: 0 });
        }
        for command in commands {
            // Refusals are fine.
            let _ = core.handle(now, command, &mut events);
        }
        let _ = core.handle(now, Command::Wake, &mut events);
        events.clear();
    }
    assert_eq!(Allocator::restore(&core.snapshot()).map(|again| again.state_hash()), Ok(core.state_hash()));
}

#[test]
fn whatever_is_changed_nothing_panics() {
    let waiting = Queue::global(8);
    let counting = Queue::per_device(2, HeadOfLine::Count);
    let placing = Queue::per_device(2, HeadOfLine::Placement);
    let window = FairShare::Window { length: Span(64) };
    let cases = [
        (waiting, Retry::Event, FairShare::TREE),
        (counting, Retry::Every(Span(3)), FairShare::TREE),
        (placing, Retry::Event, FairShare::TREE),
        (waiting, Retry::Event, window),
    ];
    let mut messages = std::collections::BTreeSet::new();
    let (mut refused, mut accepted) = (0, 0);
    for (number, (queue, retry, fair_share)) in (0_u64..).zip(cases) {
        let core = busy(queue, retry, fair_share);
        let snapshot = core.snapshot();
        drive(&mut Allocator::restore(&snapshot).expect("as it was saved"));
        let contents: Value = ciborium::from_reader(&snapshot[HEAD..]).unwrap();
        let values = count(&contents);
        // Calibrations make up most of it; half of the changes fall upon the rest.
        let mut draw = StreamFamily::new(5, 0, Purpose::ServiceOutcome).stream(number, 0);
        for _ in 0..500 {
            let mut forged = contents.clone();
            for _ in 0..draw.random_range(1..=2_u32) {
                let mut at = draw.random_range(0..values);
                if draw.random::<bool>() {
                    at = values - 1 - draw.random_range(0..values / 4);
                }
                if let Some(value) = find(&mut forged, &mut at) {
                    change(value, &mut draw);
                }
            }
            match Allocator::restore(&with_contents(&snapshot, &forged)) {
                Err(error) => {
                    refused += 1;
                    let message = error.to_string();
                    assert!(message.starts_with("the snapshot makes no sense: "), "{message}");
                    messages.insert(message);
                }
                Ok(mut core) => {
                    accepted += 1;
                    drive(&mut core);
                }
            }
        }
    }
    println!("{refused} refused with {} messages, {accepted} ran on", messages.len());
    assert!(refused > 700 && accepted > 100 && messages.len() > 50);
}

/// The value at a path of keys and positions.
fn at<'a>(value: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('/').fold(value, |value, part| match value {
        Value::Array(list) => &mut list[part.parse::<usize>().unwrap()],
        Value::Map(entries) => match part.parse::<usize>() {
            Ok(nth) => &mut entries[nth].1,
            Err(_) => &mut entries.iter_mut().find(|(key, _)| key.as_text() == Some(part)).expect(part).1,
        },
        other => panic!("{part} of {other:?}"),
    })
}

#[test]
fn forgeries_are_named() {
    let core = busy(Queue::global(8), Retry::Event, FairShare::TREE);
    let snapshot = core.snapshot();
    let contents: Value = ciborium::from_reader(&snapshot[HEAD..]).unwrap();
    let mut shown = Vec::new();
    let mut forge = |path: &str, to: &dyn Fn(&mut Value)| {
        let mut forged = contents.clone();
        to(at(&mut forged, path));
        let answer = Allocator::restore(&with_contents(&snapshot, &forged));
        let message = answer.err().map_or("accepted".to_owned(), |error| error.to_string());
        shown.push(format!("{path}: {}", message.trim_start_matches("the snapshot makes no sense: ")));
    };
    let number = |to: u64| move |value: &mut Value| *value = Value::Integer(to.into());
    forge("state/next_allocation", &number(2));
    forge("state/next_place", &number(u64::MAX));
    forge("state/queue/qubits", &number(1));
    forge("state/running/0/slot", &number(9));
    forge("state/running/0/allocation/device", &number(7));
    forge("state/running/0/allocation/layout/0", &number(9_999));
    forge("state/running/0/allocation/held/qubits", &|value| *value = Value::Array(Vec::new()));
    forge("state/fleet/devices/0/spec/coupling_map/qubits", &number(u64::from(u32::MAX)));
    forge("state/jobs/free", &|value| *value = Value::Array(vec![Value::Integer(0.into()); 2]));
    forge("state/accounts/accounts/1/expected", &number(5));
    forge("state/accounts/accounts/1/parent", &number(3));
    forge("state/accounts/accounts/1/shares", &number(0));
    forge("state/accounts/half_life", &|value| *value = Value::Text("1s".to_owned()));
    forge("state/accounts/known", &|value| *value = Value::Array(Vec::new()));
    forge("state/charges/open", &|value| *value = Value::Map(Vec::new()));
    forge("state/charges/open", &|value| {
        let Value::Map(open) = value else { panic!("charges by allocation") };
        for charge in open.iter_mut().map(|(_, charge)| charge) {
            *at(charge, "account") = Value::Integer(999.into());
        }
    });
    let Value::Array(slots) = at(&mut contents.clone(), "state/jobs/slots").clone() else { panic!("a list") };
    let live = slots.iter().position(|slot| !slot.is_null()).expect("somebody lives");
    forge(&format!("state/jobs/slots/{live}/account"), &number(1));
    forge("agenda/timers", &|value| *value = Value::Array(Vec::new()));
    insta::assert_snapshot!(shown.join("\n"), @r#"
    state/next_allocation: a guard of an allocation that was not given yet
    state/next_place: a counter near its end
    state/queue/qubits: a queue that miscounts its jobs
    state/running/0/slot: a job without its allocation
    state/running/0/allocation/device: a booking that belongs to no allocation
    state/running/0/allocation/layout/0: a layout on qubits that the device does not have
    state/running/0/allocation/held/qubits: a booking that belongs to no allocation
    state/fleet/devices/0/spec/coupling_map/qubits: Semantic(None, "a device of 4294967295 qubits")
    state/jobs/free: the table of jobs contradicts itself
    state/accounts/accounts/1/expected: accounts that are no tree
    state/accounts/accounts/1/parent: accounts that are no tree
    state/accounts/accounts/1/shares: accounts that are no tree
    state/accounts/half_life: accounts that are no tree
    state/accounts/known: accounts that are no tree
    state/charges/open: accounts that are no tree
    state/charges/open: a charge on no account
    state/jobs/slots/3/account: a job on somebody else's account
    agenda/timers: a guard that never ends
    "#);
}

/// What counts within a window of everybody is the sum of what counts of groups, and so on down; nobody was charged in the
/// future, or so long ago that it has left.
#[test]
fn forged_windows_are_refused() {
    let core = busy(Queue::global(8), Retry::Event, FairShare::Window { length: Span(64) });
    let snapshot = core.snapshot();
    let contents: Value = ciborium::from_reader(&snapshot[HEAD..]).unwrap();
    let answer = |to: &dyn Fn(&mut Value)| {
        let mut forged = contents.clone();
        to(&mut forged);
        Allocator::restore(&with_contents(&snapshot, &forged)).err().map(|error| error.to_string())
    };
    assert_eq!(answer(&|_| ()), None);
    // Everybody, the group and the project have the same sums, at 1 and 5, in parts of 2.
    type Sums = Vec<(Value, Value)>;
    let all = |value: &mut Value, change: &dyn Fn(&mut Sums)| {
        for account in 0..3 {
            let Value::Map(sums) = at(value, &format!("state/accounts/accounts/{account}/buckets")) else {
                panic!("sums by part")
            };
            assert!(!sums.is_empty());
            change(sums);
        }
    };
    let no_tree = Some("the snapshot makes no sense: accounts that are no tree".to_owned());
    let number = |to: u64| Value::Integer(to.into());
    for account in 0..3 {
        let of = format!("state/accounts/accounts/{account}/buckets");
        assert_eq!(answer(&|value| *at(value, &of) = Value::Map(Vec::new())), no_tree);
        assert_eq!(answer(&|value| *at(value, &format!("{of}/0")) = number(u64::MAX)), no_tree);
    }
    assert_eq!(answer(&|value| all(value, &|sums| sums.push((number(3), number(9))))), None, "now");
    assert_eq!(answer(&|value| all(value, &|sums| sums.push((number(4), number(9))))), no_tree, "the future");
    assert_eq!(answer(&|value| all(value, &|sums| sums[0].1 = number(0))), no_tree, "nothing");
    assert_eq!(answer(&|value| *at(value, "state/accounts/base") = number(7)), no_tree, "the future");
    assert_eq!(answer(&|value| *at(value, "agenda/now") = number(1_000)), None, "nobody has charged since");
    assert_eq!(
        answer(&|value| *at(value, "state/accounts/window/length") = Value::Text("99ns".into())),
        no_tree
    );
}

/// What is spent of a period is what a configuration lists, with what runs, and nothing of the future.
#[test]
fn forged_qubit_seconds_are_refused() {
    let mut core = busy(Queue::global(8), Retry::Event, FairShare::Off);
    let mut config = core.config().clone();
    let limit = QubitSeconds { per: Span(64), at_most: 1_000 };
    let quota = Quota { qubit_seconds: Some(limit), ..Quota::default() };
    config.tenants.groups.insert("0".to_owned(), Group { quota, ..Group::default() });
    core.handle(Time(7), Command::Reconfigure(Box::new(config)), &mut Vec::new()).unwrap();
    let snapshot = core.snapshot();
    let contents: Value = ciborium::from_reader(&snapshot[HEAD..]).unwrap();
    let answer = |path: &str, to: &dyn Fn(&mut Value)| {
        let mut forged = contents.clone();
        to(at(&mut forged, path));
        Allocator::restore(&with_contents(&snapshot, &forged)).err().map(|error| error.to_string())
    };
    let number = |to: u64| Value::Integer(to.into());
    let mine = "state/spent/by/0";
    assert_eq!(answer(mine, &|_| ()), None);
    let spent = |value: &mut Value, part: u64| {
        let Value::Map(sums) = value else { panic!("sums by part") };
        assert!(!sums.is_empty());
        sums.push((number(part), number(9)));
    };
    let buckets = format!("{mine}/buckets");
    assert_eq!(answer(&buckets, &|value| spent(value, 3)), None, "now");
    type Change<'a> = &'a dyn Fn(&mut Value);
    let forgeries: [(&str, Change<'_>); 6] = [
        (&buckets, &|value| spent(value, 4)),
        (&buckets, &|value| *value = Value::Map(Vec::new())),
        (&format!("{buckets}/0"), &|value| *value = number(1)),
        (&format!("{mine}/path/0"), &|value| *value = number(1)),
        (&format!("{mine}/period/length"), &|value| *value = Value::Text("99ns".into())),
        ("state/spent/by", &|value| *value = Value::Array(Vec::new())),
    ];
    for (path, to) in forgeries {
        let refused = "the snapshot makes no sense: qubit-seconds that nobody has spent";
        assert_eq!(answer(path, to), Some(refused.to_owned()), "{path}");
    }
}
