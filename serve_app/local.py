"""Everything on loopback in one process tree: SeaweedFS, the database, Ray, Serve."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from serve_app.embedded import SeaweedFS
from serve_app.settings import Settings

Report = Callable[[str], None]

# Set before ray is imported. Ray's own usage report stays off and has nowhere to go; workers run
# at normal priority; a private folder keeps a stale cluster address from being found.
RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
    "RAY_AUTH_MODE": "disabled",
    "RAY_worker_niceness": "0",
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@contextmanager
def local_stack(
    settings: Settings, report: Report, dashboard_port: int = 8265
) -> Iterator[Settings]:
    """Starts all parts, yields the settings they run with, and stops them in reverse order.

    What the settings already name (a database, an S3 endpoint) is used as it is.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if not settings.s3_endpoint:
            report("Starting SeaweedFS (S3)")
            store = stack.enter_context(SeaweedFS(settings.data_dir / "seaweedfs"))
            settings = settings.model_copy(
                update={
                    "s3_endpoint": store.endpoint,
                    "s3_access_key": SecretStr(store.access_key),
                    "s3_secret_key": SecretStr(store.secret_key),
                }
            )
        report("Starting Ray")
        stack.enter_context(_ray(dashboard_port))
        report("Loading models and starting the graph")
        stack.enter_context(_serve(settings))
        yield settings


@contextmanager
def _ray(dashboard_port: int) -> Iterator[None]:
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Ray's sockets live below this folder; their paths may have at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="bernie-ray-"))
    os.environ["RAY_TMPDIR"] = str(folder)
    import ray

    ray.init(
        address="local",
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        dashboard_port=dashboard_port,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(folder),
    )
    try:
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _serve(settings: Settings) -> Iterator[None]:
    from ray import serve
    from ray.serve.config import HTTPOptions

    from serve_app.app import APP_NAME, build

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
    serve.run(build(settings), name=APP_NAME, route_prefix="/")
    try:
        yield
    finally:
        # Drains the replicas. The rest of Serve ends with Ray.
        serve.delete(APP_NAME)
