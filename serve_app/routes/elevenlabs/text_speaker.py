"""Speaks text that comes in pieces over a WebSocket.

A piece of the text becomes a clip as soon as there is enough of it: the first by the schedule, and
each that follows when the one before it is made, with all that has come meanwhile. So whoever sends
faster than is spoken gets few clips, each of which costs and counts as any other.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from pipelines.protocol import InvalidInput
from serve_app.db.models import User
from serve_app.endings import end
from serve_app.errors import ApiError, invalid
from serve_app.http.app_state import AppState
from serve_app.http.relay import PATIENCE_SECONDS
from serve_app.http.socket_window import ACKNOWLEDGES, WINDOW, SocketWindow, size
from serve_app.http.surface_calls import SurfaceCall
from serve_app.routes.elevenlabs.socket_messages import Message, Options
from serve_app.routes.elevenlabs.speech import SpeechBody, call_of
from serve_app.routes.elevenlabs.text_pieces import TextPieces
from serve_app.routes.elevenlabs.times import chunk_times, times_of

Json = dict[str, Any]


MAX_AHEAD = 64
"""Messages that may wait while the client does not read what it is sent, of a window's size in all
where they are several."""


class Line:
    """One connection: who is at its other end, and whether they still are."""

    def __init__(
        self, websocket: WebSocket, state: AppState, user: User, voice_id: str, options: Options
    ) -> None:
        self.state, self.user = state, user
        self.voice_id, self.options = voice_id, options
        self.gone = False
        self.working = 0
        """Pieces that are being spoken."""
        self._websocket = websocket
        self._window = SocketWindow(ACKNOWLEDGES in websocket.headers)
        self._arrived: deque[Json] = deque()
        self._news = asyncio.Event()
        self._end: Exception | None = None
        self._reading = asyncio.create_task(self._read())

    async def is_disconnected(self) -> bool:
        return self.gone

    @property
    def headers(self) -> dict[str, str]:
        """Those of a call by itself: nothing of the connection tells its clips apart."""
        return {}

    async def send(self, message: Json) -> None:
        """Waits for room in the window. Raises WebSocketDisconnect, and ApiError where the client
        reads nothing for `PATIENCE_SECONDS` or sends too much meanwhile."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.until(lambda: self._window.is_open)
        except TimeoutError:
            error = f"Nothing of the audio was read for {PATIENCE_SECONDS:g} seconds."
            raise ApiError(408, "audio_not_read", error) from None
        text = json.dumps(message)
        self._window.sent(len(text))
        self.tell()
        await self._websocket.send_text(text)

    async def receive(self) -> Json:
        """The next ASGI message. It is not lost where this is cancelled. Raises
        WebSocketDisconnect."""
        await self.until(lambda: bool(self._arrived))
        found = self._arrived.popleft()
        self.tell()
        return found

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something of which `tell` gives notice. Raises WebSocketDisconnect where the
        other end goes meanwhile. One message is read ahead: who has sent more has to wait for what
        is spoken."""
        while not holds():
            if self._end is not None:
                raise self._end
            await self._news.wait()

    def tell(self) -> None:
        """Something has changed for which `until` may be waiting."""
        self._news.set()
        self._news = asyncio.Event()

    async def leave(self, tasks: Iterable[asyncio.Task[None]] = ()) -> None:
        """Nothing is read or spoken any more: ends these tasks, and its own."""
        self.gone = True
        await end([self._reading, *tasks])

    async def _read(self) -> None:
        while self._end is None:
            found = dict(await self._websocket.receive())
            if found["type"] == "websocket.disconnect":
                self._end = WebSocketDisconnect()
            elif not self._window.took(found):
                self._arrived.append(found)
            ahead = sum(size(each) for each in self._arrived)
            if len(self._arrived) > MAX_AHEAD or (len(self._arrived) > 1 and ahead > WINDOW):
                error = "More is sent than is spoken, while nothing of the audio is read."
                self._end = ApiError(400, "audio_not_read", error)
            self.tell()
            # With a closed window an acknowledgement is to be found among the messages.
            await self.until(lambda: not self._arrived or not self._window.is_open)


class Speaker:
    """Speaks the text of one context, whose id all its messages name, if it has one."""

    def __init__(self, line: Line, first: Message, context: str | None = None) -> None:
        """Raises what is wrong with the first message."""
        self._line = line
        self._context = {} if context is None else {"contextId": context}
        self._body: SpeechBody = line.options.body(first)
        self._most = line.state.settings.max_text_characters
        auto = line.options.auto_mode
        self._pieces = TextPieces(self._most, first.schedule(), by_sentence=auto)
        self._named = False
        self._news = asyncio.Event()
        self.ended = False

    async def take_in(self, message: Message) -> None:
        """Adds the text of a message. Waits while there is more than one clip may have. Raises
        ApiError where the message has more."""
        text = message.text or ""
        if len(text) > self._most:
            raise invalid("text", f"text must have at most {self._most} characters in a message.")
        line = self._line
        await line.until(lambda: len(self._pieces) <= self._most or line.gone)
        self._pieces.add(text)
        if message.flush:
            self._pieces.flush()
        self._news.set()

    def end(self) -> None:
        """No more text comes: what is there is spoken."""
        self.ended = True
        self._pieces.flush()
        self._news.set()

    async def run(self) -> None:
        """Until the end of the text. Raises what is wrong with it."""
        while not self._line.gone:
            self._news.clear()
            piece = self._pieces.take()
            self._line.tell()
            if piece is not None:
                await self._speak(piece)
            elif self.ended:
                await self._line.send({"audio": None, "isFinal": True, **self._context})
                return
            else:
                await self._news.wait()

    async def _speak(self, piece: str) -> None:
        """The audio of one piece. Where there is nothing to say in it, there is none."""
        self._line.working += 1
        try:
            await self._say(piece)
        except InvalidInput as error:
            if error.code != "nothing_to_say":
                raise ApiError(422, error.code, error.message, error.field) from error
        finally:
            self._line.working -= 1

    async def _say(self, text: str) -> None:
        """The last message has the times, which count from the start of the piece."""
        line, options = self._line, self._line.options
        call = call_of(
            line.state,
            line.user,
            line,
            self._body.model_copy(update={"text": text}),
            line.voice_id,
            options.output_format,
            secrets.token_hex(32),
            logged=options.enable_logging,
            live=True,
            literal=not options.enable_ssml_parsing,
        )
        held: bytes | None = None
        async with aclosing(await call.begin()) as blocks:
            async for block in blocks:
                if held is not None:
                    await line.send(self._audio(held, call))
                held = block
        if held is not None and not line.gone:
            found = chunk_times(await times_of(call)) if options.sync_alignment else {}
            await line.send(self._audio(held, call) | found)

    def _audio(self, block: bytes, call: SurfaceCall) -> Json:
        told: Json = {
            "audio": base64.b64encode(block).decode(),
            "isFinal": None,
            "alignment": None,
            "normalizedAlignment": None,
            **self._context,
        }
        if call.ignored and not self._named:
            told["ignored"] = list(call.ignored)
        self._named = True
        return told
