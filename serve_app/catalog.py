"""Which pipeline runs each service. A service without installed weights is not served."""

from __future__ import annotations

import logging

from pipelines import registry
from pipelines.settings import PipelineSettings
from serve_app.errors import ApiError
from serve_app.settings import AUTO, OFF, SERVICES, Settings

logger = logging.getLogger("bernie.catalog")

TITLES = {
    "styletts2": "Text to speech",
    "seedvc": "Voice conversion",
    "make-an-audio": "Sound effects",
}
"""What people read. The names of the services are those of the first model of each, and part of the
API: they stay, whatever model runs."""

DEFAULTS = {"styletts2": "kokoro", "seedvc": "revoice", "make-an-audio": "foley"}
"""The model of each service that takes least to install."""


class NothingInstalled(RuntimeError):
    """No service has installed weights."""


def resolve(settings: Settings) -> Settings:
    """Settings in which every service names an installed pipeline or `off`. Raises NothingInstalled
    where all are off."""
    found = {}
    for service, setting in SERVICES.items():
        asked = settings.service(service)
        pipeline = _installed(service, asked.pipeline, PipelineSettings(settings.checkpoints))
        missing = asked.missing
        if pipeline == OFF and asked.pipeline not in (AUTO, OFF):
            missing = asked.pipeline
            logger.warning("%s", not_installed(service, settings).message)
        found[setting] = asked.model_copy(update={"pipeline": pipeline, "missing": missing})
    resolved = settings.model_copy(update=found)
    if not resolved.pipelines():
        raise NothingInstalled(not_installed("styletts2", settings).message)
    return resolved


def is_installed(service: str, settings: Settings) -> bool:
    """Whether any model of the service is installed."""
    return _installed(service, AUTO, PipelineSettings(settings.checkpoints)) != OFF


def require(service: str, settings: Settings) -> str:
    """The pipeline of a service, from resolved settings. Raises ApiError 503
    `service_not_installed` without one."""
    pipeline = settings.pipelines().get(service)
    if pipeline is None:
        raise not_installed(service, settings)
    return pipeline


def install_command(service: str, settings: Settings) -> str:
    """The command that installs the service."""
    chosen = settings.service(service)
    asked = chosen.missing or chosen.pipeline
    return f"bernie fetch {asked if asked not in (AUTO, OFF) else DEFAULTS[service]}"


def not_installed(service: str, settings: Settings) -> ApiError:
    command = install_command(service, settings)
    message = f"{TITLES[service]} is not installed here. Run `{command}` and start again."
    return ApiError(503, "service_not_installed", message)


def _installed(service: str, asked: str, settings: PipelineSettings) -> str:
    candidates = _published(service) if asked == AUTO else [asked]
    return next((name for name in candidates if _is_installed(name, settings)), OFF)


def _is_installed(pipeline: str, settings: PipelineSettings) -> bool:
    return pipeline != OFF and registry.installed(pipeline, settings)


def _published(service: str) -> list[str]:
    """The pipelines with a model of their own, in order of preference."""
    return [name for name in registry.SERVICES[service] if name != "noop"]
