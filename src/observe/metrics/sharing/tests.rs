//! Who passed whom, who was stopped and what was promised, worked out by hand.

use super::*;
use crate::allocator::protocol::{PromiseCause, StartPromise};
use crate::observe::fixture::{at, finished, grant, line_job, started};
use crate::quantum::coupling_map::CouplingMap;

/// A configuration under these tenants.
fn config(tenants: &str, fair_share: FairShare) -> AllocatorConfig {
    AllocatorConfig {
        tenants: serde_json::from_str(tenants).unwrap(),
        fair_share,
        ..AllocatorConfig::default()
    }
}

fn sharing(config: &AllocatorConfig) -> Sharing {
    let mut sharing = Sharing::default();
    sharing.configure(config);
    sharing
}

fn queued(id: u64, group: u32, qubits: u32) -> Event {
    let tenant = Tenant { group, ..Tenant::default() };
    crate::observe::fixture::queued(JobRequest { tenant, ..line_job(id, qubits) })
}

/// Job `id` of a group starts on these qubits; its allocation has the same number.
fn begins(second: u64, id: u64, group: u32, layout: &[u32]) -> Event {
    let map = CouplingMap::ring(16).unwrap();
    let tenant = Tenant { group, ..Tenant::default() };
    started(Allocation { tenant, ..grant(at(second), id, id, &map, layout) })
}

fn promise(at: Option<Time>) -> Box<StartPromise> {
    let allocation = grant(Time::ZERO, 1, 1, &CouplingMap::ring(16).unwrap(), &[0]);
    Box::new(StartPromise {
        device: allocation.device,
        epoch: allocation.epoch,
        layout: allocation.layout,
        not_later_than: at,
        until: None,
        isolation: allocation.isolation,
    })
}

fn told(sharing: &mut Sharing, second: u64, events: &[Event]) {
    events.iter().for_each(|event| sharing.observe(at(second), event));
}

#[test]
fn a_start_before_an_earlier_job_is_backfilled_unless_that_one_starts_too() {
    let mut all = sharing(&config("{}", FairShare::Off));
    told(&mut all, 0, &[queued(1, 0, 9), queued(2, 0, 1), queued(3, 0, 1), queued(4, 0, 1)]);
    // Job 2 passes job 1; at 20 s job 3 is told first, but both start at that instant.
    told(&mut all, 10, &[begins(10, 2, 0, &[0])]);
    told(&mut all, 20, &[begins(20, 3, 0, &[2]), begins(20, 1, 0, &[4, 5, 6, 7, 8, 9, 10, 11, 12])]);
    told(&mut all, 30, &[begins(30, 4, 0, &[14])]);
    all.finish(at(40));
    let starts = all.starts();
    assert_eq!((starts.started, starts.backfilled), (4, 1));
    let passed = Overtaken { job: JobId(1), by: 1, ns: at(20).since(at(10)).0 };
    assert_eq!(all.overtaken(), Some(passed));
}

#[test]
fn whoever_is_held_or_stopped_or_of_another_tenant_is_not_passed() {
    let held = |sharing: &mut Sharing| told(sharing, 1, &[Event::JobHeld { job: JobId(1) }]);
    let cases: [(&str, &str, FairShare, u32, u64); 4] = [
        ("nobody is in the way", "{}", FairShare::Off, 0, 1),
        ("job 1 is held", "{}", FairShare::Off, 0, 0),
        ("its group may have 8", r#"{"groups": {"7": {"quota": {"qubits": 8}}}}"#, FairShare::Off, 7, 0),
        ("usage counts", "{}", FairShare::TREE, 7, 0),
    ];
    for (name, tenants, fair_share, group, backfilled) in cases {
        let mut all = sharing(&config(tenants, fair_share));
        told(&mut all, 0, &[queued(1, group, 9), queued(2, 0, 1)]);
        if name.contains("held") {
            held(&mut all);
        }
        told(&mut all, 10, &[begins(10, 2, 0, &[0])]);
        all.finish(at(20));
        assert_eq!(all.starts().backfilled, backfilled, "{name}");
    }
}

#[test]
fn quotas_stop_jobs_for_as_long_as_others_hold_what_they_need() {
    let tenants = r#"{"groups": {"7": {"quota": {"qubits": 4}}, "8": {"quota": {"jobs": 1}}}}"#;
    let mut all = sharing(&config(tenants, FairShare::Off));
    told(&mut all, 0, &[queued(1, 7, 3), queued(2, 7, 1), queued(3, 7, 2), queued(4, 7, 2), queued(5, 8, 1)]);
    // Of four qubits one is left from 10 s to 40 s: jobs 3 and 4 are stopped, job 4 is held from 20 s on.
    told(&mut all, 10, &[begins(10, 1, 7, &[0, 1, 2])]);
    told(&mut all, 20, &[Event::JobHeld { job: JobId(4) }]);
    told(&mut all, 40, &[finished(1, 1)]);
    // The other group may have one job, which runs from 50 s on; another one waits from 60 s to 75 s.
    told(&mut all, 50, &[begins(50, 5, 8, &[8])]);
    told(&mut all, 60, &[queued(6, 8, 1)]);
    all.finish(at(75));
    let stopped: Vec<(u32, u128)> =
        all.stopped(at(75)).map(|(tenant, ns)| (tenant.group, ns / 1_000_000_000)).collect();
    assert_eq!(stopped, [(7, 30 + 10), (8, 15)]);
    // Of group 7 somebody always waited and was not held; of group 8 not from 50 s to 60 s.
    let waited = |group| all.waited(&[Some(group), None, None], at(75)) / 1_000_000_000;
    assert_eq!((waited(7), waited(8)), (75, 65));
    // What was before is forgotten.
    all.restart(at(75));
    assert_eq!(all.stopped(at(80)).map(|(_, ns)| ns / 1_000_000_000).collect::<Vec<_>>(), [0, 5]);
}

#[test]
fn promises_are_counted_and_missed_when_their_time_is_over() {
    let mut all = sharing(&config("{}", FairShare::Off));
    let given = |job, second| Event::StartPromised { job: JobId(job), promise: promise(Some(at(second))) };
    let moved = |job, second, cause| Event::PromiseMoved {
        job: JobId(job),
        promise: Some(promise(Some(at(second)))),
        cause,
    };
    told(&mut all, 0, &[queued(1, 0, 1), queued(2, 0, 1), queued(3, 0, 1), queued(4, 0, 1)]);
    told(&mut all, 0, &[given(1, 10), given(2, 20), given(3, 30)]);
    // Starting at the very instant is in time.
    told(&mut all, 10, &[begins(10, 1, 0, &[0])]);
    told(&mut all, 15, &[moved(2, 25, PromiseCause::Overrun), moved(3, 12, PromiseCause::Earlier)]);
    told(&mut all, 25, &[begins(25, 2, 0, &[2]), begins(25, 4, 0, &[4])]);
    all.finish(at(40));
    let starts = all.starts();
    assert_eq!((starts.started, starts.promised, starts.given, starts.missed), (3, 2, 3, 1));
    let moved: Vec<(PromiseCause, u64)> =
        CAUSES.into_iter().zip(starts.moved).filter(|(_, moved)| *moved > 0).collect();
    assert_eq!(moved, [(PromiseCause::Earlier, 1), (PromiseCause::Overrun, 1)]);
}
