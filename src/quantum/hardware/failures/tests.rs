//! The failure calendar: its figures, its order, and what overlapping outages do.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::hardware::tests::device;
use crate::random::Purpose;

const DAY: u64 = 86_400_000_000_000;

fn fleet() -> Vec<DeviceSpec> {
    ["ibm_fez", "ibm_torino", "garnet"]
        .map(|name| DeviceSpec {
            name: name.to_owned(),
            coupling_map: Arc::new(CouplingMap::line(4).unwrap()),
            ..device()
        })
        .into()
}

fn model(text: &str) -> Result<FailureModel, String> {
    let entries: Vec<FailureConfig> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let fleet = fleet();
    let fleet: Vec<_> = (0..).map(DeviceId).zip(&fleet).collect();
    FailureModel::new(&entries, &fleet).map_err(|error| error.to_string())
}

fn calendar(text: &str, seed: u64) -> FailureCalendar {
    model(text)
        .unwrap()
        .calendar(StreamFamily::new(seed, 0, Purpose::Failures))
}

fn show(outages: impl Iterator<Item = Outage>) -> String {
    let line = |outage: Outage| {
        let until = if outage.until == Time::MAX {
            "ever".to_owned()
        } else {
            outage.until.to_string()
        };
        format!("{} - {until} {:?} {:?}", outage.from, outage.target, outage.cause)
    };
    outages.map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn written_failures_come_as_written() {
    let written = r#"[
        {"every": {"interval": "1d", "first": "2h", "duration": "15m", "devices": ["ibm_fez"]}},
        {"at": {"time": "2h", "duration": "10m", "devices": ["ibm_*"]}},
        {"at": {"time": "3h", "devices": ["garnet"], "target": {"coupler": [2, 1]}}},
        {"at": {"time": "3h", "duration": "1m", "devices": ["g*n*t"], "target": {"qubit": 3}, "effect": {"slow": 2.0}}}
    ]"#;
    insta::assert_snapshot!(show(calendar(written, 0).take(7)), @"
    2h - 2h 15m Device(DeviceId(0)) Scheduled
    2h - 2h 10m Device(DeviceId(0)) Scheduled
    2h - 2h 10m Device(DeviceId(1)) Scheduled
    3h - ever Coupler(DeviceId(2), CouplerId(1)) Scheduled
    3h - 3h 1m Qubit(DeviceId(2), PhysicalQubit(3)) Scheduled
    1d 2h - 1d 2h 15m Device(DeviceId(0)) Scheduled
    2d 2h - 2d 2h 15m Device(DeviceId(0)) Scheduled
    ");
    let mut later = calendar(written, 0);
    assert_eq!(later.peek(), Some(Time(DAY / 12)));
    assert_eq!(
        later.next_after(Time(DAY)).map(|outage| outage.from),
        Some(Time(DAY / 12 + DAY))
    );
}

#[test]
fn what_does_not_fit_the_fleet_is_refused() {
    let messages: Vec<String> = [
        r#"[{"at": {"time": "1h", "devices": ["ibm_fes"]}}]"#,
        r#"[{"mtbf": {}}, {"at": {"time": "1h", "target": {"qubit": 4}}}]"#,
        r#"[{"at": {"time": "1h", "target": {"coupler": [1, 3]}}}]"#,
        r#"[{"every": {"interval": "0s", "duration": "1m"}}]"#,
        r#"[{"mtbf": {"repair_log_sd": -1}}]"#,
        r#"[{"flapping": {"effect": {"slow": 0}}}]"#,
        r#"[{"flaping": {}}]"#,
    ]
    .map(|text| model(text).unwrap_err())
    .into();
    insta::assert_snapshot!(messages.join("\n"), @"
    failures[0] names no device: `ibm_fes`; hint: devices are ibm_fez, ibm_torino, garnet, and * stands for any text
    failures[1] names qubit 4 of device ibm_fez; hint: it has qubits 0..=3
    failures[0] names coupler [1, 3], which device ibm_fez does not have; hint: qubit 1 is coupled with 0, 2
    failures[0]: interval is 0s; hint: longer than 0s
    failures[0]: repair_log_sd is -1; hint: between 0 and 5
    failures[0]: effect is 0; hint: a factor above 0
    unknown variant `flaping`, expected one of `at`, `every`, `mtbf`, `flapping` at line 1 column 11
    ");
}

/// Validation: mean up time and median repair of both classes, over 3 devices and some thousand outages.
#[test]
fn random_failures_have_their_figures() {
    for (text, up_days, median_days) in [
        (r#"[{"mtbf": {}}]"#, 5.0, 20.0 / 1_440.0),
        (r#"[{"mtbf": {"class": "hard"}}]"#, 90.0, 3.0),
    ] {
        let outages: Vec<Outage> = calendar(text, 9)
            .take(6_000)
            .filter(|o| o.target == Target::Device(DeviceId(1)))
            .collect();
        let days = |span: Span| span.0 as f64 / DAY as f64;
        let up = outages
            .windows(2)
            .map(|pair| days(pair[1].from.since(pair[0].until)))
            .sum::<f64>()
            / (outages.len() - 1) as f64;
        let mut repairs: Vec<f64> = outages.iter().map(|o| days(o.until.since(o.from))).collect();
        repairs.sort_unstable_by(f64::total_cmp);
        let median = repairs[repairs.len() / 2];
        // Standard errors: up 1 / sqrt(n), median 1.25 / sqrt(n) in the logarithm; n is about 2,000.
        assert!(
            outages.len() > 1_500 && (up / up_days - 1.0).abs() < 0.09,
            "up {up} days"
        );
        assert!((median / median_days).ln().abs() < 0.12, "repair {median} days");
    }
}

#[test]
fn a_burst_flaps_and_a_group_fails_together() {
    let flaps: Vec<Outage> = calendar(r#"[{"flapping": {"devices": ["garnet"]}}]"#, 4)
        .take(1_000)
        .collect();
    let long_gaps = flaps
        .windows(2)
        .filter(|pair| pair[1].from.since(pair[0].until) > Span(DAY / 24))
        .count();
    assert!(
        (190..=200).contains(&long_gaps),
        "{long_gaps} gaps between 200 bursts"
    );

    let group = r#"[{"mtbf": {"devices": ["ibm_*"], "together": true, "target": "random_qubit"}}]"#;
    let pairs: Vec<Outage> = calendar(group, 4).take(100).collect();
    for pair in pairs.chunks(2) {
        assert_eq!((pair[0].from, pair[0].until), (pair[1].from, pair[1].until));
        assert_eq!(
            [pair[0].target.device(), pair[1].target.device()],
            [DeviceId(0), DeviceId(1)]
        );
    }
}

#[test]
fn one_entry_does_not_disturb_another() {
    let alone = calendar(r#"[{"mtbf": {}}]"#, 7);
    let both = calendar(r#"[{"mtbf": {}}, {"flapping": {}}]"#, 7);
    let soft: Vec<Outage> = both
        .filter(|outage| outage.cause == Cause::Soft)
        .take(50)
        .collect();
    assert_eq!(alone.take(50).collect::<Vec<_>>(), soft);
    assert_ne!(calendar(r#"[{"mtbf": {}}]"#, 8).next(), Some(soft[0]));
}

#[test]
fn slow_drivers_slow_and_are_not_down() {
    let mut active = ActiveOutages::default();
    let slow = r#"[{"at": {"time": "0", "effect": {"slow": 3.0}}}]"#;
    for outage in calendar(slow, 0) {
        assert!(!active.begin(outage));
    }
    assert_eq!(
        (active.slowdown(DeviceId(1)), active.slowdown(DeviceId(7))),
        (3.0, 1.0)
    );
}

proptest! {
    /// Oracle: the union of the outages' intervals says whether a target is down.
    #[test]
    fn a_target_is_up_when_all_its_outages_have_ended(
        lengths in proptest::collection::vec((0_u64..50, 1_u64..30, 0_u32..2), 1..12)
    ) {
        let outages: Vec<Outage> = lengths
            .iter()
            .enumerate()
            .map(|(entry, &(from, length, device))| Outage {
                target: Target::Device(DeviceId(device)),
                from: Time(from),
                until: Time(from + length),
                cause: Cause::Scheduled,
                effect: Effect::Down,
                entry: entry as u32,
            })
            .collect();
        let mut active = ActiveOutages::default();
        let mut down = [false; 2];
        for now in 0..=80 {
            for outage in outages.iter().filter(|outage| outage.until == Time(now)) {
                if active.end(outage) {
                    prop_assert!(std::mem::replace(&mut down[outage.target.device().index()], false));
                }
            }
            for outage in outages.iter().filter(|outage| outage.from == Time(now)) {
                if active.begin(*outage) {
                    prop_assert!(!std::mem::replace(&mut down[outage.target.device().index()], true));
                }
            }
            for device in [0, 1] {
                let target = Target::Device(DeviceId(device));
                let expected = outages.iter().any(|o| o.target == target && o.from.0 <= now && now < o.until.0);
                prop_assert_eq!(down[device as usize], expected);
                prop_assert_eq!(active.is_down(target), expected);
            }
        }
    }

    #[test]
    fn outages_come_in_order(seed: u64, skip in 0_u64..1_000) {
        let text = r#"[{"mtbf": {}}, {"mtbf": {"class": "hard", "target": "random_coupler"}}, {"flapping": {}},
            {"every": {"interval": "1d", "duration": "2d"}}]"#;
        let outages: Vec<Outage> = calendar(text, seed).take(500).collect();
        prop_assert!(outages.is_sorted_by_key(|outage| outage.from));
        prop_assert!(outages.iter().all(|outage| outage.from < outage.until));
        let after = Time(skip * DAY / 24);
        let expected = outages.iter().find(|outage| outage.from > after).copied();
        prop_assert_eq!(calendar(text, seed).next_after(after), expected.or(calendar(text, seed).next_after(after)));
    }
}
