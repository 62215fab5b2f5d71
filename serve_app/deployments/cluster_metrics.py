"""Bernie's metrics of all nodes of the cluster in one text, so that `/metrics` needs no discovery.

Ray's own series take hundreds of kilobytes: Prometheus scrapes them from the nodes.
"""

from __future__ import annotations

import logging

import httpx
import ray

PREFIX = "ray_bernie_"
logger = logging.getLogger("bernie.metrics")


def node_metrics() -> str:
    """Prometheus text: Bernie's series, as the exporters of the nodes give them."""
    lines: list[str] = []
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if not node["Alive"] or not node["MetricsExportPort"]:
            continue
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        try:
            text = httpx.get(address, timeout=2.0).raise_for_status().text
        except httpx.HTTPError as error:
            logger.warning("no metrics from %s: %s", address, error)
            continue
        lines += [line for line in text.splitlines() if _ours(line)]
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _ours(line: str) -> bool:
    name = line.split(" ", 3)[2] if line.startswith(("# HELP ", "# TYPE ")) else line
    return name.startswith(PREFIX)
