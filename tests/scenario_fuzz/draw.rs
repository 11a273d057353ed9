//! Draws a small valid scenario from a seed: any key, any variant, with odd devices, odd orders and exact instants.
//!
//! Promises scenarios that `Scenario::from_yaml` takes, but for the few contradictions of [`REDRAWN`]. Times are round and
//! few on purpose, so that ends, failures, calibrations and arrivals fall on the same instants.

use serde_json::{Map, Value, json};

use super::dice::Dice;

/// What a drawn scenario may be refused for, because only the reader knows which qubits are dead, or how long the horizon is:
/// the seed is drawn again.
pub const REDRAWN: [&str; 3] = [
    "the job asks for at least",
    "the shape needs a qubit with",
    "the warm-up leaves nothing of the horizon",
];

/// A scenario and the files it names.
#[derive(Clone)]
pub struct Drawn {
    pub seed: u64,
    pub tree: Value,
    pub files: Vec<(String, String)>,
}

/// What the drawer remembers of a device, to name it and its elements.
#[derive(Clone)]
struct Known {
    name: String,
    qubits: u64,
    couplers: Vec<(u64, u64)>,
    late: bool,
}

pub type Keys = Map<String, Value>;

/// Two parts without a coupler between them, one dead qubit and one dead coupler.
const SPLIT: &str = "name: split
technology: superconducting
qubits: 8
noise_profile: {t1: 120us, t2: 80us, readout_error: 0.01, one_qubit_error: 0.0004, two_qubit_error: 0.006}
limits: {min_qubit_separation: 0}
qubit_calibration:
  - {qubit: 6, readout_error: 0.5, dead: true}
couplers:
  - {qubits: [0, 1]}
  - {qubits: [1, 2]}
  - {qubits: [2, 0]}
  - {qubits: [3, 4]}
  - {qubits: [4, 5], two_qubit_error: 1, dead: true}
  - {qubits: [5, 6]}
  - {qubits: [6, 7]}
";

/// Draws the scenario of a seed; `again` counts how often it was refused.
pub fn draw(seed: u64, again: u64) -> Drawn {
    let mut drawer = Drawer {
        dice: Dice::new(seed.wrapping_add(again << 48)),
        files: vec![("split.yaml".to_owned(), SPLIT.to_owned())],
        devices: Vec::new(),
        distribution: false,
        templates: 0,
        arrays: false,
    };
    let tree = drawer.scenario(seed);
    Drawn { seed, tree: Value::Object(tree), files: drawer.files }
}

struct Drawer {
    dice: Dice,
    files: Vec<(String, String)>,
    devices: Vec<Known>,
    /// Whether jobs may have run times of their own.
    distribution: bool,
    templates: u64,
    /// Whether jobs come in arrays, none of which follows another one.
    arrays: bool,
}

impl Drawer {
    fn scenario(&mut self, seed: u64) -> Keys {
        let mut keys = Keys::new();
        keys.insert("scenario".into(), json!("fuzz"));
        keys.insert("seed".into(), json!(seed + 1));
        self.maybe(&mut keys, 10, "description", |_| json!("drawn"));
        self.maybe(&mut keys, 12, "replications", |dice| json!(dice.between(1, 2)));
        self.maybe(&mut keys, 10, "start", |_| json!("2026-03-01T12:00:00Z"));
        let fleet = self.fleet();
        self.distribution = self.dice.chance(25);
        let workload = self.workload();
        let replayed = ["csv", "swf", "trace"].iter().any(|key| workload.contains_key(*key));
        let jobs = self.dice.between(20, 120);
        let by_jobs = self.dice.chance(60);
        let minutes = self.dice.pick::<u64>(&[&5, &10, &20, &40]);
        if !(replayed && self.dice.chance(40)) {
            let horizon =
                if by_jobs { json!({"jobs": jobs}) } else { json!({"time": format!("{minutes}m")}) };
            keys.insert("horizon".into(), horizon);
        }
        let no_drain = self.dice.chance(20);
        let drains = if no_drain {
            keys.insert("drain".into(), json!(false));
            false
        } else if self.dice.chance(50) {
            keys.insert("drain".into(), json!(true));
            true
        } else {
            by_jobs || !keys.contains_key("horizon")
        };
        if drains {
            let limit = match self.dice.below(12) {
                0 | 5 | 6 => json!("none"),
                1 => json!({"time": "0s"}),
                2..=4 => json!({"time": "3m"}),
                _ => json!({"time": "2h"}),
            };
            keys.insert("drain_limit".into(), limit);
        }
        let warm_up = match self.dice.below(10) {
            0 => Some(json!("auto")),
            1 => Some(json!("none")),
            2 | 3 => Some(json!({"time": self.dice.pick(&["10s", "1m", "2m"])})),
            4 | 5 => Some(json!({"jobs": self.dice.between(1, 15)})),
            _ => None,
        };
        warm_up.map(|warm_up| keys.insert("warm_up".into(), warm_up));
        keys.insert("fleet".into(), Value::Array(fleet));
        self.maybe(&mut keys, 15, "aliases", |_| json!({"everything": ["*"]}));
        keys.insert("workload".into(), Value::Object(workload));
        keys.insert("allocator".into(), Value::Object(self.allocator()));
        keys.insert("hardware".into(), Value::Object(self.hardware()));
        keys.insert("calibration".into(), Value::Object(self.calibration()));
        if keys.get("drain_limit") == Some(&json!("none")) {
            // Whoever waits for ever would see thirty days of calibrations and failures, which take their time.
            keys.insert("calibration".into(), json!({"mode": "off"}));
            if let Some(failures) = keys["hardware"].get_mut("failures").and_then(Value::as_array_mut) {
                failures.retain(|failure| failure.get("at").is_some());
            }
        }
        let output = self.output();
        let targets = self.targets(&output);
        keys.insert("output".into(), Value::Object(output));
        if !targets.is_empty() {
            keys.insert("targets".into(), Value::Object(targets));
        }
        keys
    }

    fn maybe(&mut self, keys: &mut Keys, percent: u64, key: &str, value: impl FnOnce(&mut Dice) -> Value) {
        if self.dice.chance(percent) {
            let value = value(&mut self.dice);
            keys.insert(key.to_owned(), value);
        }
    }

    fn fleet(&mut self) -> Vec<Value> {
        let entries = self.dice.pick::<u64>(&[&1, &1, &2, &2, &3, &4]);
        (0..*entries).map(|index| Value::Object(self.fleet_entry(index))).collect()
    }

