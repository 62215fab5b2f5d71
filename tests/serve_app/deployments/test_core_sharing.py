from __future__ import annotations

import asyncio

import pytest

from serve_app.deployments.core_sharing import CoreSharing


def test_who_is_alone_has_all_cores_and_others_wait() -> None:
    cores = CoreSharing(8, 2)
    assert cores.begin(alone=True) == 8
    assert cores.taken
    cores.end()
    assert not cores.taken


def test_who_is_not_alone_has_a_part() -> None:
    cores = CoreSharing(8, 2)
    assert cores.begin(alone=False) == 4
    assert not cores.taken
    assert cores.begin(alone=True) == 4, "another computes"
    assert not cores.taken


@pytest.mark.parametrize(("cores", "part"), [(1, 1), (2, 1), (3, 1), (64, 32)])
def test_a_part_is_one_core_at_least(cores: int, part: int) -> None:
    assert CoreSharing(cores, 2).begin(alone=False) == part


def test_waiting_ends_when_the_cores_are_given_back() -> None:
    async def go() -> None:
        cores = CoreSharing(2, 2)
        cores.begin(alone=True)
        waiting = asyncio.create_task(cores.wait())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        cores.end()
        await asyncio.wait_for(waiting, 10)

    asyncio.run(go())
