"""Where the scripts of this folder find other people's packages: in environments of their own, with pinned versions."""

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def enter(folder, pinned):
    """Goes on inside the environment at `folder` with the pinned packages; makes it if it is not there, or other."""
    folder = Path(folder).resolve()
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "".join(f"{package}\n" for package in pinned)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pinned], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    if Path(sys.prefix).resolve() != folder:
        os.execv(python, [str(python), *sys.argv])
