"""What several folders of tests share."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import hypothesis
import pytest

from serve_app.embedded import SeaweedFS

# Ray reads these when it is imported, which some test modules do long before it is started.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for others.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


SYSTEM = "tests/system"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole systems come first, one after the other in one of the processes that share the tests:
    two of them at once would be more than a small machine has memory and cores for, and they wait
    more than they compute. Meanwhile the others take the other files, each as a whole.

    Those that start a system of their own do so before there is the one that the others share."""
    items.sort(key=lambda item: (not _is_of_a_system(item), "system" in item.fixturenames))
    for item in items:
        group = SYSTEM if _is_of_a_system(item) else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


def _is_of_a_system(item: pytest.Item) -> bool:
    return item.nodeid.startswith(f"{SYSTEM}/")


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One object store for each process of the run; each test takes keys or a bucket of its own."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store
