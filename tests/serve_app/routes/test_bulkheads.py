"""What another user feels while one floods the service, holds a row, or a part of it is away.

Each case measures `GET /api/me` of another user in the same run, before and meanwhile: the 95th
percentile meanwhile is at most three times that before, and 50 ms. The API listens on a real port;
database and store are real and can be held, stopped and silenced.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from serve_app.db.engine import Database
from serve_app.http.pace import Pace
from serve_app.http.work import Work
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from tests.chaos.proxy import ActiveFault, Fault, FaultProxy
from tests.postgres import Postgres
from tests.serve_app.api_harness import PASSWORD, Api, Headers
from tests.serve_app.recordings import speech
from tests.serve_app.routes.flood import Answers, Ask, Flood, run_flood, stand_back
from tests.serve_app.served import served
from tests.waiting import until

pytestmark = pytest.mark.flaky(reruns=2)
"""Quantiles of times, on a machine that has other work too."""
QUIET_LOOKS = 60
LONG = ("The kettle is on, and it cost $3.50 in 1999, said Dr. Smith. " * 100)[:5_000]

START_SECONDS = 0.5
"""In which a flood begins."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """The process that floods come from, which has begun."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        process.submit(stand_back).result()
        yield process


@pytest.fixture
def proxy(seaweed: SeaweedFS) -> Iterator[FaultProxy]:
    with FaultProxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture
def database(postgres: Postgres, postgres_database: Database, postgres_to_empty: str) -> Database:
    """As large as that of an ingress replica."""
    postgres_database.dispose()
    return Database(postgres.url(postgres_to_empty), Work().connections)


@pytest.fixture
def api(
    seaweed: SeaweedFS, proxy: FaultProxy, database: Database, api_store: ObjectStore
) -> Iterator[Api]:
    settings = Settings(
        s3_endpoint=proxy.endpoint,
        s3_access_key=SecretStr(seaweed.access_key),
        s3_secret_key=SecretStr(seaweed.secret_key),
        s3_bucket="api",
        poll_seconds=0.1,
        conversion={"pipeline": "seed-vc"},
        sign_up_credits=10_000_000,
    )
    yield Api(settings, database, ObjectStore(settings), Pace())
    database.dispose()


def percentile(times: list[float]) -> float:
    return sorted(times)[max(0, int(len(times) * 0.95) - 1)]