    fn fleet_entry(&mut self, index: u64) -> Keys {
        let mut keys = Keys::new();
        let dice = &mut self.dice;
        let chain = |qubits: u64| (1..qubits).map(|q| (q - 1, q)).collect::<Vec<_>>();
        let (lattice, qubits, couplers) = match dice.below(14) {
            0 => (json!({"all_to_all": {"qubits": 1}}), 1, vec![]),
            1 | 2 => {
                let qubits = dice.between(2, 7);
                (json!({"all_to_all": {"qubits": qubits}}), qubits, vec![(0, 1)])
            }
            3 | 4 => {
                let qubits = dice.between(1, 10);
                (json!({"line": {"qubits": qubits}}), qubits, chain(qubits))
            }
            5 | 6 => {
                let qubits = dice.between(3, 10);
                (json!({"ring": {"qubits": qubits}}), qubits, chain(qubits))
            }
            7 | 8 => {
                let (rows, columns) = (dice.between(2, 4), dice.between(2, 5));
                (json!({"grid": {"rows": rows, "columns": columns}}), rows * columns, chain(columns))
            }
            9 => (json!({"heavy_hex": {"rows": 2, "columns": 7}}), 14, chain(7)),
            10 => (json!({"heavy_hex": {"qubits": 16}}), 16, vec![]),
            11 => (json!({"device": "./split.yaml"}), 8, vec![(0, 1), (1, 2), (3, 4), (5, 6)]),
            12 => (json!({"device": "ibm_guadalupe"}), 16, vec![]),
            _ => (json!({"device": "ionq_harmony"}), 11, vec![(0, 1)]),
        };
        let synthetic = lattice.get("device").is_none();
        match lattice.get("device") {
            Some(device) => keys.insert("device".into(), device.clone()),
            None => keys.insert("synthetic".into(), lattice),
        };
        if synthetic {
            let noise = match dice.below(8) {
                0 | 1 => Some(json!("ideal")),
                2 => Some(json!({"like": dice.pick(&["ibm_guadalupe", "ibm_fez", "./split.yaml"])})),
                3 | 4 => Some(json!({"averages": Self::averages(dice)})),
                _ => None,
            };
            noise.map(|noise| keys.insert("noise".into(), noise));
            if dice.chance(15) {
                keys.insert("noise_seed".into(), json!(dice.below(1000)));
            }
            if dice.chance(25) {
                let kinds = ["superconducting", "trapped_ion", "neutral_atom", "simulator"];
                keys.insert("technology".into(), json!(dice.pick(&kinds)));
            }
        }
        let name = format!("{}{index}", dice.pick(&["a", "b", "qpu-", "z_"]));
        keys.insert("name".into(), json!(name));
        let count = if dice.chance(15) { 2 } else { 1 };
        if count > 1 || dice.chance(5) {
            keys.insert("count".into(), json!(count));
        }
        // The first device is always there: a fleet without any refuses all jobs.
        if index > 0 && dice.chance(18) {
            keys.insert("joins".into(), json!(dice.pick(&["10s", "1m", "2m", "10m"])));
        }
        if index > 0 && dice.chance(18) {
            keys.insert("leaves".into(), json!(dice.pick(&["11m", "15m", "20m", "30m"])));
        }
        let mut limits = Keys::new();
        for (percent, key, value) in [
            (25, "max_concurrent_tasks", json!(dice.between(1, 3))),
            (12, "min_qubit_separation", json!(dice.between(0, 2))),
            (10, "calibration_interval", json!(dice.pick(&["5m", "10m", "1h"]))),
            (15, "reconfiguration_time", json!(dice.pick(&["0s", "1s", "10s"]))),
        ] {
            if dice.chance(percent) {
                limits.insert(key.into(), value);
            }
        }
        if !limits.is_empty() {
            keys.insert("limits".into(), Value::Object(limits));
        }
        let mut speed = Keys::new();
        for (key, value) in [
            ("job_overhead", json!(dice.pick(&["0s", "1s", "10s"]))),
            ("circuit_overhead", json!(dice.pick(&["0s", "100ms"]))),
            ("repetition_delay", json!(dice.pick(&["0s", "250us", "1ms"]))),
            ("layer", json!(dice.pick(&["0s", "200ns"]))),
            ("clops", json!(dice.pick::<u64>(&[&1000, &200_000]))),
            ("quantum_volume", json!(dice.pick::<u64>(&[&2, &64]))),
        ] {
            if dice.chance(7) {
                speed.insert(key.into(), value);
            }
        }
        if !speed.is_empty() {
            keys.insert("speed".into(), Value::Object(speed));
        }
        if dice.chance(25) {
            let [second, shot] = [dice.below(3), dice.below(3)];
            keys.insert("price".into(), json!({"per_second": second, "per_shot": shot}));
        }
        for number in 1..=count {
            let name = if count > 1 { format!("{name}-{number}") } else { name.clone() };
            let late = keys.contains_key("joins");
            self.devices.push(Known { name, qubits, couplers: couplers.clone(), late });
        }
        keys
    }

    fn averages(dice: &mut Dice) -> Value {
        let mut keys = Keys::new();
        for (key, value) in [
            ("t1", json!("150us")),
            ("t2", json!("90us")),
            ("readout_error", json!(0.02)),
            ("one_qubit_error", json!(0.0005)),
            ("two_qubit_error", json!(0.008)),
            ("one_qubit_duration", json!("40ns")),
            ("two_qubit_duration", json!("80ns")),
            ("readout_duration", json!("2us")),
            ("spread", json!(dice.chance(50))),
        ] {
            if dice.chance(35) {
                keys.insert(key.into(), value);
            }
        }
        Value::Object(keys)
    }

    fn workload(&mut self) -> Keys {
        let mut keys = Keys::new();
        match self.dice.below(20) {
            0 | 1 => return self.table(),
            2 => return self.swf(),
            3 => return self.trace(),
            _ => {}
        }
        self.arrays = self.dice.chance(25);
        let split = self.dice.chance(10);
        if !split {
            let arrivals = self.arrivals();
            self.chain(&mut keys, &arrivals);
            keys.insert("arrivals".into(), arrivals);
            self.maybe(&mut keys, 10, "start_after", |dice| json!(dice.pick(&["10s", "1m"])));
            self.maybe(&mut keys, 10, "stop_after", |dice| json!(dice.pick(&["5m", "20m"])));
        }
        keys.insert("jobs".into(), self.jobs());
        if split || self.dice.chance(15) {
            let sources = (0..self.dice.between(1, 2)).map(|_| {
                let mut source = Keys::new();
                let arrivals = self.arrivals();
                self.chain(&mut source, &arrivals);
                source.insert("arrivals".into(), arrivals);
                self.maybe(&mut source, 30, "start_after", |dice| json!(dice.pick(&["10s", "1m"])));
                self.maybe(&mut source, 30, "stop_after", |dice| json!(dice.pick(&["5m", "20m"])));
                if self.dice.chance(50) {
                    source.insert("jobs".into(), self.jobs());
                }
                Value::Object(source)
            });
            let sources: Vec<Value> = sources.collect();
            keys.insert("sources".into(), Value::Array(sources));
        }
        self.maybe(&mut keys, 35, "tenants", |dice| {
            let mut tenants = json!({"users": dice.between(1, 6)});
            for (key, value) in [
                ("groups", json!(dice.between(1, 3))),
                ("projects", json!(dice.between(1, 3))),
                ("first", json!(dice.below(3))),
                ("zipf", json!(dice.pick::<f64>(&[&0.0, &1.0, &2.5]))),
            ] {
                if dice.chance(60) {
                    tenants[key] = value;
                }
            }
            tenants
        });
        if self.dice.chance(30) {
            let outcomes = self.outcomes();
            keys.insert("outcomes".into(), outcomes);
        }
        keys
    }

