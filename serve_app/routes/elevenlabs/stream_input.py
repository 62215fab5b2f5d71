"""Text in pieces and speech back, over one WebSocket.

A piece of the text becomes a clip as soon as there is enough of it: the first by the schedule, and
each that follows when the one before it is made, with all that has come meanwhile. So whoever sends
faster than is spoken gets few clips, each of which costs and counts as any other.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from pipelines.protocol import InvalidInput
from serve_app.db.models import User
from serve_app.errors import ApiError, invalid
from serve_app.field_rules import between
from serve_app.http.access import authenticated, bearer_of
from serve_app.http.app_state import AppState
from serve_app.http.clip_stream import StreamInterrupted
from serve_app.http.schemas.common import ForeignBody
from serve_app.http.streaming import too_many_streams
from serve_app.http.surface_calls import SurfaceCall
from serve_app.http.surface_errors import slug_of
from serve_app.routes.elevenlabs.formats import DEFAULT, encoding
from serve_app.routes.elevenlabs.speech import SpeechBody, call_of
from serve_app.routes.elevenlabs.text_pieces import SCHEDULE, TextPieces
from serve_app.routes.elevenlabs.times import chunk_times, times_of

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/text-to-speech")

FIRST_MESSAGE_SECONDS = 10.0
"""Until the first message, which may hold the key."""
_SCHEDULE = (50, 500)
"""Characters that a piece of the schedule may have."""
_NORMAL, _POLICY, _ERROR = 1000, 1008, 1011
Json = dict[str, Any]


class Config(ForeignBody):
    chunk_length_schedule: list[Annotated[float, between(*_SCHEDULE)]] | None = None


class Message(ForeignBody):
    text: str | None = None
    flush: bool | None = None
    try_trigger_generation: bool | None = None
    voice_settings: Json | None = None
    generation_config: Config | None = None
    pronunciation_dictionary_locators: Any = None
    xi_api_key: str | None = None
    authorization: str | None = None


class Options(ForeignBody):
    """The parameters of the address."""

    model_id: str | None = None
    language_code: str | None = None
    apply_text_normalization: str | None = None
    output_format: str = DEFAULT
    inactivity_timeout: Annotated[float, between(1, 180)] = 20.0
    seed: Annotated[int, between(0, 2**32 - 1)] | None = None
    auto_mode: bool = False
    enable_ssml_parsing: bool = True
    enable_logging: bool = True
    sync_alignment: bool = True

    def body(self, first: Message) -> SpeechBody:
        """What is the same of all pieces."""
        asked: Json = {
            "model_id": self.model_id,
            "seed": self.seed,
            "language_code": self.language_code,
            "apply_text_normalization": self.apply_text_normalization,
            "voice_settings": first.voice_settings,
            "pronunciation_dictionary_locators": first.pronunciation_dictionary_locators,
        }
        return SpeechBody(text="-", **{k: v for k, v in asked.items() if v is not None})


@router.websocket("/{voice_id}/stream-input")
async def stream_input(websocket: WebSocket, voice_id: str) -> None:
    await websocket.accept()
    try:
        await _serve(websocket, voice_id)
        await _close(websocket, _NORMAL)
    except WebSocketDisconnect:
        return
    except ApiError as error:
        await _refuse(websocket, error)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        await _refuse(websocket, invalid(place, f"{place}: {error.errors()[0]['msg']}."))
    except StreamInterrupted:
        await _refuse(websocket, ApiError(503, "interrupted", "The audio broke off."), _ERROR)
    except Exception as error:  # noqa: BLE001 - told and logged, as UnexpectedErrors does for HTTP
        logger.error("%s in a WebSocket", type(error).__name__)  # noqa: TRY400
        message = "Something went wrong on our side."
        await _refuse(websocket, ApiError(500, "internal_error", message), _ERROR)


async def _serve(websocket: WebSocket, voice_id: str) -> None:
    state: AppState = websocket.app.state.bernie
    first = await _first_message(websocket)
    user = await _user(websocket, state, first)
    options = Options.model_validate(dict(websocket.query_params))
    encoding(options.output_format, True)
    most = state.settings.max_text_characters
    pieces = TextPieces(most, _schedule(first), by_sentence=options.auto_mode)
    session = _Session(websocket, state, user, voice_id, options.body(first), options, pieces)
    session.take_in(first)
    with state.wait_slots.hold(user.id) as has_room:
        if not has_room:
            raise too_many_streams()
        await session.run()


def _schedule(first: Message) -> tuple[int, ...]:
    given = first.generation_config.chunk_length_schedule if first.generation_config else None
    return tuple(map(round, given)) if given else SCHEDULE


async def _first_message(websocket: WebSocket) -> Message:
    try:
        return await asyncio.wait_for(_receive(websocket), FIRST_MESSAGE_SECONDS)
    except TimeoutError:
        raise ApiError(400, "input_timeout_exceeded", "No first message came.") from None


async def _receive(websocket: WebSocket) -> Message:
    """Raises WebSocketDisconnect, and what is wrong with the message."""
    try:
        return Message.model_validate(json.loads(await websocket.receive_text()))
    except (KeyError, json.JSONDecodeError) as error:
        raise ApiError(400, "invalid_message", "A message must be an object of JSON.") from error


async def _user(websocket: WebSocket, state: AppState, first: Message) -> User:
    headers = websocket.headers
    sent = headers.get("xi-api-key") or bearer_of(headers.get("authorization", ""))
    extra = first.model_extra or {}
    in_message = first.xi_api_key or extra.get("xi-api-key") or bearer_of(first.authorization or "")
    caller = await authenticated(state, sent or str(in_message or ""))
    caller.require("generate")
    return caller.user


async def _refuse(websocket: WebSocket, error: ApiError, code: int = _POLICY) -> None:
    slug = slug_of(error)
    told = {"message": error.message, "error": slug, "code": code}
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(json.dumps(told))
    await _close(websocket, code, slug)


async def _close(websocket: WebSocket, code: int, reason: str = "") -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(code, reason)


@dataclass(slots=True)
class _Session:
    """One connection. A task reads what comes; the session itself speaks."""

    websocket: WebSocket
    state: AppState
    user: User
    voice_id: str
    body: SpeechBody
    options: Options
    pieces: TextPieces
    _ended: bool = field(init=False, default=False)
    _gone: bool = field(init=False, default=False)
    _failed: Exception | None = field(init=False, default=None)
    _speaking: bool = field(init=False, default=False)
    _news: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _room: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _named: bool = field(init=False, default=False)

    def take_in(self, message: Message) -> None:
        """An empty text is the end. Raises ApiError where one message has too much text."""
        text = message.text or ""
        most = self.state.settings.max_text_characters
        if len(text) > most:
            raise invalid("text", f"text must have at most {most} characters in a message.")
        self.pieces.add(text)
        if message.text == "":
            self._ended = True
        if message.flush or self._ended:
            self.pieces.flush()
        self._news.set()

    async def run(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            while not self._gone:
                self._news.clear()
                self._room.set()
                piece = self.pieces.take()
                if piece is not None:
                    await self._speak(piece)
                elif self._failed is not None:
                    raise self._failed
                elif self._ended:
                    await self._send({"audio": None, "isFinal": True})
                    return
                else:
                    await self._news.wait()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _read(self) -> None:
        """Reads until the end of the text. Beyond what one clip may have, what comes waits."""
        try:
            while not self._ended:
                while len(self.pieces) > self.state.settings.max_text_characters:
                    self._room.clear()
                    await self._room.wait()
                self.take_in(await self._next_message())
            await self._until_gone()
        except WebSocketDisconnect:
            self._gone = True
        except (ApiError, ValidationError) as error:
            self._failed = error
        finally:
            self._news.set()

    async def _next_message(self) -> Message:
        silence = self.options.inactivity_timeout
        while True:
            try:
                return await asyncio.wait_for(_receive(self.websocket), silence)
            except TimeoutError:
                if self._speaking:
                    continue
                message = f"No text came for {silence:g} seconds."
                raise ApiError(400, "input_timeout_exceeded", message) from None

    async def _until_gone(self) -> None:
        while (await self.websocket.receive())["type"] != "websocket.disconnect":
            pass
        self._gone = True

    async def is_disconnected(self) -> bool:
        return self._gone

    @property
    def headers(self) -> dict[str, str]:
        """Those of a call by itself: nothing of the connection tells its clips apart."""
        return {}

    async def _speak(self, piece: str) -> None:
        """The audio of one piece; its last message has the times, which count from its start."""
        self._speaking = True
        try:
            await self._say(piece)
        except InvalidInput as error:
            if error.code != "nothing_to_say":
                raise ApiError(422, error.code, error.message, error.field) from error
        finally:
            self._speaking = False

    async def _say(self, text: str) -> None:
        body = self.body.model_copy(update={"text": text})
        call = call_of(
            self.state,
            self.user,
            self,
            body,
            self.voice_id,
            self.options.output_format,
            secrets.token_hex(32),
            logged=self.options.enable_logging,
            live=True,
            literal=not self.options.enable_ssml_parsing,
        )
        async with aclosing(await call.begin()) as blocks:
            held: bytes | None = None
            async for block in blocks:
                if held is not None:
                    await self._send(self._audio(held, call))
                held = block
        if held is not None and not self._gone:
            found = chunk_times(await times_of(call)) if self.options.sync_alignment else {}
            await self._send(self._audio(held, call) | found)

    def _audio(self, block: bytes, call: SurfaceCall) -> Json:
        told: Json = {
            "audio": base64.b64encode(block).decode(),
            "isFinal": None,
            "alignment": None,
            "normalizedAlignment": None,
        }
        if call.ignored and not self._named:
            told["ignored"] = list(call.ignored)
        self._named = True
        return told

    async def _send(self, message: Json) -> None:
        await self.websocket.send_text(json.dumps(message))
