//! States of a busy device as a file of instances, for other tools to place on.

use resource_manager::experiment::placements::InstanceFile;
use resource_manager::experiment::placements::churn::States;
use serde_json::{Map, Value, json};

/// A sample of states; what is free goes by the name of run and step.
#[derive(Default)]
pub struct Dump {
    free: Map<String, Value>,
    patterns: Map<String, Value>,
    instances: Vec<Value>,
}

impl Dump {
    /// Adds about `sample` states of one run, evenly spaced.
    pub fn add(
        &mut self,
        file: &InstanceFile,
        device: &str,
        run: &str,
        names: &[String],
        states: &States,
        sample: usize,
    ) {
        let every = states.states.len().div_ceil(sample).max(1);
        for (step, state) in states.states.iter().enumerate().step_by(every) {
            let (busy, pattern) = (format!("{run}-{step:05}"), &names[state.pattern]);
            let free: Vec<u32> = state.free.iter().map(|qubit| qubit.0).collect();
            self.free.insert(format!("{device}/{busy}"), json!(free));
            let graph = &file.patterns[pattern];
            let edges: Vec<_> = graph.edges().iter().map(|(a, b, weight)| (a.0, b.0, weight)).collect();
            self.patterns.insert(pattern.clone(), json!({"n": graph.qubits(), "edges": edges}));
            self.instances.push(json!({"device": device, "busy": busy, "pattern": pattern}));
        }
    }

    /// The file.
    pub fn into_json(self, file: &InstanceFile) -> Value {
        let used = |name: &str| self.instances.iter().any(|instance| instance["device"] == name);
        let devices = file.devices.iter().filter(|(name, _)| used(name)).map(|(name, device)| {
            let (map, figures) = (&device.map, &device.calibration);
            let edges = map.couplers().iter().zip(&figures.couplers);
            let edges: Vec<_> = edges.map(|((a, b), c)| json!([a.0, b.0, c.two_qubit_error])).collect();
            let readout: Vec<f64> = figures.qubits.iter().map(|q| q.readout_error).collect();
            (name.clone(), json!({"num_qubits": map.qubits(), "edges": edges, "readout": readout}))
        });
        let devices: Map<String, Value> = devices.collect();
        json!({
            "about": "states of a device on which jobs come and go; the number is the step",
            "devices": devices,
            "free": self.free,
            "patterns": self.patterns,
            "instances": self.instances,
        })
    }
}