    /// Whether jobs that come at one instant follow one another.
    fn chain(&mut self, keys: &mut Keys, arrivals: &Value) {
        if ["batch", "burst", "at_start"].iter().any(|kind| arrivals.get(kind).is_some()) {
            let chains: &[&str] = if self.arrays { &["none"] } else { &["none", "after", "after_success"] };
            self.maybe(keys, 50, "chain", |dice| json!(dice.pick(&chains.iter().collect::<Vec<_>>())));
        }
    }

    fn arrivals(&mut self) -> Value {
        let dice = &mut self.dice;
        let rate = dice.pick(&["60/h", "200/h", "600/h", "0.5/s", "6/m", "10/30s"]).to_owned();
        match dice.below(10) {
            0 | 1 => json!({"poisson": {"rate": rate}}),
            2 | 3 => json!({"deterministic": {"every": dice.pick(&["1s", "5s", "10s", "20s"])}}),
            4 => json!({"renewal": {"rate": rate, "cv": dice.pick::<f64>(&[&0.0, &0.5, &1.0, &3.0])}}),
            5 => match dice.chance(70) {
                true => json!({"batch": {"rate": rate, "mean_size": dice.between(1, 6)}}),
                false => json!({"batch": {"rate": rate}}),
            },
            6 => {
                let mut body = json!({"rate": rate});
                for (key, value) in [
                    ("amplitude", json!(dice.pick::<f64>(&[&0.0, &0.5, &1.0]))),
                    ("period", json!(dice.pick(&["5m", "1h"]))),
                    ("phase", json!(dice.pick(&["0s", "2m"]))),
                ] {
                    if dice.chance(60) {
                        body[key] = value;
                    }
                }
                json!({"sinusoidal": body})
            }
            7 => json!({"mmpp": {"rates": ["1200/h", "30/h"], "sojourn": ["1m", dice.pick(&["1m", "5m"])]}}),
            8 => {
                let mut body = json!({"every": dice.pick(&["1m", "2m"]), "jobs": dice.between(1, 12)});
                if dice.chance(60) {
                    body["over"] = json!(dice.pick(&["0s", "10s", "1m"]));
                }
                json!({"burst": body})
            }
            _ => json!({"at_start": {"jobs": dice.between(1, 60)}}),
        }
    }

    fn jobs(&mut self) -> Value {
        if self.dice.chance(5) && self.widest() >= 2 {
            return json!("ibm_like");
        }
        let templates = self.dice.between(1, 4);
        Value::Array((0..templates).map(|_| Value::Object(self.template())).collect())
    }

    fn widest(&self) -> u64 {
        self.devices.iter().map(|device| device.qubits).max().unwrap_or(1)
    }

    fn outcomes(&mut self) -> Value {
        let mut keys = Keys::new();
        self.maybe(&mut keys, 70, "cancelled", |dice| json!(dice.pick::<f64>(&[&0.0, &0.1, &0.5])));
        if self.dice.chance(60) {
            let after = self.span_law(&["0s", "10s", "20s", "1m"]);
            keys.insert("cancel_after".into(), after);
        }
        self.maybe(&mut keys, 60, "error", |dice| json!(dice.pick::<f64>(&[&0.0, &0.1, &0.5])));
        Value::Object(keys)
    }

    /// A law of counts from 1 to about `most`.
    fn count_law(&mut self, most: u64) -> Value {
        let dice = &mut self.dice;
        let most = most.max(1);
        match dice.below(16) {
            0 | 1 => json!({"uniform": [1, most]}),
            2 => json!({"log_normal": {"median": most.div_ceil(2), "sigma": 0.5, "min": 1, "max": most}}),
            3 => json!({"exponential": {"mean": most.div_ceil(2), "min": 1, "max": most}}),
            4 => json!({"gamma": {"mean": most.div_ceil(2), "cv": 0.7, "min": 1, "max": most}}),
            5 => json!({"choice": [[1, 2], [most, 1]]}),
            6 => json!({"quantiles": [[0, 1], [0.5, most.div_ceil(2)], [1, most]]}),
            7 => json!({"zipf": {"n": most, "s": 1.0}}),
            _ => json!(dice.between(1, most)),
        }
    }

    /// A law of durations around one of the given ones.
    fn span_law(&mut self, around: &[&str]) -> Value {
        let dice = &mut self.dice;
        let span = dice.pick(around);
        let mean = if span == "0s" { "1s" } else { span };
        match dice.below(20) {
            0 | 1 => json!({"uniform": [span, "2m"]}),
            2 => json!({"log_normal": {"median": mean, "sigma": 0.5, "min": "0s", "max": "5m"}}),
            3 => json!({"exponential": {"mean": mean, "min": "0s", "max": "5m"}}),
            4 => json!({"gamma": {"mean": mean, "cv": 0.7, "min": "1s", "max": "5m"}}),
            5 => json!({"choice": [[span, 2], ["30s", 1]]}),
            6 => json!({"quantiles": [[0, "0s"], [0.5, mean], [1, "5m"]]}),
            7 => json!({"zipf": {"n": 3, "s": 1.0}}),
            _ => json!(span),
        }
    }

    fn factor_law(&mut self) -> Value {
        let dice = &mut self.dice;
        match dice.below(10) {
            0 => json!({"uniform": [0.5, 2.0]}),
            1 => json!({"log_normal": {"median": 1.2, "sigma": 0.5, "min": 0.1, "max": 5.0}}),
            2 => json!({"exponential": {"mean": 1.5, "min": 0.1, "max": 5.0}}),
            3 => json!({"gamma": {"mean": 1.5, "cv": 0.7, "min": 0.1, "max": 5.0}}),
            4 => json!({"choice": [[0.5, 1], [3.0, 1]]}),
            5 => json!({"quantiles": [[0, 0.5], [0.5, 1.0], [1, 4.0]]}),
            6 => json!({"zipf": {"n": 3, "s": 1.0}}),
            _ => json!(dice.pick::<f64>(&[&0.5, &1.0, &1.5, &0.0])),
        }
    }

