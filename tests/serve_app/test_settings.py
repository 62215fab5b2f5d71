from __future__ import annotations

import pytest

from pipelines.runtime.cores import usable_cores
from serve_app.settings import Settings, StageScale

PLAIN = Settings()


def test_settings_update_one_value_of_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    vocoder = PLAIN.speech.vocoder.model_copy(update={"num_gpus": 0.5})
    expected = PLAIN.speech.model_copy(update={"vocoder": vocoder})
    assert Settings(**{"speech": {"vocoder": {"num_gpus": 0.5}}}).speech == expected
    monkeypatch.setenv("BERNIE_SPEECH__VOCODER__NUM_GPUS", "0.5")
    assert Settings().speech == expected
    assert Settings().conversion == PLAIN.conversion


def test_settings_refuse_a_pipeline_of_another_service() -> None:
    with pytest.raises(ValueError, match=r"conversion\.pipeline must be one of auto, off, seed-vc"):
        Settings(**{"conversion": {"pipeline": "kokoro"}})


def test_settings_read_only_prefixed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUM_GPUS", "THREADS", "MAX_BATCH", "PORT"):
        monkeypatch.setenv(name, "7")
    assert Settings() == PLAIN


def test_settings_refuse_unknown_arguments() -> None:
    with pytest.raises(ValueError, match="speeches"):
        Settings(**{"speeches": {}})


def test_changed_takes_live_settings_and_checks_them() -> None:
    settings = Settings(worker_clips=8, throttle_starts=3)
    changed = settings.changed({"worker_clips": 4, "throttle_starts": 5})
    assert (changed.worker_clips, changed.throttle_starts) == (4, 5)
    assert changed.speech == settings.speech
    with pytest.raises(ValueError, match="worker_clips"):
        settings.changed({"worker_clips": 0})


@pytest.mark.parametrize("name", ["device", "s3_bucket", "drain_seconds", "no_such_setting"])
def test_changed_refuses_what_takes_new_replicas(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: change this under `args`"):
        Settings().changed({name: "1"})


def test_graphs_are_recorded_on_gpus_only() -> None:
    wanted = {"max_batch": 3, "max_batch_length": 90, "graphs_mb": 500}
    on_gpu = Settings(device="cuda", sound_effects={"diffusion": {"num_gpus": 0.2, **wanted}})
    graphs = on_gpu.pipeline(on_gpu.sound_effects.diffusion).graphs
    assert (graphs.memory_mb, graphs.max_batch, graphs.max_length) == (500, 3, 90)
    assert on_gpu.pipeline(on_gpu.sound_effects.vocoder).graphs.memory_mb == 0
    for device, share in (("cpu", 0.2), ("cuda", 0)):
        with pytest.raises(ValueError, match=r"sound_effects\.diffusion\.graphs_mb: CUDA graphs"):
            Settings(device=device, sound_effects={"diffusion": {"num_gpus": share, **wanted}})


def test_torch_threads_are_reserved_cpus_or_all_usable_cores() -> None:
    assert StageScale(threads=3, num_cpus=8).torch_threads() == 3
    assert StageScale(threads=0, num_cpus=2).torch_threads() == 2
    assert StageScale(threads=0, num_cpus=0.1).torch_threads() == usable_cores()


def test_stages_rest_where_a_service_may_have_none() -> None:
    assert PLAIN.rest_seconds_of("styletts2") is None
    assert PLAIN.rest_seconds_of("seedvc") == PLAIN.rest_seconds_of("make-an-audio") == 600
    always = {stage: {"min_replicas": 1} for stage in ("frontend", "diffusion", "vocoder")}
    assert Settings(**{"conversion": always}).rest_seconds_of("seedvc") is None
    always["vocoder"] = {"min_replicas": 0}
    assert Settings(**{"conversion": always, "rest_seconds": 5}).rest_seconds_of("seedvc") == 5
