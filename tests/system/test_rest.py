from __future__ import annotations

import os
from pathlib import Path

import pytest

from serve_app.cli.client import Client
from serve_app.cli.ports import free_port
from tests.system.bernie_up import BernieUp
from tests.system.replicas import replicas
from tests.waiting import until

STAGES = ("frontend", "diffusion", "vocoder")
APART_SECONDS = 9.0
"""One after the other, replicas of three stages begin more than ten seconds apart: a handle that
has been used tells of its calls every ten seconds."""


def started(up: BernieUp) -> list[float]:
    """When the replicas of the stages of sound effects began."""
    return [
        replica.create_time()
        for stage in STAGES
        for replica in replicas(f"make-an-audio-{stage}", up.process.pid)
    ]


@pytest.mark.timeout(600)
def test_stages_at_rest_start_together_each_time_that_they_are_asked(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "BERNIE_DATA_DIR": str(tmp_path / "data"),
        "BERNIE_SPEECH__PIPELINE": "noop",
        "BERNIE_CONVERSION__PIPELINE": "off",
        "BERNIE_REST_SECONDS": "10",
    }
    with (
        (tmp_path / "log").open("wb") as log,
        BernieUp(environment, free_port(), log.fileno(), log.fileno(), 240) as up,
        Client(up.url) as client,
    ):
        client.sign_up("a@example.com", "correct horse")
        for seed in range(2):
            assert not started(up)
            clip = client.sound_effect("a dog barks", seed=seed)
            done = client.wait(clip["id"], 120, lambda _: None)
            assert done["state"] == "succeeded"
            begun = started(up)
            assert len(begun) == len(STAGES)
            assert max(begun) - min(begun) < APART_SECONDS
            until(lambda: not started(up), 120, "the stages are at rest")