    fn template(&mut self) -> Keys {
        let mut keys = Keys::new();
        self.templates += 1;
        keys.insert("name".into(), json!(format!("t{}", self.templates)));
        let exclude = self.devices.len() > 1 && self.dice.chance(18);
        let excluded = match exclude {
            true => {
                let number = self.dice.between(1, self.devices.len() as u64 - 1) as usize;
                self.dice.some(&self.devices, number)
            }
            false => Vec::new(),
        };
        let is_excluded = |name: &str| excluded.iter().any(|device| device.name == name);
        let allowed: Vec<Known> =
            self.devices.iter().filter(|device| !is_excluded(&device.name)).cloned().collect();
        let widest = allowed.iter().map(|device| device.qubits).max().unwrap_or(1);
        self.shape(&mut keys, widest);
        self.maybe(&mut keys, 25, "weight", |dice| json!(dice.pick::<f64>(&[&0.5, &1.0, &3.0])));
        if self.arrays && self.dice.chance(50) {
            let law = self.count_law(5);
            keys.insert("array".into(), law);
        }
        if self.dice.chance(20) {
            let law = self.count_law(6);
            keys.insert("circuits".into(), law);
        }
        if self.dice.chance(30) {
            let law = self.count_law(5000);
            keys.insert("shots".into(), law);
        }
        if self.dice.chance(25) {
            let law = self.count_law(300);
            keys.insert("depth".into(), law);
        }
        if self.distribution && self.dice.chance(80) {
            let law = self.span_law(&["0s", "10s", "20s", "1m"]);
            keys.insert("execution_time".into(), law);
        }
        let estimate = match self.dice.below(10) {
            0 => Some(json!("none")),
            1 | 4 => Some(json!({"times_execution": self.factor_law()})),
            2 => Some(json!({"span": self.span_law(&["10s", "20s", "1m"])})),
            3 => Some(json!(self.dice.pick(&["10s", "20s", "1m"]))),
            _ => None,
        };
        estimate.map(|estimate| keys.insert("estimated_duration".into(), estimate));
        self.maybe(&mut keys, 30, "priority", |dice| match dice.chance(60) {
            true => json!(dice.pick(&["low", "normal", "high", "critical"])),
            false => json!(dice.pick::<i64>(&[&-7, &0, &3, &999_999_999])),
        });
        if self.dice.chance(30) {
            let isolation = self.isolation_of_a_job();
            keys.insert("isolation".into(), isolation);
        }
        if self.dice.chance(30) {
            let number = self.dice.between(1, 3) as usize;
            let mut names: Vec<String> =
                self.dice.some(&allowed, number).into_iter().map(|device| device.name).collect();
            if excluded.is_empty() && self.dice.chance(15) {
                names.push("*".to_owned());
            }
            keys.insert("device_preference".into(), json!(names));
        }
        if !excluded.is_empty() {
            let names: Vec<String> = excluded.into_iter().map(|device| device.name).collect();
            keys.insert("excluded_devices".into(), json!(names));
        }
        if self.dice.chance(22) {
            let law = self.span_law(&["0s", "10s", "30s", "2m"]);
            keys.insert("max_wait_time".into(), law);
        }
        if self.dice.chance(22) {
            let law = self.span_law(&["0s", "10s", "30s", "2m"]);
            keys.insert("deadline".into(), law);
        }
        self.quality_of_a_job(&mut keys);
        self.maybe(&mut keys, 8, "redundancy", |_| json!(1));
        self.maybe(&mut keys, 12, "attributes", |dice| {
            let mut facts = Keys::new();
            for (key, value) in [
                ("project_type", json!("educational")),
                ("sla_required", json!(true)),
                ("job_criticality", json!("high")),
                ("labels", json!({"team": "x"})),
            ] {
                if dice.chance(60) {
                    facts.insert(key.into(), value);
                }
            }
            Value::Object(facts)
        });
        self.maybe(&mut keys, 15, "tenant", |dice| {
            let mut tenant = Keys::new();
            for key in ["user", "group", "project"] {
                if dice.chance(70) {
                    tenant.insert(key.into(), json!(dice.below(3)));
                }
            }
            Value::Object(tenant)
        });
        if self.dice.chance(15) {
            let outcomes = self.outcomes();
            keys.insert("outcomes".into(), outcomes);
        }
        keys
    }

    /// Shape and size, which depend on each other.
    fn shape(&mut self, keys: &mut Keys, widest: u64) {
        let small = widest.min(5);
        if self.dice.chance(4) && widest >= 2 {
            keys.insert("preset".into(), json!("ibm_like"));
            return;
        }
        let loose = ["any", "any", "line", "line", "star", "tree", "complete", "heavy_hex"];
        let topology = match self.dice.below(16) {
            0 => None,
            1 if widest >= 3 => Some(json!("ring")),
            2 if widest >= 4 => {
                let columns = if widest >= 6 && self.dice.chance(50) { 3 } else { 2 };
                Some(json!({"grid": {"rows": 2, "columns": columns}}))
            }
            3 if widest >= 3 => Some(json!({"custom": {"edges": [[0, 1], [1, 2]]}})),
            4 if widest >= 3 => Some(json!({"custom": {"matrix": [[0, 1, 0], [1, 0, 2], [0, 2, 0]]}})),
            5 if widest >= 3 => Some(json!({"circuit": self.dice.pick(&["ghz:3", "qaoa_ring:3,layers=2"])})),
            6 => Some(json!({"choice": [["line", 2], ["ring", 1], ["any", 1]]})),
            _ => Some(json!(self.dice.pick(&loose))),
        };
        let fixed =
            topology.as_ref().and_then(Value::as_object).is_some_and(|one| !one.contains_key("choice"));
        let name = topology.as_ref().and_then(Value::as_str).unwrap_or("any").to_owned();
        if let Some(topology) = &topology {
            keys.insert("topology".into(), topology.clone());
        }
        if fixed {
            return;
        }
        let least = if name == "ring" { 3 } else { 1 };
        let rigid = ["heavy_hex", "complete"].contains(&&*name);
        let wide = self.dice.chance(25);
        let most = if wide { widest } else { small };
        if self.dice.chance(25) {
            keys.insert("min_qubits".into(), json!(least));
            let largest = self.dice.between(most.max(least), (2 * most).max(least));
            let copies = rigid || self.dice.chance(40);
            let max = match self.dice.chance(70) || largest < 2 {
                true => json!(largest),
                false => json!({"uniform": [least, largest]}),
            };
            keys.insert("max_qubits".into(), max);
            if copies || self.dice.chance(30) {
                keys.insert("elasticity".into(), json!(if copies { "copies" } else { "largest" }));
            }
            if self.dice.chance(20) && !rigid && most > least {
                keys.insert("min_qubits".into(), json!({"uniform": [least, least + 1]}));
                keys.insert("max_qubits".into(), json!(largest.max(least + 1)));
            }
        } else if name == "ring" {
            keys.insert("qubits".into(), json!(self.dice.between(3, most.max(3))));
        } else {
            let law = self.count_law(most);
            keys.insert("qubits".into(), law);
        }
    }

    fn isolation_of_a_job(&mut self) -> Value {
        let dice = &mut self.dice;
        let levels = ["weak", "medium", "strong"];
        if dice.chance(40) {
            return json!(dice.pick(&levels));
        }
        let mut keys = Keys::new();
        for (key, value) in [
            ("level", json!(dice.pick(&levels))),
            ("buffer_distance", json!(dice.below(4))),
            ("temporal_separation", json!(dice.pick(&["0s", "1s", "10s"]))),
            ("hardware_reset", json!(dice.chance(50))),
            ("max_crosstalk", json!(dice.pick::<f64>(&[&0.0005, &0.01]))),
        ] {
            if dice.chance(40) {
                keys.insert(key.into(), value);
            }
        }
        Value::Object(keys)
    }

