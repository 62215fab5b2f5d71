"""Bernie's service: accounts, credits, clips, the durable queue and the Ray Serve graph."""

from importlib import metadata

__version__ = metadata.version("bernie")
"""As `pyproject.toml` states it."""
