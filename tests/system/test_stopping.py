"""A stack stopped with SIGTERM finishes its clips or releases them, and no attempt counts."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from ray import serve
from sqlalchemy import select

from serve_app.app import APP_NAME
from serve_app.cli.client import Client
from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState
from serve_app.deployments.worker import Worker
from serve_app.media import clips
from serve_app.settings import Settings
from tests.serve_app.actions import make_user
from tests.system.conftest import System
from tests.system.small import SmallSystem
from tests.system.test_proxy_middleware import assert_retry_later
from tests.waiting import until

TEXT = "A sentence that is said a great many times over. " * 100


def rows(database: Database, ids: Sequence[str] = ()) -> list[Clip]:
    """All clips, or those with these ids, in the order of their turns."""
    wanted = select(Clip).order_by(Clip.turn)
    with database.reading() as session:
        return list(session.scalars(wanted.where(Clip.id.in_(ids)) if ids else wanted))


def is_clean(clip: Clip) -> bool:
    """Finished at the first attempt, or released as if it had never been claimed."""
    if clip.state is ClipState.SUCCEEDED:
        return (clip.attempts, clip.losses) == (1, 0)
    given_back = (clip.attempts, clip.losses, clip.lease) == (0, 0, None)
    return clip.state is ClipState.PENDING and given_back


@pytest.mark.timeout(600)
def test_up_drains_or_releases_clips_at_sigterm(small_system: SmallSystem) -> None:
    """Meanwhile its proxy answers every request, from the start to the end."""
    up = small_system.up()
    database = Database(f"sqlite:///{small_system.data / 'bernie.sqlite3'}")
    with Client(up.url) as client:
        client.sign_up(f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12))
        made = [client.speak(TEXT, "woman")["id"] for _ in range(12)]
    until(lambda: any(clip.lease for clip in rows(database, made)), 30, "clips are under way")
    poller = small_system.poller()
    with poller.running():
        small_system.stop(signal.SIGTERM)
    found = rows(database, made)
    database.dispose()
    assert len(found) == 12
    assert [clip for clip in found if not is_clean(clip)] == []
    assert any(clip.state is ClipState.PENDING for clip in found), "it claims no more"
    assert poller.statuses == {200, 503}
    for answer in poller.answers:
        if answer.status_code != 200:
            assert_retry_later(answer)


@pytest.fixture
def own(system: System, tmp_path: Path) -> Iterator[tuple[Settings, Database]]:
    """A queue of its own for a second worker, and the stages and the store of the system."""
    settings = system.settings.model_copy(
        update={"data_dir": tmp_path, "worker_clips": 1, "drain_seconds": 60.0}
    )
    database = Database(settings.database())
    database.migrate()
    yield settings, database
    database.dispose()


@pytest.mark.timeout(300)
def test_deleted_worker_deployment_drains_its_clip(
    system: System, own: tuple[Settings, Database]
) -> None:
    settings, database = own
    names = [f"styletts2-{stage}" for stage in ("frontend", "diffusion", "vocoder")]
    handles = tuple(serve.get_deployment_handle(name, APP_NAME) for name in names)
    deployment = serve.deployment(Worker).options(
        ray_actor_options={"num_cpus": 0.1}, graceful_shutdown_timeout_s=65
    )
    options = {"speed": 1.0, "seed": 1, "sample_rate": None, "format": "wav"}
    # Longer than Serve takes to tell the worker.
    new = clips.NewClip("styletts2", TEXT[:1_000], "af_heart", None, options, 50)
    user = make_user(database)
    with database.transaction() as session:
        now = database.now(session)
        for _ in range(2):
            clips.submit(session, user.id, new, settings, now)
    serve.run(deployment.bind(settings, {"styletts2": handles}), name="own", route_prefix=None)
    try:
        until(lambda: rows(database)[0].lease is not None, 30, "the clip is under way")
    finally:
        serve.delete("own")
    first, second = rows(database)
    assert first.state is ClipState.SUCCEEDED
    assert is_clean(first)
    assert second.state is ClipState.PENDING
    assert is_clean(second)


@pytest.mark.timeout(600)
def test_up_ends_soon_and_whole_where_its_whole_process_group_is_stopped(
    small_system: SmallSystem,
) -> None:
    """As supervisors do: Ray gets the signal, too, and drains nothing. The clips go on after the
    next start."""
    process = small_system.up().process
    family = psutil.Process(process.pid).children(recursive=True)
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == 0
    assert time.monotonic() - begun < 30
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [each.name() for each in alive if each.is_running()] == []
    assert "Traceback" not in small_system.output()
    assert small_system.output().splitlines()[-1].startswith("Stopped.")
    assert not list(Path(tempfile.gettempdir()).glob(f"bernie-ray-{process.pid}-*"))
