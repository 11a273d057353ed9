#!/usr/bin/env bash
# Executes the notebooks in an environment of their own, made from requirements.txt; the first time takes longer.
# RMSIM names the program (default: the release build), PYTHON the interpreter (3.11 or newer).
# Executed copies, with their figures, are left in target/notebooks/.
set -euo pipefail
cd "$(dirname "$0")/.."
RMSIM=$(realpath "${RMSIM:-target/release/rmsim}")
export RMSIM
target=target/notebooks
if ! cmp --silent notebooks/requirements.txt "$target/venv/requirements.txt"; then
  rm -rf "$target/venv"
  "${PYTHON:-python3}" -m venv "$target/venv"
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check --requirement notebooks/requirements.txt
  cp notebooks/requirements.txt "$target/venv/requirements.txt"
fi
PYTHONDONTWRITEBYTECODE=1 "$target/venv/bin/python" notebooks/execute.py "$target"
