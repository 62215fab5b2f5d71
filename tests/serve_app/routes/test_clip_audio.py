"""Listening to a clip: real worker, database, store and HTTP application; only Ray is left out."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import soundfile

from pipelines.audio.appending import streamed
from pipelines.audio.containers import FORMATS
from pipelines.protocol import Segment
from serve_app.db.models import ClipState, User
from serve_app.http.clip_stream import StreamInterrupted
from serve_app.jobs import claiming, queue
from serve_app.media import frames
from serve_app.routes import clip_audio
from tests.postgres import Postgres
from tests.serve_app.actions import events_of, must_claim, result_of, succeed
from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.listener import Listener, listening
from tests.serve_app.worker_harness import WorkerHarness
from tests.waiting import until_on_loop

TIMEOUT = 20


class Stage:
    """A harness whose user listens over HTTP, and whose later segments wait for `go_on`."""

    def __init__(self, harness: WorkerHarness) -> None:
        # What this is about does not hang on leases, which a busy machine might lose.
        harness.settings = harness.settings.model_copy(update={"lease_seconds": 30})
        self.harness = harness
        self.api = Api(harness.settings, harness.database, harness.store)
        self.headers: Headers = self.api.sign_up("listener@example.com")
        me = self.api.client.get("/api/me", headers=self.headers).json()
        with harness.database.reading() as session:
            harness.user = session.get_one(User, me["id"])
        self.go_on = asyncio.Event()
        self.errors: list[Exception] = []
        harness.stages.before = self._before

    async def _before(self, segment: Segment) -> None:
        if segment.index > 0:
            await asyncio.wait_for(self.go_on.wait(), TIMEOUT)
            if self.errors:
                raise self.errors.pop()

    def path(self, clip_id: str) -> str:
        return f"/api/clips/{clip_id}/audio"

    @asynccontextmanager
    async def listening(self, clip_id: str) -> AsyncIterator[Listener]:
        async with listening(self.api, self.headers, self.path(clip_id), "stream=1") as listener:
            yield listener

    def stored(self, clip_id: str) -> bytes:
        return self.harness.store.get(self.harness.clip(clip_id).s3_key or "")

    def heard(self, clip_id: str) -> bytes:
        """The audio that a request for the stream of a finished clip is redirected to."""
        return self.led_to(clip_id, {"stream": 1})

    def led_to(self, clip_id: str, params: dict[str, int]) -> bytes:
        answer = self.api.client.get(
            self.path(clip_id), headers=self.headers, params=params, follow_redirects=False
        )
        assert answer.status_code == 307, answer.text
        return httpx.get(answer.headers["Location"]).content

    async def until_ended(self, clip_id: str) -> None:
        await until_on_loop(self.harness.ended(clip_id), TIMEOUT, "the clip has ended")


@pytest.fixture
def stage(harness: WorkerHarness) -> Stage:
    return Stage(harness)


@pytest.mark.parametrize("format_name", FORMATS)
def test_get_audio_streams_while_the_clip_is_generated(stage: Stage, format_name: str) -> None:
    clip_id = stage.harness.submit(format_name=format_name)

    async def listen() -> bytes:
        async with stage.listening(clip_id) as listener:
            async with stage.harness.working():
                await until_on_loop(lambda: len(listener.body) > 1_000, TIMEOUT, "audio is sent")
                assert stage.harness.clip(clip_id).state is ClipState.PENDING
                stage.go_on.set()
                await listener.end()
            assert (listener.status, listener.whole) == (200, True)
            assert listener.headers["content-type"] == FORMATS[format_name].content_type
            assert "content-length" not in listener.headers
            return listener.body

    body, stored = asyncio.run(listen()), stage.stored(clip_id)
    assert body == streamed(stored, FORMATS[format_name].container)
    assert stage.heard(clip_id) == stored
    assert soundfile.info(io.BytesIO(stored)).duration == pytest.approx(
        stage.harness.clip(clip_id).audio_seconds, abs=1e-3
    )
    assert [
        each.kind for each in events_of(stage.harness.database, stage.harness.clip(clip_id))
    ] == [
        "queued",
        "started",
        "finished",
    ]


def test_get_audio_gives_the_first_bytes_of_a_pending_clip_alone(stage: Stage) -> None:
    """What Safari asks before it plays anything."""
    clip_id = stage.harness.submit()

    async def ask() -> httpx.Response:
        async with stage.harness.working(), stage.listening(clip_id) as listener:
            await listener.until_body(b"RIFF")
            transport = httpx.ASGITransport(stage.api.app)
            headers = {**stage.headers, "Range": "bytes=0-1"}
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                answer = await client.get(f"{stage.path(clip_id)}?stream=1", headers=headers)
            assert stage.harness.clip(clip_id).state is ClipState.PENDING
            stage.go_on.set()
            await listener.end()
            return answer

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.content) == (206, b"RI")
    assert answer.headers["content-range"] == "bytes 0-1/*"
    assert answer.headers["content-type"] == FORMATS["wav"].content_type


@pytest.mark.parametrize("header", ["", "bytes=0-", "bytes=2-5", "bytes=-2", "bytes=0-1,3-4"])
def test_first_bytes_of_any_other_range_are_the_whole_stream(header: str) -> None:
    assert clip_audio.first_bytes(header) is None


def test_get_audio_streams_to_whoever_comes_later_from_the_start(stage: Stage) -> None:
    clip_id = stage.harness.submit()
    elsewhere = Api(stage.harness.settings, stage.harness.database, stage.harness.store)

    async def listen() -> tuple[bytes, bytes]:
        async with stage.harness.working(), stage.listening(clip_id) as first:
            await first.until_body(b"RIFF")
            path = stage.path(clip_id)
            async with listening(elsewhere, stage.headers, path, "stream=1") as second:
                await second.until_body(b"RIFF")
                assert stage.harness.clip(clip_id).state is ClipState.PENDING
                stage.go_on.set()
                await first.end()
                await second.end()
                return first.body, second.body

    first, second = asyncio.run(listen())
    assert first == second == streamed(stage.stored(clip_id), "WAV")


def test_get_audio_stream_breaks_off_on_a_new_attempt(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    clip_id = stage.harness.submit(format_name="flac")
    stage.errors.append(RuntimeError("once"))

    async def listen() -> bytes:
        async with stage.listening(clip_id) as listener:
            async with stage.harness.working():
                await listener.until_body(b"fLaC")
                stage.go_on.set()
                with pytest.raises(StreamInterrupted):
                    await listener.end()
                await stage.until_ended(clip_id)
            return listener.body

    body = asyncio.run(listen())
    clip = stage.harness.clip(clip_id)
    assert (clip.state, clip.attempts) == (ClipState.SUCCEEDED, 2)
    stored = stage.stored(clip_id)
    assert 0 < len(body) < len(stored) == len(stage.heard(clip_id))
    assert any(stored[22:42]), "the file states its length"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_get_audio_stream_goes_on_while_the_database_is_away(
    stage: Stage, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    clip_id = stage.harness.submit()

    async def listen() -> bytes:
        async with stage.harness.working(), stage.listening(clip_id) as listener:
            await listener.until_body(b"RIFF")
            heard, away = len(listener.body), postgres.away()
            await asyncio.to_thread(away.__enter__)
            stage.go_on.set()
            await until_on_loop(lambda: len(listener.body) > heard, TIMEOUT, "more is heard")
            assert not listener.whole, "it is not charged yet"
            await asyncio.to_thread(away.__exit__, None, None, None)
            await listener.end(60)
            return listener.body

    assert asyncio.run(listen()) == streamed(stage.stored(clip_id), "WAV")
    assert stage.harness.balance() == 9_950


def test_get_audio_stream_breaks_off_on_cancellation(stage: Stage) -> None:
    clip_id = stage.harness.submit()

    async def listen() -> None:
        async with stage.listening(clip_id) as listener:
            async with stage.harness.working():
                await listener.until_body(b"RIFF")
                stage.harness.cancel(clip_id)
                with pytest.raises(StreamInterrupted):
                    await listener.end()
            assert not listener.whole

    asyncio.run(listen())


def test_get_audio_stream_that_lags_behind_ends_with_the_stored_file(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window of the worker is too small for its audio, and the listener was slow."""
    monkeypatch.setattr("serve_app.media.live_audio.WINDOW_BYTES", 1_000)
    clip_id = stage.harness.submit(format_name="mp3")

    async def listen() -> bytes:
        async with stage.harness.working(), stage.listening(clip_id) as listener:
            await until_on_loop(lambda: len(stage.harness.stages.rendered) == 1, TIMEOUT, "a part")
            stage.go_on.set()
            await listener.end()
            return listener.body

    assert asyncio.run(listen()) in (
        stage.stored(clip_id),
        streamed(stage.stored(clip_id), "MP3"),
    )


