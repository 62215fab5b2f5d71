"""The whole Ray Serve graph, wired in one function."""

from __future__ import annotations

import os
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.config import BackpressureConfig

from serve_app.catalog import resolve
from serve_app.db.engine import Database
from serve_app.deployments.ingress import Ingress
from serve_app.deployments.ray_environment import (
    MALLOC,
    MESSAGES,
    OMP_PASSIVE_WAIT,
    ONE_LOOP,
    SHAPE_CACHES,
    SMALL_HEAPS,
)
from serve_app.deployments.stages import Diffusion, Frontend, Vocoder
from serve_app.deployments.worker import Worker
from serve_app.http.wait_slots import MAX_REQUESTS
from serve_app.settings import Settings, StageScale
from serve_app.storage.store import ObjectStore
from serve_app.worker.worker import STOP_SECONDS

APP_NAME = "bernie"

_QUEUED = 100
"""Requests that wait at each proxy while all replicas are full; more are refused at once."""
_RETRY_SECONDS = 2


class UnprotectedRay(RuntimeError):
    """Ray would execute code that anybody sends it."""


def build(args: dict[str, Any] | Settings | None = None) -> Application:
    """The application of `config/serve.yaml` (`import_path: serve_app.app:build`).

        Ingress ─► Worker ─┬► styletts2-frontend,     -diffusion, -vocoder
                           ├► seedvc-frontend,        -diffusion, -vocoder
                           └► make-an-audio-frontend, -diffusion, -vocoder

    A service whose weights are not installed has no deployments. `args` are settings (see
    `serve_app.settings`); what they leave out comes from the environment. Raises NothingInstalled,
    and UnprotectedRay where a token is required and Ray asks for none.
    """
    given = args if isinstance(args, Settings) else Settings(**(args or {}))
    _require_token(given)
    settings = resolve(given)
    Database(settings.database()).migrate()
    store = ObjectStore(settings)
    store.ensure_bucket()
    if origins := [each.strip() for each in settings.studio_origins.split(",") if each.strip()]:
        store.allow_origins(origins)

    stages = {
        service: (
            _stage(Frontend, service, "frontend", settings),
            _stage(Diffusion, service, "diffusion", settings),
            _stage(Vocoder, service, "vocoder", settings),
        )
        for service in settings.pipelines()
    }
    worker = serve.deployment(
        name="worker",
        num_replicas=settings.worker_replicas,
        max_surge_percent=100,
        graceful_shutdown_timeout_s=settings.drain_seconds + STOP_SECONDS + 5,
        health_check_period_s=5,
        ray_actor_options={
            "num_cpus": 0.1,
            "runtime_env": {"env_vars": {**MESSAGES, **SMALL_HEAPS}},
        },
    )(Worker).bind(settings, stages)
    return serve.deployment(
        name="ingress",
        num_replicas=settings.ingress_replicas,
        max_ongoing_requests=MAX_REQUESTS,
        max_queued_requests=_QUEUED,
        backpressure_config=BackpressureConfig(status_code=503, retry_after_s=_RETRY_SECONDS),
        max_surge_percent=100,
        graceful_shutdown_timeout_s=settings.drain_seconds,
        health_check_period_s=5,
        ray_actor_options={
            "num_cpus": 0.1,
            "runtime_env": {"env_vars": {**SMALL_HEAPS, **ONE_LOOP}},
        },
    )(Ingress).bind(settings, worker)


def _require_token(settings: Settings) -> None:
    """Raises UnprotectedRay before anything is served: whoever reaches a Ray without a token can
    run code in it."""
    if settings.require_ray_token and os.environ.get("RAY_AUTH_MODE") != "token":
        raise UnprotectedRay(
            "This configuration has require_ray_token: start Ray with RAY_AUTH_MODE=token and a "
            "RAY_AUTH_TOKEN on every node."
        )


def _omp_threads(scale: StageScale) -> dict[str, str]:
    """Where the number depends on the machine, the replica finds it out itself."""
    return {"OMP_NUM_THREADS": str(scale.threads)} if scale.threads else {}


def _stage(kind: type, service: str, stage: str, settings: Settings) -> Application:
    scale = settings.service(service).stages()[stage]
    places = settings.worker_clips + settings.worker_bulk_clips
    max_requests = scale.max_batch * scale.max_groups + scale.max_waiting
    return serve.deployment(
        name=f"{service}-{stage}",
        max_ongoing_requests=max_requests,
        # Of one worker: more than it has under way, so that it is refused only where it errs.
        max_queued_requests=4 * places * settings.clip_segments,
        max_surge_percent=0 if scale.num_gpus else 100,
        autoscaling_config={
            "min_replicas": scale.min_replicas,
            "max_replicas": scale.max_replicas,
            "target_ongoing_requests": 2 * scale.max_batch * scale.max_groups,
            "downscale_to_zero_delay_s": settings.rest_seconds,
        },
        health_check_period_s=5,
        # What has been sent to a replica that is replaced is computed, however long its line is.
        graceful_shutdown_timeout_s=settings.stall_seconds + settings.drain_seconds,
        ray_actor_options={
            "num_cpus": scale.num_cpus,
            "num_gpus": scale.num_gpus,
            "runtime_env": {
                "env_vars": {
                    **_omp_threads(scale),
                    **OMP_PASSIVE_WAIT,
                    **MALLOC,
                    **SHAPE_CACHES,
                    **MESSAGES,
                }
            },
        },
    )(kind).bind(service, settings)
