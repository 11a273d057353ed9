"""Runs rmsim for the notebooks, and says where its results are.

The program is the one that the environment variable RMSIM names, else the release build of this project. Results go
to a folder of their own that disappears with the notebook's kernel.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SCENARIOS = PROJECT / "scenarios"

_results = tempfile.TemporaryDirectory(prefix="rmsim-")


def _program() -> Path:
    built = PROJECT / "target" / "release" / "rmsim"
    program = Path(os.environ.get("RMSIM", built)).resolve()
    if not program.is_file():
        raise FileNotFoundError("no rmsim; hint: cargo build --release, or set RMSIM to the program")
    return program


def rmsim(command: str, scenario: str, *options: str, out: str) -> Path:
    """Runs `rmsim command scenario options`, and gives the run folder, `out` below the results of this notebook."""
    folder = Path(_results.name) / out
    call = [_program(), command, SCENARIOS / scenario, *options, "--out", folder, "--no-plots", "--quiet"]
    done = subprocess.run(call, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"rmsim {command} {scenario} exited with {done.returncode}:\n{done.stderr}")
    return folder


def summary(folder: Path) -> dict[str, dict]:
    """The metrics of a run by name: mean over the replications, and its 95 % interval."""
    return json.loads((folder / "summary.json").read_text())["metrics"]
