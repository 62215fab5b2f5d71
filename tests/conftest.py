"""What several folders of tests share."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from serve_app.storage.seaweedfs import SeaweedFS

# Ray reads these when it is imported, which some test modules do long before it is started.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for others.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


SYSTEMS = "tests/system/"


class SystemsFirst(LoadScopeScheduling):
    """Shares the tests among processes (`pytest -n 2`), each file as a whole.

    Whole systems come first, all in one process, one after the other: two at once would be more
    than a small machine has cores and memory for, and they wait more than they compute.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SYSTEMS if nodeid.startswith(SYSTEMS) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SystemsFirst:
    config.option.loadscopereorder = False  # the order of the tests, not that of their numbers
    return SystemsFirst(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start a system of their own come before there is the one that others share."""
    items.sort(key=lambda each: (not each.nodeid.startswith(SYSTEMS), "system" in fixtures(each)))


def fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One object store for each process of the run; each test takes keys or a bucket of its own."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store