    fn quality_of_a_job(&mut self, keys: &mut Keys) {
        self.maybe(keys, 10, "fidelity_requirement", |dice| match dice.below(3) {
            0 => json!(0.98),
            1 => json!({"at_least": 0.999, "hard": false}),
            _ => json!({"at_least": 0.99, "hard": true}),
        });
        self.maybe(keys, 10, "min_success_probability", |dice| match dice.below(3) {
            0 => json!(0.3),
            1 => json!({"at_least": 0.95, "hard": false}),
            _ => json!({"at_least": 0.5}),
        });
        self.maybe(keys, 6, "noise_budget", |dice| json!(dice.pick::<f64>(&[&0.3, &0.9])));
        self.maybe(keys, 6, "coherence_time_required", |dice| json!(dice.pick(&["20us", "100us"])));
        self.maybe(keys, 12, "max_swap_operations", |dice| json!(dice.pick::<u64>(&[&0, &1, &10])));
        self.maybe(keys, 10, "limits", |dice| {
            let mut limits = Keys::new();
            for (key, value) in [
                ("min_t1", json!("50us")),
                ("min_t2", json!("30us")),
                ("max_one_qubit_error", json!(0.002)),
                ("max_two_qubit_error", json!(0.02)),
                ("max_readout_error", json!(0.05)),
            ] {
                if dice.chance(40) {
                    limits.insert(key.into(), value);
                }
            }
            Value::Object(limits)
        });
    }

    fn settings_of_a_file(&mut self, file: &str) -> Keys {
        let mut keys = Keys::new();
        keys.insert("file".into(), json!(file));
        self.maybe(&mut keys, 40, "start_at_first_job", |dice| json!(dice.chance(50)));
        self.maybe(&mut keys, 40, "limit", |dice| json!(dice.between(1, 60)));
        self.maybe(&mut keys, 40, "time_scale", |dice| json!(dice.pick::<f64>(&[&0.5, &1.0, &2.0])));
        keys
    }

    fn table(&mut self) -> Keys {
        let most = self.widest().min(5);
        let shapes = ["any", "line", "", "star", "edges:0-1"];
        let own = self.distribution;
        let mut text =
            "id,after,after_success,submission_time,qubits,topology,shots,project,outcome,isolation,max_wait_time"
                .to_owned();
        text.push_str(if own { ",execution_time\n" } else { "\n" });
        let mut at = 0;
        for number in 0..self.dice.between(5, 60) {
            at += self.dice.pick::<u64>(&[&0, &0, &5, &10, &30]);
            let dice = &mut self.dice;
            // One of the ten before it, or several.
            let mut follows = || match number > 0 && dice.chance(15) {
                true => {
                    let few = dice.between(1, 2);
                    let all = (0..few).map(|_| (number - dice.between(1, number.min(10))).to_string());
                    all.collect::<Vec<_>>().join(" ")
                }
                false => String::new(),
            };
            let (after, after_success) = (follows(), follows());
            text.push_str(&format!("{number},{after},{after_success},"));
            let shape = dice.pick(&shapes);
            let qubits = if shape.starts_with("edges") { 2.min(most) } else { dice.between(1, most) };
            let shape = if qubits == 1 { "any" } else { shape };
            let outcome = dice.pick(&["", "completed", "error 0.5", "cancelled 30"]);
            let isolation = dice.pick(&["", "weak", "strong"]);
            let wait = dice.pick(&["", "", "60"]);
            let project = dice.below(3);
            text.push_str(&format!("{at},{qubits},{shape},1000,{project},{outcome},{isolation},{wait}"));
            text.push_str(if own { dice.pick(&[",10\n", ",20\n", ",0\n", ",60\n"]) } else { "\n" });
        }
        self.files.push(("table.csv".to_owned(), text));
        let file = match self.dice.chance(40) {
            true => json!("table.csv"),
            false => Value::Object(self.settings_of_a_file("table.csv")),
        };
        Keys::from_iter([("csv".to_owned(), file)])
    }

    fn swf(&mut self) -> Keys {
        let most = self.widest();
        let mut text = "; MaxProcs: 64\n".to_owned();
        let mut at = 0;
        for number in 1..=self.dice.between(5, 60) {
            at += self.dice.pick::<u64>(&[&0, &0, &5, &10, &30]);
            let (ran, asked) = (self.dice.pick::<u64>(&[&1, &10, &20, &60]), self.dice.between(1, most));
            let wanted = self.dice.pick(&["-1", "10", "60"]);
            let before =
                if self.dice.chance(30) { self.dice.between(1, number).to_string() } else { "-1".to_owned() };
            text.push_str(&format!(
                "{number} {at} -1 {ran} {asked} -1 -1 {asked} {wanted} -1 1 1 1 1 1 -1 {before} -1\n"
            ));
        }
        self.files.push(("trace.swf".to_owned(), text));
        let mut keys = self.settings_of_a_file("trace.swf");
        let quantum = !self.distribution || self.dice.chance(30);
        let most = self.widest().min(4);
        if quantum {
            let map = match self.dice.chance(60) {
                true => json!({"widths": [[0, 1], [0.5, most.div_ceil(2)], [1, most]]}),
                false => json!({}),
            };
            keys.insert("jobs".into(), json!({"quantum": map}));
        } else if self.dice.chance(50) {
            keys.insert("jobs".into(), json!("as_is"));
        }
        self.maybe(&mut keys, 60, "preceding_jobs", |dice| json!(dice.pick(&["ignore", "follow"])));
        self.maybe(&mut keys, 60, "overrun", |dice| json!(dice.pick(&["keep", "cut"])));
        let file = match !quantum && self.dice.chance(40) {
            true => json!("trace.swf"),
            false => Value::Object(keys),
        };
        Keys::from_iter([("swf".to_owned(), file)])
    }

    fn trace(&mut self) -> Keys {
        let header = "replication,job_id,workload_name,submission_time,requested_number_of_resources,requested_time,\
                      final_state,execution_time,turnaround_time,topology,circuits,shots,depth,user,group,project,\
                      own_execution_time\n";
        let mut text = header.to_owned();
        let most = self.widest().min(5);
        let lost = self.dice.chance(40);
        let mut at = 0;
        for number in 0..self.dice.between(5, 60) {
            at += self.dice.pick::<u64>(&[&0, &0, &5, &10, &30]);
            let dice = &mut self.dice;
            let shape = if lost { dice.pick(&["any", "custom"]) } else { dice.pick(&["any", "line"]) };
            let state =
                dice.pick(&["completed", "completed", "failed", "cancelled", "expired", "unfinished"]);
            let qubits = dice.between(1, most);
            text.push_str(&format!(
                "0,{number},t,{at},{qubits},,{state},10,20,{shape},1,1000,50,{0},0,{0},10\n",
                number % 3
            ));
        }
        self.files.push(("run.csv".to_owned(), text));
        let mut keys = self.settings_of_a_file("run.csv");
        self.maybe(&mut keys, 40, "replication", |_| json!(0));
        if lost {
            keys.insert("lost_shapes".into(), json!("any"));
        } else {
            self.maybe(&mut keys, 40, "lost_shapes", |_| json!("refuse"));
        }
        let file = if !lost && self.dice.chance(30) { json!("run.csv") } else { Value::Object(keys) };
        Keys::from_iter([("trace".to_owned(), file)])
    }

