"""What a thousand different texts would do to a replica, in small; see benchmarks/soak.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipelines import registry
from pipelines.settings import PipelineSettings
from serve_app.deployments.heap import process_heap
from serve_app.deployments.ray_environment import MALLOC, SHAPE_CACHES

TEXTS = 20
MOST_GROWTH = 60
"""MB over the last three quarters of the texts, each of which adds 8 MB where the caches of shapes
are not bounded."""


@pytest.mark.skipif(process_heap() is None, reason="resident memory is measured with glibc")
def test_memory_does_not_grow_with_every_new_text() -> None:
    registry.fetch("kokoro", PipelineSettings())
    run = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.heap_of_many_texts", str(TEXTS)],
        env={**os.environ, **MALLOC, **SHAPE_CACHES, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    early, late = map(int, run.stdout.split())
    assert late - early < MOST_GROWTH
