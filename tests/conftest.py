"""What several folders of tests share."""

from __future__ import annotations

import gc
import os
import secrets
import signal
from collections.abc import Iterator

import hypothesis
import pytest
from anyio.from_thread import start_blocking_portal
from argon2 import PasswordHasher
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from serve_app.accounts import users
from serve_app.deployments.interpreter.sitecustomize import RARELY
from serve_app.storage.seaweedfs import SeaweedFS
from tests.serve_app import api_harness

# Ray reads these when it is imported, which some test modules do long before it is started.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
os.environ["RAY_metrics_report_interval_ms"] = "2000"  # noqa: SIM112 - its name in Ray

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for others.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


gc.set_threshold(*RARELY)  # modules and tests stay: looking for garbage among them is in vain

SYSTEMS = ("tests/system/", "tests/browser/", "tests/clients/")


class SystemsFirst(LoadScopeScheduling):
    """Shares the tests among processes (`pytest -n 2`), each file as a whole.

    Whole systems come first, all in one process, one after the other: two at once would be more
    than a small machine has cores and memory for, and they wait more than they compute. Then come
    browsers, and clients, each with one server for all.
    """

    def _split_scope(self, nodeid: str) -> str:
        together = [each for each in SYSTEMS if nodeid.startswith(each)]
        return together[0] if together else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SystemsFirst:
    config.option.loadscopereorder = False  # the order of the tests, not that of their numbers
    return SystemsFirst(config, log)


UNMEASURED = (
    *("tests/pipelines/", "tests/training/", "tests/parity/", "tests/benchmarks/"),
    *("tests/serve_app/routes/test_bulkheads.py", "tests/serve_app/routes/test_openapi.py"),
)
"""Coverage is that of the service, by tests of what it does: not by floods and random requests.
Measuring takes half as much computing again."""


LONG = ("tests/training", "tests/parity", "tests/benchmarks", "tests/serve_app")
"""What takes long begins early, so that both processes have work to the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One system at a time: tests of the small one, of systems of their own, of the large one."""
    items.sort(
        key=lambda each: (
            not each.nodeid.startswith(SYSTEMS),
            [each.nodeid.startswith(folder) for folder in SYSTEMS[1:]],
            order(fixtures(each)),
            not each.nodeid.startswith(LONG),
        )
    )
    for item in items:
        if item.nodeid.startswith(UNMEASURED):
            item.add_marker("no_cover")


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    gc.set_threshold(*RARELY)  # stages that a test has made set it back


def order(names: list[str]) -> int:
    """Of a test that uses these fixtures."""
    return 0 if "small_system" in names else 2 if "system" in names else 1


def fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One object store for each process of the run; each test takes keys or a bucket of its own."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store
        os.kill(store.pid, signal.SIGKILL)  # in order it would wait for clients that stay connected


SLOW_HASHER = users._hasher
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """Tests make thousands of accounts, and each hash as in service takes 30 ms of computing."""
    users._hasher = QUICK_HASHER


@pytest.fixture
def slow_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords are hashed as in service."""
    monkeypatch.setattr(users, "_hasher", SLOW_HASHER)
    users._dummy_hash.cache_clear()
    yield
    users._dummy_hash.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _loop_of_clients() -> Iterator[None]:
    """One event loop for the requests of all tests, as a server has; without it each request of a
    TestClient starts a loop and a thread of its own."""
    with start_blocking_portal() as portal:
        api_harness.portal = portal
        yield
        api_harness.portal = None
