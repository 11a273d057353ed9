//! Placement: which qubits of one device a job gets. One strategy per file.
//!
//! A strategy is a pure search: the answer is a function of the request alone. Caches inside a strategy may make it
//! faster, never different. Leaves isolation, queues and the choice of the device to its callers, who express all
//! of it in the mask of free qubits.

pub mod batch;
mod compact;
pub mod cost;
pub mod exact;
pub mod first_fit;
pub mod fixed_regions;
mod free_parts;
mod graph;
mod interchangeable;
mod legality;
mod link;
pub mod memory;
mod noise;
mod openness;
mod outcome;
pub mod own;
pub mod pattern;
mod problem;
pub mod ranked;
mod region;
pub mod routed;
pub mod routing;
mod search_cost;
mod singles;
mod spanning_tree;
mod strategy;
pub mod surcharge;
#[cfg(test)]
pub(crate) mod testing;
pub mod topology_aware;
pub mod uses;

use crate::allocator::config::{PlacementConfig, Strategy};

pub use legality::placement_of_layout;
pub use outcome::{Placed, Placement, PlacementOutcome, Routing};
pub use problem::{DEFAULT_BUDGET, Objective, PlacementRequest};
pub use strategy::{Capabilities, PlacementStrategy};

/// The strategy of that name, with default settings.
pub fn strategy(config: Strategy) -> Box<dyn PlacementStrategy> {
    configured(config, &PlacementConfig::default())
}

/// The strategy of that name with the given settings.
pub fn configured(strategy: Strategy, config: &PlacementConfig) -> Box<dyn PlacementStrategy> {
    match strategy {
        Strategy::FirstFit => Box::<first_fit::FirstFit>::default(),
        Strategy::NoiseAware => Box::new(exact::NoiseAware::with_memory(config.memory)),
        Strategy::TopologyAware => Box::new(topology_aware::TopologyAware::with_memory(config.memory)),
        Strategy::Region => Box::<routed::Region>::default(),
        Strategy::FixedRegions => {
            let regions = config.fixed_regions.clone();
            Box::new(fixed_regions::FixedRegions::new(regions).with_memory(config.memory))
        }
        Strategy::Own(name) => own::strategy(name),
    }
}
