//! Which program wrote a file.
//!
//! Promises the version of the package: two builds of one version count as one program. Leaves it to the
//! readers what another version means for them.

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
