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
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from pipelines.protocol import InvalidInput
from serve_app.db.models import User
from serve_app.errors import ApiError, invalid
from serve_app.http.app_state import AppState
from serve_app.http.surface_calls import SurfaceCall
from serve_app.routes.elevenlabs.socket_messages import Message, Options
from serve_app.routes.elevenlabs.speech import SpeechBody, call_of
from serve_app.routes.elevenlabs.text_pieces import TextPieces
from serve_app.routes.elevenlabs.times import chunk_times, times_of

Json = dict[str, Any]


@dataclass(slots=True)
class Line:
    """One connection: who is at its other end, and whether they still are."""

    websocket: WebSocket
    state: AppState
    user: User
    voice_id: str
    options: Options
    gone: bool = False
    working: int = 0
    """Pieces that are being spoken."""
    _coming: asyncio.Task[Json] | None = field(init=False, default=None)

    async def is_disconnected(self) -> bool:
        return self.gone

    @property
    def headers(self) -> dict[str, str]:
        """Those of a call by itself: nothing of the connection tells its clips apart."""
        return {}

    async def send(self, message: Json) -> None:
        await self.websocket.send_text(json.dumps(message))

    async def receive(self) -> Json:
        """The next ASGI message. It is not lost where this is cancelled. Raises
        WebSocketDisconnect."""
        found = await asyncio.shield(self._next())
        if found["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        self._coming = None
        return found

    async def until(self, event: asyncio.Event) -> None:
        """Raises WebSocketDisconnect where the other end goes meanwhile. One message is read
        ahead: who has sent more has to wait for what is spoken."""
        waiting = asyncio.create_task(event.wait())
        try:
            coming = self._next()
            await asyncio.wait((waiting, coming), return_when=asyncio.FIRST_COMPLETED)
            if coming.done() and coming.result()["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            await waiting
        finally:
            waiting.cancel()

    async def leave(self) -> None:
        """Nothing is read or spoken any more."""
        self.gone = True
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)

    def _next(self) -> asyncio.Task[Json]:
        if self._coming is None:
            self._coming = asyncio.ensure_future(_message(self.websocket))
        return self._coming


async def _message(websocket: WebSocket) -> Json:
    return dict(await websocket.receive())


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
        self._room = asyncio.Event()
        self.ended = False

    async def take_in(self, message: Message) -> None:
        """Adds the text of a message. Waits while there is more than one clip may have. Raises
        ApiError where the message has more."""
        text = message.text or ""
        if len(text) > self._most:
            raise invalid("text", f"text must have at most {self._most} characters in a message.")
        while len(self._pieces) > self._most and not self._line.gone:
            self._room.clear()
            await self._line.until(self._room)
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
            self._room.set()
            piece = self._pieces.take()
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
