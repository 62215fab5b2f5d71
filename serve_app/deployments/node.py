"""The node that a replica runs on."""

from __future__ import annotations

from ray.util import get_node_ip_address

from serve_app.settings import Settings


def own_address(settings: Settings) -> str:
    """Where other processes of the system reach this one."""
    if settings.internal_host:
        return settings.internal_host
    if settings.database().startswith("sqlite"):
        return "127.0.0.1"
    return str(get_node_ip_address())  # type: ignore[no-untyped-call]
