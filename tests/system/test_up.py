from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest
import soundfile

from serve_app.cli.ports import free_port
from serve_app.deployments import fork_server
from tests.system import processes
from tests.system.bernie_up import BERNIE, BernieUp
from tests.system.replicas import replicas
from tests.system.small import SmallSystem
from tests.waiting import until


@pytest.mark.timeout(600)
def test_up_keeps_its_data_over_a_stop_and_ends_with_its_store(small_system: SmallSystem) -> None:
    up = small_system.up()
    assert_workers_are_copies(up)
    samples, rate = soundfile.read(small_system.spoken)
    assert len(samples) / rate > 0.3
    output = small_system.output()
    assert "Text to speech: noop" in output
    assert "Sound effects: not installed; bernie fetch make-an-audio" in output
    if small_system.starts == 1:
        small_system.stop(signal.SIGINT)
        up = small_system.up()
    assert_data_are_there(up, small_system)
    second = subprocess.run(
        [*BERNIE, "up"], env=small_system.environment, capture_output=True, timeout=60
    )
    assert second.returncode == 1
    assert "Bernie already runs on" in second.stderr.decode()
    assert_it_ends_with_its_store(up, small_system)


def assert_data_are_there(up: BernieUp, small_system: SmallSystem) -> None:
    """The clip that the first start made, and its audio."""
    headers = {"Authorization": f"Bearer {small_system.key}"}
    answer = httpx.get(f"{up.url}/api/clips/{small_system.clip_id}", headers=headers)
    clip = answer.json()
    assert clip["text"] == "Hello there."
    assert httpx.get(clip["audio"]["url"]).content == small_system.spoken.read_bytes()


def assert_workers_are_copies(up: BernieUp) -> None:
    children = psutil.Process(up.process.pid).children()
    (server,) = [each for each in children if fork_server.__name__ in each.cmdline()]
    for deployment in ("ingress", "worker", "styletts2-vocoder"):
        (replica,) = replicas(deployment, up.process.pid)
        assert replica.ppid() == server.pid


def assert_it_ends_with_its_store(up: BernieUp, small_system: SmallSystem) -> None:
    children = psutil.Process(up.process.pid).children()
    (weed,) = (each for each in children if each.name() == "weed")
    weed.kill()
    assert up.process.wait(90) == 1
    assert "The object store ended" in small_system.output()
    assert "Traceback" not in small_system.output()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stops_in_order_while_ray_starts(
    small_system: SmallSystem, number: signal.Signals, tmp_path: Path
) -> None:
    environment = {**small_system.environment, "BERNIE_DATA_DIR": str(tmp_path / "data")}
    ports = ["--port", str(free_port()), "--dashboard-port", str(free_port())]
    log = tmp_path / "log"
    with log.open("wb") as output:
        up = processes.start(
            [*BERNIE, "up", *ports], environment, None, output.fileno(), output.fileno()
        )
    try:
        until(lambda: "gcs_server" in names_below(up), 60, "Ray has half started")
        assert processes.interrupt(up, number=number) == 0
    finally:
        processes.end(up)
    assert log.read_text().splitlines()[-1] == "Stopped."
    assert "Stopping once Ray has started" in log.read_text()
    assert "Loading models" not in log.read_text()


def names_below(process: subprocess.Popen[bytes]) -> set[str]:
    return {each.name() for each in psutil.Process(process.pid).children(recursive=True)}
