from __future__ import annotations

import asyncio

import pytest

from serve_app.http.single_flight import SingleFlight


class Source:
    """Counts its calls; each returns once it is released."""

    def __init__(self) -> None:
        self.asked = 0
        self.let_go = asyncio.Event()

    async def find_out(self) -> int:
        self.asked += 1
        await self.let_go.wait()
        return self.asked


async def begun(flight: SingleFlight[int], source: Source, count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(flight.do(source.find_out)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def test_single_flight_shares_one_call_among_concurrent_callers() -> None:
    async def go() -> None:
        flight, source = SingleFlight[int](), Source()
        tasks = await begun(flight, source, 50)
        assert source.asked == 1
        source.let_go.set()
        assert await asyncio.gather(*tasks) == [1] * 50
        assert await flight.do(source.find_out) == 2

    asyncio.run(go())


def test_single_flight_outlives_a_cancelled_caller() -> None:
    async def go() -> None:
        flight, source = SingleFlight[int](), Source()
        first, second = await begun(flight, source, 2)
        first.cancel()
        source.let_go.set()
        assert await second == 1
        assert first.cancelled()

    asyncio.run(go())


def test_single_flight_raises_to_all_and_caches_no_error() -> None:
    async def broken() -> int:
        raise OSError("out of order")

    async def works() -> int:
        return 7

    async def go() -> None:
        flight = SingleFlight[int]()
        with pytest.raises(OSError, match="out of order"):
            await flight.do(broken)
        assert await flight.do(works) == 7

    asyncio.run(go())
