//! The program as its users start it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

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

/// A folder that is gone after the test.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with a text.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The `jobs.csv` of a run into `out`.
    pub fn run(&self, scenario: &Path, out: &str, more: &[&str]) -> String {
        let out = self.path(out);
        let mut args = vec!["run", shown(scenario), "--out", shown(&out), "--no-plots", "-q", "--force"];
        args.extend(more);
        done(&args);
        fs::read_to_string(out.join("jobs.csv")).unwrap()
    }
}
