"""An interpreter that starts with the folder in its path."""

import gc
import os
import subprocess
import sys
from pathlib import Path

from serve_app.deployments import garbage, ray_environment
from serve_app.deployments.interpreter.sitecustomize import RARELY


def said(code: str, path: str) -> list[str]:
    """What a new interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_sitecustomize_looks_for_garbage_less_often() -> None:
    path = ray_environment.python_path("")
    thresholds = said("import gc; print(*gc.get_threshold())", path)
    assert thresholds == [str(each) for each in RARELY]


def test_sitecustomize_of_others_is_run(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('theirs', __name__)\n")
    code = "import sitecustomize; print(sitecustomize.__file__)"
    path = ray_environment.python_path(str(tmp_path))
    assert said(code, path) == ["theirs", "sitecustomize", str(tmp_path / "sitecustomize.py")]


def test_python_path_names_the_folder_once_and_keeps_the_rest() -> None:
    once = ray_environment.python_path("/a:/b")
    assert once == f"{ray_environment.INTERPRETER}:/a:/b"
    assert ray_environment.python_path(once) == once


def test_garbage_as_usual() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(50_000, 20, 20)
        garbage.as_usual()
        assert gc.get_threshold() == garbage.USUAL
    finally:
        gc.set_threshold(*before)
