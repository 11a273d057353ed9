//! Foreign calibration formats, one file each.

pub mod qiskit;
