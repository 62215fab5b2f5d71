"""Metrics of the graph, through `ray.serve.metrics`; scraped from Ray and from `/metrics`."""

from __future__ import annotations

from typing import Any

from ray.serve import metrics

_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120]


class StageMetrics:
    """Metrics of one stage of one service."""

    def __init__(self, service: str, stage: str, max_batch: int) -> None:
        self._tags = {"service": service, "stage": stage}
        self.max_batch = max_batch
        keys: Any = ("service", "stage")  # ray's own annotation knows one key only
        self._seconds = metrics.Histogram(
            "bernie_stage_seconds",
            description="Seconds of a segment in a stage, computing",
            boundaries=_SECONDS,
            tag_keys=keys,
        )
        self._queued = metrics.Histogram(
            "bernie_stage_queued_seconds",
            description="Seconds of a segment in a stage, waiting",
            boundaries=_SECONDS,
            tag_keys=keys,
        )
        self._batch = metrics.Histogram(
            "bernie_batch_size",
            description="Segments in the batch that a segment ran in",
            boundaries=[1, 2, 4, 8, 16, 32, 64],
            tag_keys=keys,
        )
        self._fill = metrics.Histogram(
            "bernie_batch_fill",
            description="Batch size over the largest allowed",
            boundaries=[0.125, 0.25, 0.5, 0.75, 1],
            tag_keys=keys,
        )
        self._waiting = metrics.Gauge(
            "bernie_stage_waiting", description="Segments waiting in a replica", tag_keys=keys
        )

    def observe(self, seconds: float, queued: float, batch: int, waiting: int) -> None:
        self._seconds.observe(max(seconds, 1e-9), self._tags)
        self._queued.observe(max(queued, 1e-9), self._tags)
        self._batch.observe(batch, self._tags)
        self._fill.observe(batch / self.max_batch, self._tags)
        self._waiting.set(waiting, self._tags)


class FeatureMetrics:
    """Metrics of the feature cache of a front end."""

    def __init__(self, service: str) -> None:
        keys: Any = ("service", "outcome")
        self._service = service
        self._looked_up = metrics.Counter(
            "bernie_feature_cache",
            description="Look-ups of a reference's features",
            tag_keys=keys,
        )

    def looked_up(self, outcome: str) -> None:
        self._looked_up.inc(1, {"service": self._service, "outcome": outcome})


class ClipMetrics:
    """Metrics of clips and of the queue, reported by workers."""

    def __init__(self) -> None:
        keys: Any = ("service", "outcome")
        self._clips = metrics.Counter("bernie_clips", description="Clips that ended", tag_keys=keys)
        self._audio = metrics.Counter(
            "bernie_audio_seconds", description="Seconds of audio made", tag_keys=("service",)
        )
        self._factor = metrics.Histogram(
            "bernie_real_time_factor",
            description="Seconds of work per second of audio of a clip",
            boundaries=[0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
            tag_keys=("service",),
        )
        self._depth = metrics.Gauge(
            "bernie_queue_depth",
            description="Clips that could start and wait",
            tag_keys=("service",),
        )
        self._age = metrics.Gauge(
            "bernie_queue_age_seconds", description="How long the oldest clip that may start waits"
        )

        self._batches = metrics.Gauge(
            "bernie_batches_open", description="Batches that have not ended"
        )
        self._lines = metrics.Gauge(
            "bernie_batch_lines", description="Lines of these batches", tag_keys=("state",)
        )

    def ended(self, service: str, outcome: str) -> None:
        self._clips.inc(1, {"service": service, "outcome": outcome})

    def made(self, service: str, audio_seconds: float, seconds: float) -> None:
        tags = {"service": service}
        self._audio.inc(audio_seconds, tags)
        self._factor.observe(seconds / audio_seconds, tags)

    def queue(self, depth: dict[str, int], age: float) -> None:
        for service, clips in depth.items():
            self._depth.set(clips, {"service": service})
        self._age.set(age)

    def batches(self, count: int, lines: dict[str, int]) -> None:
        self._batches.set(count)
        for state, number in lines.items():
            self._lines.set(number, {"state": state})