    /// Shares and quotas of groups, projects and users, by the numbers that jobs have.
    fn sharing(&mut self, keys: &mut Keys) {
        self.maybe(keys, 40, "fair_share", |dice| match dice.below(6) {
            0 => json!("off"),
            2 => json!({"window": {}}),
            3 => json!({"window": {"length": dice.pick(&["10s", "10m", "28d"])}}),
            1 => json!({"tree": {}}),
            _ => json!({"tree": {"half_life": dice.pick(&["10s", "10m", "7d"])}}),
        });
        self.maybe(keys, 40, "tenants", |dice| {
            let mut groups = Keys::new();
            for group in 0..dice.between(1, 3) {
                let mut projects = Keys::new();
                for project in 0..dice.below(3) {
                    let mut users = Keys::new();
                    for user in 0..dice.below(4) {
                        users.insert(user.to_string(), Value::Object(Self::entitled(dice)));
                    }
                    let mut of = Self::entitled(dice);
                    if !users.is_empty() {
                        of.insert("users".into(), Value::Object(users));
                    }
                    projects.insert(project.to_string(), Value::Object(of));
                }
                let mut of = Self::entitled(dice);
                if !projects.is_empty() {
                    of.insert("projects".into(), Value::Object(projects));
                }
                groups.insert(group.to_string(), Value::Object(of));
            }
            json!({"groups": groups})
        });
    }

    /// What somebody is entitled to.
    fn entitled(dice: &mut Dice) -> Keys {
        let mut keys = Keys::new();
        if dice.chance(50) {
            keys.insert("shares".into(), json!(dice.between(1, 9)));
        }
        if dice.chance(35) {
            let mut quota = Keys::new();
            let mut borrow = Keys::new();
            for (key, most) in
                [("qubits", *dice.pick::<u64>(&[&0, &2, &5, &12, &40])), ("jobs", dice.below(5))]
            {
                if dice.chance(60) {
                    quota.insert(key.into(), json!(most));
                    if dice.chance(40) {
                        borrow.insert(key.into(), json!(dice.between(1, 12)));
                    }
                }
            }
            if dice.chance(30) {
                quota.insert("waiting".into(), json!(dice.below(20)));
            }
            if dice.chance(30) {
                let at_most = *dice.pick::<u64>(&[&1, &30, &1_000, &30_000]);
                let per = dice.pick(&["10s", "10m", "24h"]);
                quota.insert("qubit_seconds".into(), json!({"per": per, "at_most": at_most}));
            }
            if !borrow.is_empty() {
                quota.insert("borrow".into(), Value::Object(borrow));
            }
            keys.insert("quota".into(), Value::Object(quota));
        }
        keys
    }

    fn allocator(&mut self) -> Keys {
        let mut keys = Keys::new();
        let strategies = ["first_fit", "noise_aware", "topology_aware", "region", "fixed_regions"];
        let selections = [
            "first",
            "random",
            "round_robin",
            "least_loaded",
            "weighted_round_robin",
            "power_of_two",
            "earliest_completion",
            "cheapest",
            "weighted_score",
            "best_fidelity",
        ];
        self.maybe(&mut keys, 85, "strategy", |dice| json!(dice.pick(&strategies)));
        self.maybe(&mut keys, 85, "selection", |dice| json!(dice.pick(&selections)));
        let first = self.devices[0].name.clone();
        self.maybe(&mut keys, 20, "weights", |dice| json!({first: dice.pick::<f64>(&[&0.25, &1.0, &7.0])}));
        let of_first = self.devices[0].name.clone();
        let alone = self.devices.len() == 1;
        self.maybe(
            &mut keys,
            20,
            "charge_weights",
            // Somebody's time counts.
            |dice| json!({of_first: dice.pick::<f64>(&[&if alone { 1.5 } else { 0.0 }, &0.333, &3.0])}),
        );
        self.maybe(&mut keys, 20, "score", |dice| {
            let [load, fidelity, completion, price] = [1, 0, 1, 2].map(|most| dice.below(most + 1));
            json!({"load": load + 1, "fidelity": fidelity, "completion": completion, "price": price})
        });
        self.maybe(
            &mut keys,
            20,
            "avoid_overloaded_devices",
            |dice| json!({"above": dice.pick::<f64>(&[&0.0, &0.5, &0.85, &1.5])}),
        );
        self.maybe(&mut keys, 85, "queue", |dice| {
            let skip = *dice.pick::<u64>(&[&0, &0, &1, &8, &64]);
            let promises = match dice.below(4) {
                0 | 1 => json!("easy"),
                2 => json!("conservative"),
                _ => json!({"depth": dice.pick::<u64>(&[&1, &2, &5])}),
            };
            match dice.below(9) {
                5..=7 => json!({"global": {"promises": promises}}),
                8 => json!({"per_device": {"promises": promises}}),
                0 | 1 => json!({"global": {"skip_ahead": skip}}),
                2 => json!({"per_device": {"skip_ahead": skip}}),
                3 => json!({"per_device": {"skip_ahead": skip, "head_of_line": "placement"}}),
                _ => json!({"per_device": {"skip_ahead": skip, "head_of_line": "count"}}),
            }
        });
        let orders = [
            "fifo",
            "shortest_first",
            "priority",
            "priority_based",
            "earliest_deadline",
            "fair_share",
            "weighted",
        ];
        self.maybe(&mut keys, 60, "order", |dice| json!(dice.pick(&orders)));
        self.sharing(&mut keys);
        self.maybe(&mut keys, 35, "priority_aging", |dice| match dice.below(4) {
            0 => json!("off"),
            1 => json!({"capped": {"every": dice.pick(&["1s", "10s"]), "at_most": dice.pick::<u64>(&[&0, &3, &50])}}),
            _ => json!({"every": dice.pick(&["1ns", "1s", "10s", "1h"])}),
        });
        self.maybe(&mut keys, 30, "reject_if_late", |dice| json!(dice.chance(70)));
        self.maybe(&mut keys, 50, "retry", |dice| match dice.chance(50) {
            true => json!("event"),
            false => json!({"every": dice.pick(&["5s", "10s", "1m"])}),
        });
        self.maybe(&mut keys, 80, "isolation", |dice| {
            let mut isolation = Keys::new();
            for (key, value) in [
                ("default_level", json!(dice.pick(&["weak", "medium", "strong"]))),
                ("buffer_distance", json!(dice.below(4))),
                ("guard", json!(dice.pick(&["0s", "10us", "1s", "10s"]))),
                ("between", json!(dice.pick(&["jobs", "users", "projects", "groups"]))),
            ] {
                if dice.chance(70) {
                    isolation.insert(key.into(), value);
                }
            }
            Value::Object(isolation)
        });
        self.maybe(&mut keys, 40, "walltime", |dice| {
            let mut walltime = Keys::new();
            for (key, value) in [
                ("exceeded", json!(dice.pick(&["stop", "continue"]))),
                ("grace", json!(dice.pick(&["0s", "1s", "10s"]))),
                (
                    "estimate",
                    dice.pick::<Value>(&[&json!("none"), &json!({"model": 1.5}), &json!({"model": 0.2})])
                        .clone(),
                ),
            ] {
                if dice.chance(70) {
                    walltime.insert(key.into(), value);
                }
            }
            Value::Object(walltime)
        });
        self.maybe(&mut keys, 30, "max_attempts", |dice| json!(dice.between(1, 4)));
        self.maybe(&mut keys, 30, "stop_timeout", |dice| json!(dice.pick(&["0s", "1ms", "1s", "1m"])));
        self.maybe(&mut keys, 30, "placement_budget", |dice| {
            json!(dice.pick::<u64>(&[&1, &10, &1000, &100_000]))
        });
        self.maybe(&mut keys, 40, "starts", |dice| json!(dice.pick(&["any_time", "when_empty"])));
        self.maybe(&mut keys, 45, "batch", |dice| match dice.below(4) {
            0 => json!("sequential"),
            1 => json!({"joint": {}}),
            2 => json!({"joint": {"max_jobs": 2}}),
            _ => json!({"joint": {"max_jobs": 16}}),
        });
        self.maybe(&mut keys, 22, "max_queue_length", |dice| json!(dice.pick::<u64>(&[&0, &1, &5, &20])));
        self.maybe(&mut keys, 15, "remember_ended_jobs", |dice| json!(dice.pick::<u64>(&[&0, &5, &1000])));
        if self.dice.chance(60) {
            let placement = self.placement();
            keys.insert("placement".into(), placement);
        }
        self.maybe(&mut keys, 40, "order_weights", |dice| {
            let mut weights = Keys::new();
            for key in ["priority", "age", "qubits", "walltime", "deadline"] {
                if dice.chance(50) {
                    weights
                        .insert(key.into(), json!(dice.pick::<i64>(&[&-1_000_000, &-20, &-1, &0, &1, &100])));
                }
            }
            Value::Object(weights)
        });
        keys
    }

