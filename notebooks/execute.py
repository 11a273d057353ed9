"""Executes all notebooks of this folder, and keeps executed copies in the folder given."""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

here = Path(__file__).resolve().parent
target = Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
for path in sorted(here.glob("*.ipynb")):
    started = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(here)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute()
    nbformat.write(notebook, target / path.name)
    print(f"{path.name}: {time.monotonic() - started:.1f} s")
