"""Models from a hub: a real HTTP server on loopback speaks its protocol."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints, hub
from pipelines.weights.checkpoints import FetchFailed, WeightsMissing
from pipelines.weights.manifest import ModelFiles
from serve_app.cli.main import app
from tests.pipelines.weights.hub_server import Hub, HubServer

WEIGHTS = bytes(range(256)) * 40
CONFIG = b"width: 3\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub({"ada/model": {"weights/model.pth": WEIGHTS, "config.yml": CONFIG}})
    with HubServer(hub) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield hub


@pytest.fixture
def settings(tmp_path: Path) -> PipelineSettings:
    return with_manifest(tmp_path / "checkpoints")


def with_manifest(
    folder: Path,
    repository: str = "ada/model",
    path: str = "weights/model.pth",
    size: int = len(WEIGHTS),
    sha256: str = hashlib.sha256(WEIGHTS).hexdigest(),
) -> PipelineSettings:
    """One model of two files; the sizes and hashes of the second are not known."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.toml").write_text(
        f"""
        [tiny]
        title = "A tiny model"

        [[tiny.files]]
        at = "model.pth"
        repository = "{repository}"
        path = "{path}"
        licence = "none"
        bytes = {size}
        sha256 = "{sha256}"

        [[tiny.files]]
        at = "settings/config.yml"
        repository = "ada/model"
        path = "config.yml"
        licence = "none"
        """
    )
    return PipelineSettings(checkpoints=folder)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


WHOLE = {"model.pth": WEIGHTS, "settings/config.yml": CONFIG}


def test_fetch_folder_model_is_made_of_its_files_once(
    served: Hub, settings: PipelineSettings
) -> None:
    with pytest.raises(WeightsMissing, match="bernie fetch tiny"):
        checkpoints.model_folder("tiny", settings)
    told: list[tuple[str, float]] = []
    folder = checkpoints.fetch("tiny", settings, lambda *what: told.append(what))
    assert files_in(folder) == WHOLE
    assert checkpoints.model_folder("tiny", settings) == folder
    assert checkpoints.installed("tiny", settings)
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert any(what == "Downloading model.pth: 0 of 0 MB" for what, _ in told)
    asked = len(served.requests)
    assert checkpoints.fetch("tiny", settings) == folder
    assert len(served.requests) == asked
    assert {path.name for path in settings.models.iterdir()} == {"tiny", ".lock"}


def test_fetch_folder_what_is_in_the_cache_is_not_downloaded_again(
    served: Hub, settings: PipelineSettings
) -> None:
    folder = checkpoints.fetch("tiny", settings)
    (folder / "model.pth").unlink()
    assert not checkpoints.installed("tiny", settings)
    served.requests.clear()
    checkpoints.fetch("tiny", settings)
    assert files_in(folder) == WHOLE
    assert served.requests == []


def test_fetch_folder_broken_connections_are_taken_up_where_they_broke(
    served: Hub, settings: PipelineSettings
) -> None:
    served.per_connection = 3000
    folder = checkpoints.fetch("tiny", settings)
    assert files_in(folder) == WHOLE
    asked = served.downloads("weights/model.pth")
    assert {"bytes=3000-", "bytes=6000-", "bytes=9000-"} <= set(asked)


def test_fetch_folder_interrupted_download_is_taken_up_by_the_next_run(
    served: Hub, settings: PipelineSettings
) -> None:
    served.budget = 5000
    with pytest.raises(FetchFailed, match=r"model\.pth of ada/model could not be downloaded"):
        checkpoints.fetch("tiny", settings)
    assert not (settings.models / "tiny").exists()
    served.budget = None
    served.requests.clear()
    assert files_in(checkpoints.fetch("tiny", settings)) == WHOLE
    assert set(served.downloads("weights/model.pth")) == {"bytes=5000-"}


def test_fetch_folder_server_without_ranges_sends_all_again(
    served: Hub, settings: PipelineSettings
) -> None:
    served.budget = 5000
    with pytest.raises(FetchFailed):
        checkpoints.fetch("tiny", settings)
    served.budget, served.ranges = None, False
    assert files_in(checkpoints.fetch("tiny", settings)) == WHOLE


def test_fetch_folder_another_size_is_refused_before_the_download(
    served: Hub, tmp_path: Path
) -> None:
    settings = with_manifest(tmp_path / "checkpoints", size=7)
    with pytest.raises(FetchFailed, match=r"has 10240 bytes on the hub instead of 7\."):
        checkpoints.fetch("tiny", settings)
    assert served.downloads("weights/model.pth") == []
    assert not checkpoints.installed("tiny", settings)


def test_fetch_folder_other_contents_are_refused_and_not_kept(served: Hub, tmp_path: Path) -> None:
    settings = with_manifest(tmp_path / "checkpoints", sha256="0" * 64)
    with pytest.raises(FetchFailed, match=r"model\.pth is not the expected file: its SHA-256"):
        checkpoints.fetch("tiny", settings)
    assert {path.name for path in settings.models.iterdir()} == {".lock"}
    assert WEIGHTS not in files_in(settings.hub_cache).values()
    settings = with_manifest(tmp_path / "checkpoints")
    assert files_in(checkpoints.fetch("tiny", settings)) == WHOLE