class Scene:
    """A flood of one user, and the looks of another."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.answers: Answers = Counter()
        self.quiet = self.meanwhile = 0.0

    async def look(self, headers: Headers) -> float:
        begun = time.monotonic()
        answer = await self.client.get("/api/me", headers=headers)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - begun

    async def measure(
        self,
        elsewhere: ProcessPoolExecutor,
        other: Headers,
        flood: Flood,
        connections: int,
        seconds: float = 3.0,
    ) -> None:
        """Compares the looks of another user before and beside `connections` of another process
        that ask again and again."""
        for _ in range(5):
            await self.look(other)
        self.quiet = percentile([await self.look(other) for _ in range(QUIET_LOOKS)])
        url, until = str(self.client.base_url), START_SECONDS + seconds
        flooding = elsewhere.submit(run_flood, flood, url, connections, until)
        await asyncio.sleep(START_SECONDS)
        looks, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            looks.append(await self.look(other))
            await asyncio.sleep(0.02)
        self.meanwhile = percentile(looks)
        self.answers = await asyncio.wrap_future(flooding)

    def judge(self) -> None:
        print(f"\nquiet {self.quiet:.3f} s, meanwhile {self.meanwhile:.3f} s, {dict(self.answers)}")
        assert self.meanwhile <= 3 * self.quiet + 0.05


@asynccontextmanager
async def scene(api: Api) -> AsyncIterator[Scene]:
    with served(api) as url:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
            yield Scene(client)


@contextmanager
def held(database: Database, email: str) -> Iterator[None]:
    with database.engine.connect() as connection, connection.begin():
        row = text("SELECT 1 FROM users WHERE email = :email FOR UPDATE")
        connection.execute(row, {"email": email})
        yield


Compare = Callable[[Api, Headers, Flood, int], Scene]


@pytest.fixture
def compare(elsewhere: ProcessPoolExecutor) -> Compare:
    def compare(api: Api, other: Headers, flood: Flood, connections: int) -> Scene:
        async def go() -> Scene:
            async with scene(api) as there:
                await there.measure(elsewhere, other, flood, connections)
                return there

        found = asyncio.run(go())
        found.judge()
        return found

    return compare


def test_texts_of_one_user(api: Api, compare: Compare) -> None:
    flooder, other = api.sign_up(), api.sign_up("b@example.com")
    ask = Ask("POST", "/api/speech", {"text": f"{{n}}. {LONG}"[:4_990], "voice": "af_heart"})
    there = compare(api, other, Flood([ask], flooder), 60)
    assert set(there.answers) <= {(202, ""), (503, "busy"), (429, "too_many_clips")}
    assert there.answers[202, ""]
    assert there.answers[503, "busy"]


def test_texts_of_a_user_without_credits_are_not_even_looked_at(api: Api, compare: Compare) -> None:
    settings = api.settings.model_copy(update={"sign_up_credits": 0})
    poor = Api(settings, api.database, api.store, Pace())
    flooder, other = poor.sign_up(), poor.sign_up("b@example.com")
    ask = Ask("POST", "/api/speech", {"text": LONG, "voice": "af_heart"})
    there = compare(poor, other, Flood([ask], flooder), 60)
    assert set(there.answers) <= {(402, "not_enough_credits"), (503, "busy")}
    assert there.answers[402, "not_enough_credits"]


@pytest.mark.usefixtures("slow_passwords")
def test_passwords(api: Api, compare: Compare) -> None:
    """A crowd of accounts, so that the limits on the sign-ins of one do not count."""
    other = api.sign_up("b@example.com")
    settings = api.settings.model_copy(update={"sign_in_attempts": 10_000})
    body = {"email": "nobody{n}@example.com", "password": PASSWORD}
    crowd = Flood([Ask("POST", "/api/sign-in", body)])
    there = compare(Api(settings, api.database, api.store, Pace()), other, crowd, 60)
    assert set(there.answers) <= {(401, "wrong_credentials"), (503, "busy")}
    assert there.answers[401, "wrong_credentials"]


def upload(api: Api, headers: Headers, data: bytes) -> str:
    body = {"content_type": "audio/flac", "bytes": len(data)}
    made = api.client.post("/api/uploads", headers=headers, json=body).json()
    httpx.put(made["url"], content=data, headers=made["headers"]).raise_for_status()
    return str(made["id"])


def test_recordings_of_one_user(api: Api, compare: Compare) -> None:
    """Each voice is made of a recording that is decoded for it."""
    flooder, other = api.sign_up(), api.sign_up("b@example.com")
    body = {"name": "voice {n}", "upload": upload(api, flooder, speech())}
    there = compare(api, other, Flood([Ask("POST", "/api/voices", body)], flooder), 40)
    assert there.answers[201, ""]
    assert there.answers[503, "busy"]


def test_deletions_and_recordings_while_the_store_is_silent(
    api: Api, proxy: FaultProxy, elsewhere: ProcessPoolExecutor
) -> None:
    """Clips are deleted, and recordings asked for, while the store answers nobody."""
    flooder, other = api.sign_up(), api.sign_up("b@example.com")
    ids = []
    for _ in range(40):
        ids.append(api.speak(flooder)["id"])
        api.now += 61
    recording = {"upload": upload(api, flooder, speech()), "voice": "af_heart"}
    deletions = [Ask("DELETE", f"/api/clips/{each}") for each in ids]
    asks = [*deletions, *[Ask("POST", "/api/conversions", recording)] * 20]

    async def go() -> Scene:
        async with scene(api) as there:
            await there.look(other)
            proxy.active_fault = ActiveFault(Fault.SILENT)
            try:
                await there.measure(elsewhere, other, Flood(asks, flooder), 60, 5.0)
            finally:
                proxy.active_fault = None
            return there

    there = asyncio.run(go())
    there.judge()
    assert there.answers[204, ""]
    assert not [code for status, code in there.answers if status >= 500 and code != "busy"]


def test_streams_of_one_user(api: Api, compare: Compare) -> None:
    flooder, other = api.sign_up(), api.sign_up("b@example.com")
    clip_id = api.speak(flooder)["id"]
    listen = Ask("GET", f"/api/clips/{clip_id}/events", cut_after=2.0)
    there = compare(api, other, Flood([listen], flooder), 40)
    assert there.answers[0, "went away"], "those who have a place listen"


def test_a_row_of_one_user_that_is_held(
    api: Api, database: Database, elsewhere: ProcessPoolExecutor
) -> None:
    """Sixty connections change what hangs on the row. They are told to come again, those that wait
    for it after 5 s."""
    blocked, other = api.sign_up(), api.sign_up("b@example.com")
    body = {"text": "Hello there.", "voice": "af_heart"}
    flood = Flood([Ask("POST", "/api/speech", body)], blocked)

    async def go() -> Scene:
        async with scene(api) as there:
            with held(database, "ada@example.com"):
                await there.measure(elsewhere, other, flood, 60, 6.0)
            return there

    there = asyncio.run(go())
    there.judge()
    assert set(there.answers) == {(503, "busy")}
    until(
        lambda: api.client.post("/api/speech", json=body, headers=blocked).status_code == 202,
        20,
        "the user goes on",
    )


def test_a_database_that_is_away_is_said_at_once_and_is_used_again(
    api: Api, postgres: Postgres
) -> None:
    """Nothing can be asked meanwhile; every answer says so, soon, and the first afterwards is as
    quick as before."""
    headers = api.sign_up()

    async def go() -> None:
        async with scene(api) as there:
            quiet = percentile([await there.look(headers) for _ in range(QUIET_LOOKS)])
            slowest = 0.0
            with postgres.away():
                for _ in range(4):
                    begun = time.monotonic()
                    answer = await there.client.get("/api/me", headers=headers)
                    slowest = max(slowest, time.monotonic() - begun)
                    assert answer.status_code == 503
                    assert answer.json()["error"]["code"] == "database_unavailable"
                    await asyncio.sleep(0.25)
                assert (await there.client.get("/healthz")).status_code == 200
                ready = await there.client.get("/readyz")
                assert ready.json()["error"]["message"] == "Not ready: database."
            await asyncio.sleep(0.5)
            looks = [await there.look(headers) for _ in range(QUIET_LOOKS)]
            print(f"\nquiet {quiet:.3f} s, away {slowest:.3f} s, after {percentile(looks):.3f} s")
            assert slowest < 6
            assert percentile(looks) <= 3 * quiet + 0.05

    asyncio.run(go())
