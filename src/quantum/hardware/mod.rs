//! What a device truly does: drift, run times, crosstalk, failures. Seeded; knows nothing of the core.

pub(crate) mod draws;
pub mod drift;
