"""Which pipelines serve which service, and how to load one stage of one.

Imports no torch: the HTTP process uses `check`, `sample_rate` and `joiner`; a stage imports what
it needs when it is loaded.
"""

from __future__ import annotations

from pipelines.joining import SilenceJoin
from pipelines.protocol import Diffusion, Frontend, Joiner, Request, Vocoder
from pipelines.settings import PipelineSettings

SERVICES: dict[str, tuple[str, ...]] = {"styletts2": ("kokoro", "noop")}
"""Pipelines of each service; the first is the default."""

_SAMPLE_RATES = {"kokoro": 24_000, "noop": 24_000}


def load_frontend(service: str, pipeline: str, settings: PipelineSettings) -> Frontend:
    if _known(service, pipeline) == "noop":
        from pipelines.noop import NoopFrontend

        return NoopFrontend(settings)
    from pipelines.styletts2.frontend import KokoroFrontend

    return KokoroFrontend(settings)


def load_diffusion(service: str, pipeline: str, settings: PipelineSettings) -> Diffusion:
    """Raises WeightsMissing."""
    if _known(service, pipeline) == "noop":
        from pipelines.noop import NoopDiffusion

        return NoopDiffusion()
    from pipelines.styletts2.config import KOKORO
    from pipelines.styletts2.diffusion import KokoroDiffusion

    return KokoroDiffusion(pipeline, KOKORO, settings)


def load_vocoder(service: str, pipeline: str, settings: PipelineSettings) -> Vocoder:
    """Raises WeightsMissing."""
    if _known(service, pipeline) == "noop":
        from pipelines.noop import NoopVocoder

        return NoopVocoder()
    from pipelines.styletts2.config import KOKORO
    from pipelines.styletts2.vocoder import KokoroVocoder

    return KokoroVocoder(pipeline, KOKORO, settings)


def joiner(service: str, pipeline: str, settings: PipelineSettings) -> Joiner:
    """A new joiner, for the segments of one clip."""
    return SilenceJoin(settings.silence_seconds, sample_rate(service, pipeline))


def sample_rate(service: str, pipeline: str) -> int:
    """Hz of what the pipeline's vocoder and joiner give."""
    return _SAMPLE_RATES[_known(service, pipeline)]


def check(service: str, pipeline: str, request: Request, settings: PipelineSettings) -> None:
    """Whether a request can be served, found without any model. Raises InvalidInput."""
    if _known(service, pipeline) == "noop":
        from pipelines import noop

        return noop.check(request)
    from pipelines.styletts2 import frontend

    return frontend.check(request, settings)


def _known(service: str, pipeline: str) -> str:
    if pipeline not in SERVICES.get(service, ()):
        raise KeyError(f"The service {service!r} has no pipeline {pipeline!r}")
    return pipeline