def test_get_audio_stream_leaves_a_worker_that_stands_still(sqlite_api: Api) -> None:
    """It takes connections and says nothing, while another worker has the clip, and succeeds."""
    api, headers = sqlite_api, sqlite_api.sign_up()
    clip = api.speak(headers)

    async def listen() -> bytes:
        async def nothing(_: list[str], __: asyncio.StreamWriter) -> None:
            heard.set()
            await asyncio.Event().wait()

        heard = asyncio.Event()
        server, address = await frames.serve(nothing, "127.0.0.1")
        with api.database.transaction() as session:
            claiming.claim(session, api.settings, api.now, maker=address)
        path = f"/api/clips/{clip['id']}/audio"
        async with listening(api, headers, path, "stream=1") as listener:
            await asyncio.wait_for(heard.wait(), TIMEOUT)
            later = api.now + 2 * api.settings.lease_seconds
            claimed = must_claim(api.database, later)
            api.store.put(result_of(claimed), bytes(1_000), "audio/wav")
            assert succeed(api.database, claimed, later)
            await listener.end()
            server.close()
            return listener.body

    assert asyncio.run(listen()) == bytes(1_000)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_get_audio_without_audio_says_why(api: Api, end: str) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)
    path = f"/api/clips/{clip['id']}/audio"
    not_yet = error_of(api.client.get(path, headers=headers), 409)
    assert not_yet["code"] == "clip_not_ready"

    def end_it() -> None:
        if end == "cancelled":
            api.client.delete(f"/api/clips/{clip['id']}", headers=headers)
            return
        with api.database.transaction() as session:
            (claim,) = claiming.claim(session, api.settings, api.now)
            queue.fail(session, clip["id"], claim.token, "model_failed", "No luck.", api.now)

    async def listen() -> tuple[int, bytes]:
        async with listening(api, headers, path, "stream=1") as listener:
            await asyncio.sleep(0.2)
            end_it()
            await listener.end()
            return listener.status, listener.body

    status, body = asyncio.run(listen())
    assert (status, json.loads(body)["error"]["code"]) == (409, f"clip_{end}")
    for stream in (0, 1):
        answer = api.client.get(path, headers=headers, params={"stream": stream})
        error = error_of(answer, 409)
        assert error["code"] == f"clip_{end}"
        assert ("No luck." in error["message"]) == (end == "failed")