    fn placement(&mut self) -> Value {
        let mut keys = Keys::new();
        self.maybe(&mut keys, 30, "noise_weight", |dice| json!(dice.pick::<f64>(&[&0.0, &0.5, &1.0])));
        self.maybe(&mut keys, 40, "fragmentation_weight", |dice| {
            json!(dice.pick::<f64>(&[&0.0, &0.005, &1.0]))
        });
        self.maybe(&mut keys, 30, "crosstalk_weight", |dice| json!(dice.pick::<f64>(&[&0.0, &1.0])));
        self.maybe(&mut keys, 50, "routing", |dice| {
            json!(dice.pick(&["never", "when_impossible", "always"]))
        });
        self.maybe(&mut keys, 50, "fixed_regions", |dice| {
            let mut regions = Keys::new();
            for (key, value) in [
                ("sizes", json!(dice.pick(&[&[3_u64][..], &[2, 4], &[5, 3, 1], &[1]]))),
                ("gap", json!(dice.below(3))),
                ("count", json!(dice.between(1, 4))),
                ("joined", json!(dice.chance(60))),
            ] {
                if dice.chance(60) {
                    regions.insert(key.into(), value);
                }
            }
            Value::Object(regions)
        });
        self.maybe(&mut keys, 40, "memory", |dice| match dice.below(3) {
            0 => json!("off"),
            1 => json!({"bounded": {}}),
            _ => json!({"bounded": {"max_mib": 1, "max_age": "1m"}}),
        });
        Value::Object(keys)
    }

    fn hardware(&mut self) -> Keys {
        let mut keys = Keys::new();
        self.maybe(&mut keys, 60, "drift", |dice| {
            let mut drift = Keys::new();
            for (percent, key, value) in [
                (60, "enabled", json!(dice.chance(40))),
                (40, "step", json!(dice.pick(&["5m", "20m", "1h"]))),
                (20, "scale", json!(dice.pick::<f64>(&[&0.0, &1.0, &2.0]))),
                (20, "coupler_death_per_day", json!(dice.pick::<f64>(&[&0.0, &0.9]))),
                (20, "coupler_revival_per_day", json!(dice.pick::<f64>(&[&0.0, &0.9]))),
                (20, "measurement_noise", json!(dice.pick::<f64>(&[&0.0, &0.1]))),
            ] {
                if dice.chance(percent) {
                    drift.insert(key.into(), value);
                }
            }
            for element in ["two_qubit_error", "one_qubit_error", "readout_error", "t1", "t2"] {
                if dice.chance(12) {
                    let mut kind = Keys::new();
                    for (key, value) in [
                        ("log_sd", json!(0.5)),
                        ("day_correlation", json!(0.5)),
                        ("jumps_per_day", json!(0.02)),
                        ("jump_factor", json!(2.0)),
                    ] {
                        if dice.chance(50) {
                            kind.insert(key.into(), value);
                        }
                    }
                    drift.insert(element.into(), Value::Object(kind));
                }
            }
            Value::Object(drift)
        });
        self.maybe(&mut keys, 30, "crosstalk", |dice| {
            let mut crosstalk = Keys::new();
            if dice.chance(70) {
                crosstalk.insert("enabled".into(), json!(dice.chance(50)));
            }
            if dice.chance(50) {
                crosstalk.insert("strength".into(), json!(dice.pick::<f64>(&[&0.0, &1.0, &3.0])));
            }
            Value::Object(crosstalk)
        });
        let runtime = if self.distribution {
            Some(json!("distribution"))
        } else {
            match self.dice.below(10) {
                0 => Some(json!("shots_and_depth")),
                1 => {
                    let mut clops = json!({"layers": 6, "clops": 50_000.0});
                    for (key, value) in [("templates", json!(10)), ("updates", json!(2))] {
                        if self.dice.chance(50) {
                            clops[key] = value;
                        }
                    }
                    Some(json!({"clops": clops}))
                }
                2..=6 => Some(json!({"fixed": self.dice.pick(&["10s", "20s", "30s", "1m", "0s"])})),
                _ => None,
            }
        };
        runtime.map(|runtime| keys.insert("runtime".into(), runtime));
        if self.dice.chance(60) {
            let failures: Vec<Value> = (0..self.dice.between(1, 3)).map(|_| self.failure()).collect();
            keys.insert("failures".into(), Value::Array(failures));
        }
        // An element that is down when its device joins.
        let late = self.devices.iter().find(|device| device.late).cloned();
        if let Some(device) = late.filter(|_| self.dice.chance(50)) {
            let target = match device.couplers.first().filter(|_| self.dice.chance(40)) {
                Some((a, b)) => json!({"coupler": [a, b]}),
                None => json!({"qubit": self.dice.below(device.qubits)}),
            };
            let mut failure = json!({"time": "5s", "devices": [device.name], "target": target});
            if self.dice.chance(70) {
                failure["duration"] = json!("15m");
            }
            let all = keys.entry("failures").or_insert_with(|| json!([])).as_array_mut();
            all.expect("a list").push(json!({"at": failure}));
        }
        keys
    }

