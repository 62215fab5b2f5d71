"""Clients that are not of this project's environment: installed once, into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

JAVASCRIPT = ["@elevenlabs/elevenlabs-js@2.73.0", "openai@7.59.0"]
OLD_PYTHON = "elevenlabs==2.72.0"


def javascript() -> Path:
    """The folder with `node_modules`."""
    name = "-".join(each.rsplit("/", 1)[-1] for each in JAVASCRIPT).replace("@", "-")
    install = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *JAVASCRIPT)
    return _cached(name, *install, "--prefix")


def old_python() -> Path:
    """A folder for `PYTHONPATH`."""
    install = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", OLD_PYTHON, "--target")
    return _cached(OLD_PYTHON.replace("==", "-"), *install)


def _cached(name: str, *command: str) -> Path:
    """A folder that the command fills, whose last argument it is. Skips the test where that fails:
    without npm, or without a network."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bernie-tests"
    folder = root / name
    if folder.exists():
        return folder
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    making = root / f"{name}.{os.getpid()}"
    making.mkdir(parents=True)
    made = subprocess.run(
        [*command, str(making)], capture_output=True, text=True, timeout=300, check=False
    )
    if made.returncode:
        shutil.rmtree(making)
        pytest.skip(f"{name} cannot be installed: {made.stderr.strip()[-200:]}")
    try:
        making.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(making)
    return folder
