//! A message-passing network of one layer that predicts what a placement loses, and a scorer that uses it.
//!
//! Every qubit of the region looks at its own figures and at the couplers to its neighbours in the region; a hidden
//! layer and a sum over qubits give the expected minus log of the success probability of the training programs.

use resource_manager::allocator::placement::cost::nats_of_cost;
use resource_manager::allocator::placement::ranked::PlacementScorer;
use resource_manager::allocator::placement::{Placement, PlacementRequest};

/// Figures of one qubit: readout cost, 1/T1, 1/T2, couplers out of the region; then, from its neighbours in the region,
/// their number and the sum of the costs of the couplers. Scaled so that most lie between 0 and 3, as in `train.py`.
pub const FEATURES: usize = 6;

/// The weights, as `train.py` writes them.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    hidden: Vec<[f64; FEATURES]>,
    hidden_bias: Vec<f64>,
    output: Vec<f64>,
    output_bias: f64,
}

impl Network {
    /// Reads weights; an error says which part does not fit.
    pub fn read(text: &str) -> Result<Self, String> {
        let network: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let units = network.hidden.len();
        if network.hidden_bias.len() != units || network.output.len() != units {
            return Err(format!("weights for {units} hidden units need as many biases and outputs"));
        }
        Ok(network)
    }

    /// Expected loss of a placement, nats.
    pub fn loss(&self, request: &PlacementRequest<'_>, placement: &Placement) -> f64 {
        placement.layout.iter().map(|&qubit| self.of_qubit(&features(request, placement, qubit))).sum()
    }

    fn of_qubit(&self, features: &[f64; FEATURES]) -> f64 {
        let units = self.hidden.iter().zip(&self.hidden_bias).zip(&self.output);
        let sum: f64 = units
            .map(|((weights, bias), output)| {
                let input: f64 = weights.iter().zip(features).map(|(weight, value)| weight * value).sum();
                output * (input + bias).max(0.0)
            })
            .sum();
        sum + self.output_bias
    }
}

fn features(
    request: &PlacementRequest<'_>,
    placement: &Placement,
    qubit: resource_manager::quantum::PhysicalQubit,
) -> [f64; FEATURES] {
    let epoch = request.epoch;
    let figures = &epoch.calibration.qubits[qubit.index()];
    let (mut inside, mut outside, mut couplers) = (0.0, 0.0, 0.0);
    for link in epoch.links(qubit) {
        if placement.layout.contains(&link.to) {
            inside += 1.0;
            couplers += 100.0 * nats_of_cost(link.cost);
        } else {
            outside += 1.0;
        }
    }
    let readout = 100.0 * nats_of_cost(epoch.qubit_cost[qubit.index()]);
    [readout, 100e-6 / figures.t1_s, 100e-6 / figures.t2_s, outside, inside, couplers]
}

/// Ranks candidates by the network: the least expected loss wins.
#[derive(Debug)]
pub struct LearnedScorer(pub Network);

impl PlacementScorer for LearnedScorer {
    fn score(&mut self, request: &PlacementRequest<'_>, candidate: &Placement) -> f64 {
        -self.0.loss(request, candidate)
    }
}