def test_get_audio_of_a_finished_clip_redirects(stage: Stage) -> None:
    clip_id = stage.harness.submit()
    stage.go_on.set()
    stage.harness.run(stage.harness.ended(clip_id))
    for params in ({}, {"stream": 1}):
        assert stage.led_to(clip_id, params) == stage.stored(clip_id)


def test_get_audio_stream_ends_when_the_client_disconnects(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    clip = sqlite_api.speak(headers)

    async def leave() -> None:
        path = f"/api/clips/{clip['id']}/audio"
        async with listening(sqlite_api, headers, path, "stream=1") as listener:
            await asyncio.sleep(0.2)
            assert not listener.task.done()
            listener.disconnect()
            await listener.end(5 * sqlite_api.settings.poll_seconds + 1)

    asyncio.run(leave())
    assert sqlite_api.clip(headers, clip["id"])["state"] == "pending", "it was asked for as a clip"


def test_get_audio_of_another_user_is_404(api: Api) -> None:
    ada, bob = api.sign_up(), api.sign_up("bob@example.com")
    path = f"/api/clips/{api.speak(ada)['id']}/audio"
    for params in ({}, {"stream": 1}):
        error = error_of(api.client.get(path, headers=bob, params=params), 404)
        assert error["code"] == "clip_not_found"
    error = error_of(api.client.get(path, headers=ada, params={"stream": "maybe"}), 422)
    assert (error["field"], error["message"]) == ("stream", "stream must be true or false.")
