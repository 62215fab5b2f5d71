"""Which pipelines serve which service, and how to load one stage of one.

Imports no torch: the HTTP process uses `check`, `sample_rate` and `joiner`; a stage imports what
it needs when it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pipelines.models.foley.pipeline import FoleyPipeline
from pipelines.models.makeanaudio.pipeline import MakeAnAudioPipeline
from pipelines.models.makeanaudio_small.pipeline import SmallPipeline
from pipelines.models.revoice.pipeline import RevoicePipeline
from pipelines.models.seedvc.pipeline import SINGING, SPEECH
from pipelines.models.styletts2.pipeline import LIBRITTS, LJSPEECH, KokoroPipeline
from pipelines.noop import NoopPipeline
from pipelines.protocol import Diffusion, Frontend, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints
from pipelines.weights.checkpoints import Convert
from pipelines.weights.manifest import Progress


class Pipeline(Protocol):
    """Loads the stages of one model. Stages raise WeightsMissing if their weights are missing."""

    @property
    def sample_rate(self) -> int: ...

    @property
    def takes_reference(self) -> bool:
        """Whether its voice is that of a recording."""
        ...

    @property
    def converters(self) -> Mapping[str, Convert]:
        """How its packaged weights are converted, by entry of the manifest."""
        ...

    def frontend(self, settings: PipelineSettings, features: FeatureCache, /) -> Frontend: ...

    def diffusion(self, settings: PipelineSettings) -> Diffusion: ...

    def vocoder(self, settings: PipelineSettings) -> Vocoder: ...

    def joiner(self, settings: PipelineSettings) -> Joiner: ...

    def check(self, asked: Any, settings: PipelineSettings) -> None: ...


SERVICES: dict[str, dict[str, Pipeline]] = {
    "styletts2": {
        "kokoro": KokoroPipeline(),
        "noop": NoopPipeline(),
        "styletts2-libritts": LIBRITTS,
        "styletts2-ljspeech": LJSPEECH,
    },
    "seedvc": {"seed-vc": SPEECH, "seed-vc-f0": SINGING, "revoice": RevoicePipeline()},
    "make-an-audio": {
        "make-an-audio": MakeAnAudioPipeline(),
        "foley": FoleyPipeline(),
        "makeanaudio-small": SmallPipeline(),
    },
}
"""Pipelines of each service by name, which is that of their weights; the first that is installed is
the default."""

NOTES: dict[str, str] = {
    "revoice": "A small model that converts clear English speech to the voices that ship and "
    "blends of them, not to voices of one's own. Some words come out wrong. `bernie fetch seed-vc` "
    "installs a large model that takes its place.",
    "foley": "A small model: sounds are computed by rule or played from recordings, of 110 kinds, "
    "and any other description gives the nearest of them. `bernie fetch make-an-audio` installs a "
    "large model that takes its place.",
    "makeanaudio-small": "A small model: a diffusion model of 78 kinds of sound, and any other "
    "description gives the nearest of them. `foley` makes these kinds, and more, more cleanly.",
}
"""Limits of a pipeline that its users should know."""


IGNORED: dict[str, tuple[str, ...]] = {
    "revoice": ("steps", "guidance", "match_pitch"),
    "seed-vc": ("match_pitch", "semitones"),
    "foley": ("steps", "guidance"),
    "makeanaudio-small": ("guidance",),
}
"""Options of the service without effect on a pipeline."""


_SPEECH = (
    "pipelines.models.styletts2.diffusion",
    "pipelines.models.styletts2.vocoder",
    "pipelines.fast_convolution.preload",
)
MODULES: dict[str, tuple[str, ...]] = {
    "kokoro": ("pipelines.models.styletts2.frontend", *_SPEECH),
    "styletts2-libritts": _SPEECH,
    "styletts2-ljspeech": _SPEECH,
    "seed-vc": ("pipelines.models.seedvc.stages",),
    "seed-vc-f0": ("pipelines.models.seedvc.stages",),
    "revoice": (
        "pipelines.models.revoice.frontend",
        "pipelines.models.revoice.stages",
        "pipelines.models.styletts2.vocoder",
        "pipelines.fast_convolution.preload",
    ),
    "make-an-audio": ("pipelines.models.makeanaudio.stages",),
    "foley": ("pipelines.models.foley.frontend", "pipelines.models.foley.stages"),
    "makeanaudio-small": ("pipelines.models.makeanaudio_small.stages",),
}
"""What the stages of a pipeline import, for a process that they are copies of. What takes seconds
and one stage alone needs is left to it."""


def load_frontend(
    service: str,
    pipeline: str,
    settings: PipelineSettings,
    features: FeatureCache | None = None,
) -> Frontend:
    """`features` caches what is found in recordings; by default in this process only.

    Raises WeightsMissing, as the other two.
    """
    cache = FeatureCache() if features is None else features
    return _known(service, pipeline).frontend(settings, cache)


def load_diffusion(service: str, pipeline: str, settings: PipelineSettings) -> Diffusion:
    return _known(service, pipeline).diffusion(settings)


def load_vocoder(service: str, pipeline: str, settings: PipelineSettings) -> Vocoder:
    return _known(service, pipeline).vocoder(settings)


def joiner(service: str, pipeline: str, settings: PipelineSettings) -> Joiner:
    """A new joiner, for the segments of one clip."""
    return _known(service, pipeline).joiner(settings)


def sample_rate(service: str, pipeline: str) -> int:
    """Hz of what the pipeline's vocoder and joiner give."""
    return _known(service, pipeline).sample_rate


def takes_reference(service: str, pipeline: str) -> bool:
    """Whether the pipeline takes its voice from a recording."""
    return _known(service, pipeline).takes_reference


def check(service: str, pipeline: str, request: Any, settings: PipelineSettings) -> None:
    """Whether a request can be served, found without any model. Raises InvalidInput."""
    _known(service, pipeline).check(request, settings)


def installed(pipeline: str, settings: PipelineSettings) -> bool:
    """Whether the weights of a pipeline are there; one that needs none is always installed."""
    if not any(pipeline in pipelines for pipelines in SERVICES.values()):
        raise KeyError(f"There is no pipeline {pipeline!r}")
    weighted = pipeline in checkpoints.manifest(settings)
    return not weighted or checkpoints.installed(pipeline, settings)


def fetch(
    name: str,
    settings: PipelineSettings,
    progress: Progress | None = None,
    source: Path | None = None,
) -> Path:
    """As `checkpoints.fetch`, with the converters of all models. Raises FetchFailed."""
    if name not in checkpoints.manifest(settings) or checkpoints.installed(name, settings):
        return checkpoints.fetch(name, settings, progress, source)
    return checkpoints.fetch(name, settings, progress, source, converters())


def converters() -> dict[str, Convert]:
    """Those of all pipelines, by entry of the manifest. Imports torch."""
    found: dict[str, Convert] = {}
    for pipelines in SERVICES.values():
        for pipeline in pipelines.values():
            found |= pipeline.converters
    return found


def _known(service: str, pipeline: str) -> Pipeline:
    try:
        return SERVICES[service][pipeline]
    except KeyError:
        raise KeyError(f"The service {service!r} has no pipeline {pipeline!r}") from None
