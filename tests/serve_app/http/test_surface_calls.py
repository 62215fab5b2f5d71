"""Calls of other services' clients over a real database and store, without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState, User
from serve_app.errors import ApiError
from serve_app.http.app_state import AppState
from serve_app.http.schemas.submissions import Speech
from serve_app.http.submission import Submission
from serve_app.http.surface_calls import SurfaceCall
from serve_app.http.wait_slots import MAX_WAITING_PER_USER
from serve_app.media.clips import NewClip
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import make_user, must_claim, result_of, succeed
from tests.serve_app.api_harness import Api


class Caller:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.gone = False

    async def is_disconnected(self) -> bool:
        return self.gone


class Surface:
    def __init__(self, api: Api) -> None:
        self.database, self.store = api.database, api.store
        self.state: AppState = api.app.state.bernie
        self.user: User = make_user(api.database)

    def call(self, caller: Caller, text: str = "Hello.") -> SurfaceCall:
        wanted = Speech(text=text, voice="af_heart")
        submission = Submission(self.state, self.user, "speech", wanted, None)
        submission.fingerprint = text
        options = {"format": "wav", "sample_rate": None, "seed": 1, "speed": 1.0}
        make = partial(NewClip, "styletts2", text, "af_heart", None, options, 50)
        return SurfaceCall(
            self.state, self.user, caller, submission, self.state.work.texts, make, live=True
        )

    def clips(self) -> int:
        with self.database.reading() as session:
            return session.scalars(select(func.count()).select_from(Clip)).one()

    def clip(self, clip_id: str) -> Clip:
        with self.database.reading() as session:
            return session.get_one(Clip, clip_id)


@pytest.fixture
def surface(api_settings: Settings, sqlite_database: Database, api_store: ObjectStore) -> Surface:
    return Surface(Api(api_settings, sqlite_database, api_store))


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 10))


def test_call_that_is_refused_a_place_has_no_clip(surface: Surface) -> None:
    """Two come together, and there is one place left."""

    async def test() -> None:
        with ExitStack() as others:
            for _ in range(MAX_WAITING_PER_USER - 1):
                others.enter_context(surface.state.wait_slots.hold(surface.user.id))
            begun = [surface.call(Caller(), text).begin() for text in ("One.", "Two.")]
            found = await asyncio.gather(*begun, return_exceptions=True)
        (refused,) = [each for each in found if isinstance(each, ApiError)]
        assert refused.code == "too_many_streams"
        assert surface.clips() == 1

    run(test)


def test_call_whose_place_is_taken_meanwhile_cancels_its_clip(surface: Surface) -> None:
    async def test() -> None:
        call = surface.call(Caller())
        blocks = await call.begin()
        with ExitStack() as others:
            for _ in range(MAX_WAITING_PER_USER):
                others.enter_context(surface.state.wait_slots.hold(surface.user.id))
            with pytest.raises(ApiError, match="Too many requests wait"):
                await anext(blocks)
        assert surface.clip(call.clip_id).state is ClipState.CANCELLED

    run(test)


def test_answer_stays_complete_where_its_end_cannot_be_recorded(
    surface: Surface, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("", {}, Exception("away"))

    monkeypatch.setattr(SurfaceCall, "_settle", away)

    async def test() -> None:
        call = surface.call(Caller())
        blocks = await call.begin()
        claimed = must_claim(surface.database)
        surface.store.put(result_of(claimed), bytes(1_000), "audio/wav")
        assert succeed(surface.database, claimed)
        assert [block async for block in blocks] == [bytes(1_000)]

    run(test)
    assert "the end of a call was not recorded (OperationalError)" in caplog.text


def test_clip_of_a_call_that_left_goes_on_for_its_repetition(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came while the end of the first was waiting for its turn."""
    settle = SurfaceCall._settle

    async def test() -> None:
        loop = asyncio.get_running_loop()
        leaving, joined = asyncio.Event(), asyncio.Event()

        def settle_later(self: SurfaceCall, *end: Any) -> None:
            if self is call:
                loop.call_soon_threadsafe(leaving.set)
                asyncio.run_coroutine_threadsafe(joined.wait(), loop).result(5)
            settle(self, *end)

        monkeypatch.setattr(SurfaceCall, "_settle", settle_later)
        first, second = Caller(), Caller()
        call, again = surface.call(first), surface.call(second)
        blocks = await call.begin()
        others = await again.begin()
        assert again.clip_id == call.clip_id
        first.gone = True
        left = asyncio.ensure_future(anext(blocks, None))
        await leaving.wait()
        hearing = asyncio.ensure_future(anext(others, None))
        await asyncio.sleep(0)
        joined.set()
        await left
        assert surface.clip(call.clip_id).state is ClipState.PENDING
        second.gone = True
        await hearing
        assert surface.clip(call.clip_id).state is ClipState.CANCELLED

    run(test)
