//! The program as its users start it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::process::{Command, Output};

pub fn rmsim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rmsim")).args(args).output().expect("rmsim starts")
}

/// What it prints when it succeeds.
pub fn done(args: &[&str]) -> String {
    let output = rmsim(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}