def test_fetch_folder_file_of_no_known_hash_has_to_stay_the_same(
    served: Hub, settings: PipelineSettings
) -> None:
    folder = checkpoints.fetch("tiny", settings)
    pins = json.loads((settings.checkpoints / "pins.json").read_text())
    assert pins == {"ada/model/config.yml": hashlib.sha256(CONFIG).hexdigest()}
    shutil.rmtree(settings.hub_cache)
    shutil.rmtree(folder)
    served.repositories["ada/model"]["config.yml"] = b"width: 4\n"
    with pytest.raises(FetchFailed, match=r"config\.yml of ada/model is not the file that was"):
        checkpoints.fetch("tiny", settings)
    assert not folder.exists()
    served.repositories["ada/model"]["config.yml"] = CONFIG
    assert files_in(checkpoints.fetch("tiny", settings)) == WHOLE


def test_fetch_folder_without_a_connection(
    served: Hub, settings: PipelineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer(served) as gone:
        pass
    monkeypatch.setenv("HF_ENDPOINT", gone.url)
    with pytest.raises(FetchFailed, match=r"cannot be reached; .* --from\.$"):
        checkpoints.fetch("tiny", settings)


@pytest.mark.parametrize(
    ("repository", "path", "reason"),
    [
        ("ada/model", "weights/other.pth", r"has no weights/other\.pth of ada/model\.$"),
        (
            "ada/other",
            "weights/model.pth",
            r"has no repository ada/other, or shows it only to some",
        ),
        (
            "ada/gated",
            "weights/model.pth",
            r"given only to those who accepted its terms: .*ada/gated",
        ),
    ],
)
def test_fetch_folder_file_that_is_not_given_is_named(
    served: Hub, tmp_path: Path, repository: str, path: str, reason: str
) -> None:
    served.gated.add("ada/gated")
    settings = with_manifest(tmp_path / "checkpoints", repository, path)
    with pytest.raises(FetchFailed, match=reason) as failed:
        checkpoints.fetch("tiny", settings)
    assert "\n" not in str(failed.value)
    assert served.downloads("config.yml") == []


def as_here(folder: Path) -> None:
    (folder / "settings").mkdir()
    (folder / "model.pth").write_bytes(WEIGHTS)
    (folder / "settings" / "config.yml").write_bytes(CONFIG)


def as_published(folder: Path) -> None:
    (folder / "weights").mkdir()
    (folder / "weights" / "model.pth").write_bytes(WEIGHTS)
    (folder / "config.yml").write_bytes(CONFIG)


@pytest.mark.parametrize("lay_out", [as_here, as_published])
def test_fetch_folder_local_files_need_no_hub(
    settings: PipelineSettings, tmp_path: Path, lay_out: Callable[[Path], None]
) -> None:
    source = tmp_path / "local"
    source.mkdir()
    lay_out(source)
    folder = checkpoints.fetch("tiny", settings, source=source)
    assert files_in(folder) == WHOLE
    (source / "config.yml").write_bytes(b"changed later")
    assert files_in(folder) == WHOLE


def test_fetch_folder_local_files_are_checked_too(
    settings: PipelineSettings, tmp_path: Path
) -> None:
    source = tmp_path / "local"
    source.mkdir()
    as_here(source)
    (source / "model.pth").write_bytes(WEIGHTS[:-1] + b"\0")
    with pytest.raises(FetchFailed, match=r"model\.pth is not the expected file"):
        checkpoints.fetch("tiny", settings, source=source)
    assert (source / "model.pth").exists()
    assert not checkpoints.installed("tiny", settings)


def test_fetch_folder_what_a_local_folder_lacks_comes_from_the_hub(
    served: Hub, settings: PipelineSettings, tmp_path: Path
) -> None:
    source = tmp_path / "local"
    source.mkdir()
    (source / "model.pth").write_bytes(WEIGHTS)
    assert files_in(checkpoints.fetch("tiny", settings, source=source)) == WHOLE
    assert served.downloads("weights/model.pth") == []


def test_fetch_folder_files_that_are_on_no_hub_are_all_named(
    settings: PipelineSettings, tmp_path: Path
) -> None:
    manifest = PipelineSettings().checkpoints / "manifest.toml"
    (settings.checkpoints / "manifest.toml").write_bytes(manifest.read_bytes())
    with pytest.raises(FetchFailed) as failed:
        checkpoints.fetch("make-an-audio", settings)
    assert "useful_ckpts/maa1_full.ckpt from https://" in str(failed.value)
    assert "useful_ckpts/bigvgan/best_netG.pt from https://" in str(failed.value)
    assert str(failed.value).endswith("name it with --from.")


def test_fetch_folder_two_at_once_make_one_folder(served: Hub, settings: PipelineSettings) -> None:
    threads = [
        threading.Thread(target=checkpoints.fetch, args=("tiny", settings)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files_in(settings.models / "tiny") == WHOLE
    assert len(served.downloads("config.yml")) == 1


def test_fetch_folder_command_takes_a_folder(
    settings: PipelineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BERNIE_CHECKPOINTS", str(settings.checkpoints))
    source = tmp_path / "local"
    source.mkdir()
    as_published(source)
    done = CliRunner().invoke(app, ["fetch", "tiny", "--from", str(source)])
    assert done.exit_code == 0, done.output
    assert "tiny is ready" in done.output
    assert files_in(settings.models / "tiny") == WHOLE


def test_fetch_folder_real_manifest_is_sound() -> None:
    models = {
        name: entry
        for name, entry in checkpoints.manifest(PipelineSettings()).items()
        if isinstance(entry, ModelFiles)
    }
    assert models.keys() == {
        "styletts2-libritts",
        "styletts2-ljspeech",
        "seed-vc",
        "seed-vc-f0",
        "make-an-audio",
    }
    for model in models.values():
        places = [file.at for file in model.files]
        assert len(set(places)) == len(places)
        for file in model.files:
            assert (file.repository is None) != (file.page is None)
            assert file.licence
            assert file.sha256 is None or len(file.sha256) == 64
