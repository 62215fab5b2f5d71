"""The HTTP ingress as a deployment: the application of `api.py` in front of the graph."""

from __future__ import annotations

import asyncio
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from serve_app.db.engine import Database
from serve_app.deployments import garbage
from serve_app.deployments.cluster_metrics import node_metrics
from serve_app.deployments.node import own_address
from serve_app.foreground import Foreground
from serve_app.http.app_state import AppState, GraphStatus
from serve_app.http.relay import Relay
from serve_app.http.work import Work
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore


@serve.ingress()
class Ingress:
    def __init__(self, settings: Settings, _worker: DeploymentHandle[Any]) -> None:
        """The workers are bound for Serve to deploy them. They meet in the database."""
        # All routes: who names this class alone, as `bernie up` does, shall not import them.
        from serve_app.api import create_app, set_settings

        self._set_settings = set_settings
        self._settings = settings
        self._at_rest = {
            f"{service}-{stage}"
            for service in settings.pipelines()
            for stage, scale in settings.service(service).stages().items()
            if scale.min_replicas == 0
        }
        """Stages that have no replicas while nothing is to be done."""
        self._app_name = serve.get_replica_context().app_name
        work = Work()
        self._database = Database(settings.database(), work.connections)
        self._app = create_app(
            AppState(
                settings=settings,
                database=self._database,
                store=ObjectStore(settings),
                clock=self._database.now,
                graph_status=self._graph_status,
                metrics=node_metrics,
                relay=Relay(own_address(settings)),
                work=work,
                foreground=Foreground.of(settings),
            )
        )
        garbage.as_usual()

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return self._app

    def reconfigure(self, changes: dict[str, Any]) -> None:
        """Called by Serve with the `user_config` of the deployment. Raises ValueError."""
        self._set_settings(self._app, self._settings.changed(changes))

    async def _graph_status(self) -> GraphStatus:
        """Ready when every deployment of the application has a running replica."""
        status = await asyncio.to_thread(serve.status)
        deployments = status.applications[self._app_name].deployments
        running: dict[str, int] = {
            name: deployment.replica_states.get("RUNNING", 0)  # type: ignore[call-overload]
            for name, deployment in deployments.items()
        }
        absent = [
            name for name, count in running.items() if not count and name not in self._at_rest
        ]
        return GraphStatus(not absent, ", ".join(absent), running)

    def __del__(self) -> None:
        self._database.dispose()