    fn failure(&mut self) -> Value {
        let number = self.dice.between(1, 2) as usize;
        let all = self.dice.chance(25);
        let chosen = if all { self.devices.clone() } else { self.dice.some(&self.devices, number) };
        let dice = &mut self.dice;
        let mut keys = Keys::new();
        if !all {
            keys.insert("devices".into(), json!(chosen.iter().map(|one| &one.name).collect::<Vec<_>>()));
        } else if dice.chance(30) {
            keys.insert("devices".into(), json!(["*"]));
        }
        let qubits = chosen.iter().map(|device| device.qubits).min().unwrap_or(1);
        let shared = chosen.iter().map(|one| &one.couplers).min_by_key(|list| list.len()).cloned();
        let couplers: Vec<(u64, u64)> = shared
            .unwrap_or_default()
            .into_iter()
            .filter(|pair| chosen.iter().all(|device| device.couplers.contains(pair)))
            .collect();
        let target = match dice.below(8) {
            0 => Some(json!("device")),
            1 => Some(json!({"qubit": dice.below(qubits)})),
            2 if !couplers.is_empty() => {
                let (a, b) = couplers[dice.below(couplers.len() as u64) as usize];
                Some(json!({"coupler": if dice.chance(50) { [a, b] } else { [b, a] }}))
            }
            3 => Some(json!("random_qubit")),
            4 if chosen.iter().all(|device| device.qubits > 1) => Some(json!("random_coupler")),
            _ => None,
        };
        let whole = target.is_none() || target == Some(json!("device"));
        let kind = dice.below(4);
        if let Some(target) = target {
            keys.insert("target".into(), target);
        }
        let effect = match dice.below(8) {
            0 => Some(json!("down")),
            1 if whole => Some(json!({"slow": dice.pick::<f64>(&[&0.5, &3.0])})),
            2 if whole => Some(json!({"drift": dice.pick::<f64>(&[&0.5, &3.0])})),
            _ => None,
        };
        effect.map(|effect| keys.insert("effect".into(), effect));
        let name = match kind {
            0 => {
                keys.insert("time".into(), json!(dice.pick(&["0s", "10s", "20s", "1m", "2m", "10m"])));
                if dice.chance(65) {
                    keys.insert("duration".into(), json!(dice.pick(&["10s", "1m", "10m"])));
                }
                "at"
            }
            1 => {
                keys.insert("interval".into(), json!(dice.pick(&["1m", "2m", "5m"])));
                keys.insert("duration".into(), json!(dice.pick(&["10s", "20s", "1m"])));
                if dice.chance(50) {
                    keys.insert("first".into(), json!(dice.pick(&["0s", "10s", "1m"])));
                }
                "every"
            }
            2 => {
                keys.insert("mean_time_between".into(), json!(dice.pick(&["2m", "10m"])));
                keys.insert("repair_median".into(), json!(dice.pick(&["10s", "1m"])));
                if dice.chance(30) {
                    keys.insert("class".into(), json!(dice.pick(&["soft", "hard"])));
                }
                if dice.chance(30) {
                    keys.insert("repair_log_sd".into(), json!(dice.pick::<f64>(&[&0.0, &0.5, &1.0])));
                }
                if dice.chance(30) {
                    keys.insert("together".into(), json!(dice.chance(70)));
                }
                "mtbf"
            }
            _ => {
                keys.insert("mean_time_between".into(), json!(dice.pick(&["3m", "10m"])));
                for (key, value) in [
                    ("flaps", json!(dice.between(1, 4))),
                    ("down", json!(dice.pick(&["5s", "30s"]))),
                    ("up", json!(dice.pick(&["10s", "1m"]))),
                    ("together", json!(dice.chance(70))),
                ] {
                    if dice.chance(50) {
                        keys.insert(key.into(), value);
                    }
                }
                "flapping"
            }
        };
        Value::Object(Keys::from_iter([(name.to_owned(), Value::Object(keys))]))
    }

    fn calibration(&mut self) -> Keys {
        let mut keys = Keys::new();
        if self.dice.chance(35) {
            keys.insert("mode".into(), json!("off"));
            return keys;
        }
        self.maybe(&mut keys, 40, "mode", |_| json!("drain"));
        self.maybe(&mut keys, 70, "interval", |dice| json!(dice.pick(&["2m", "5m", "10m", "1h"])));
        if self.dice.chance(80) {
            let law = self.span_law(&["0s", "10s", "1m", "2m"]);
            keys.insert("duration".into(), law);
        }
        self.maybe(&mut keys, 50, "staggered", |dice| json!(dice.chance(50)));
        self.maybe(&mut keys, 30, "on_request", |dice| json!(dice.chance(80)));
        keys
    }

    fn output(&mut self) -> Keys {
        let mut keys = Keys::new();
        self.maybe(&mut keys, 30, "traces", |dice| json!(dice.pick(&["first", "all", "none"])));
        self.maybe(&mut keys, 50, "timeline_every", |dice| json!(dice.pick(&["10s", "1m", "10m"])));
        self.maybe(&mut keys, 15, "events", |dice| json!(dice.chance(80)));
        self.maybe(&mut keys, 15, "journal", |dice| json!(dice.chance(50)));
        self.maybe(&mut keys, 15, "plots", |dice| json!(dice.chance(50)));
        self.maybe(&mut keys, 25, "fidelity", |dice| json!(dice.chance(40)));
        self.maybe(&mut keys, 25, "fragmentation", |dice| json!(dice.chance(40)));
        self.maybe(&mut keys, 12, "estimates", |dice| {
            let mut keys = Keys::new();
            keys.insert("every".into(), json!(dice.pick(&["1m", "10m", "1h"])));
            if dice.chance(80) {
                keys.insert("draws".into(), json!(10));
            }
            // Futures of days are for people with time.
            keys.insert("horizon".into(), json!(dice.pick(&["10m", "1h"])));
            Value::Object(keys)
        });
        keys
    }

    fn targets(&mut self, output: &Keys) -> Keys {
        let mut keys = Keys::new();
        if !self.dice.chance(20) {
            return keys;
        }
        for metric in resource_manager::observe::metrics::METRICS {
            let off = |key: &str| output.get(key) == Some(&json!(false));
            let missing = metric.name.starts_with("fidelity") && off("fidelity")
                || metric.name == "fragmentation" && off("fragmentation")
                || metric.metric.is_of_estimates() && !output.contains_key("estimates");
            if missing || !self.dice.chance(25) {
                continue;
            }
            let bound = json!(self.dice.pick(&["< 600", ">= 0"]));
            let statistics = self.dice.some(metric.statistics, 1);
            let bound = match statistics.first() {
                Some(one) if self.dice.chance(60) => json!({one.name(): bound}),
                _ => bound,
            };
            keys.insert(metric.name.to_owned(), bound);
        }
        self.maybe(&mut keys, 50, "on_inconclusive", |dice| json!(dice.pick(&["pass", "fail"])));
        keys
    }
}

/// The scenario as a file: a line per top-level key and per item of the lists that people look at.
pub fn yaml(tree: &Value) -> String {
    let mut text = String::new();
    for (key, value) in tree.as_object().into_iter().flatten() {
        match value {
            Value::Object(keys) if !keys.is_empty() => {
                text.push_str(&format!("{key}:\n"));
                for (inner, value) in keys {
                    match value {
                        Value::Array(items) if items.iter().any(Value::is_object) => {
                            text.push_str(&format!("  {inner}:\n"));
                            items.iter().for_each(|item| text.push_str(&format!("    - {}\n", flow(item))));
                        }
                        _ => text.push_str(&format!("  {inner}: {}\n", flow(value))),
                    }
                }
            }
            Value::Array(items) if !items.is_empty() => {
                text.push_str(&format!("{key}:\n"));
                items.iter().for_each(|item| text.push_str(&format!("  - {}\n", flow(item))));
            }
            _ => text.push_str(&format!("{key}: {}\n", flow(value))),
        }
    }
    text
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(keys) => {
            let items: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => {
            let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
                && text.parse::<f64>().is_err();
            if plain { text.clone() } else { value.to_string() }
        }
        _ => value.to_string(),
    }
}
