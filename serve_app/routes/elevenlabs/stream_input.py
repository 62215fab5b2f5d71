"""Text in pieces and speech back, over a WebSocket: one text, or several under names."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from serve_app.db.models import User
from serve_app.errors import ApiError, invalid
from serve_app.http.access import authenticated, bearer_of
from serve_app.http.app_state import AppState
from serve_app.http.clip_stream import StreamInterrupted
from serve_app.http.streaming import too_many_streams
from serve_app.http.surface_errors import slug_of
from serve_app.http.wait_slots import WaitSlots
from serve_app.http.work import address_of
from serve_app.routes.elevenlabs.formats import encoding
from serve_app.routes.elevenlabs.socket_messages import Message, Options
from serve_app.routes.elevenlabs.text_speaker import Line, Speaker

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/text-to-speech")

FIRST_MESSAGE_SECONDS = 10.0
"""Until the first message of a connection that has no key yet."""
MAX_CONTEXTS = 5
_ESCAPED, _OTHER_CHARACTERS = 12, 4096
"""Characters of JSON that one of the text may be, and those beside the text."""
_NORMAL, _POLICY, _ERROR = 1000, 1008, 1011

Conversation = Callable[[Line, Message], Awaitable[None]]


@router.websocket("/{voice_id}/stream-input")
async def stream_input(websocket: WebSocket, voice_id: str) -> None:
    """One text, which an empty one ends."""
    await _answer(websocket, voice_id, _one_text)


@router.websocket("/{voice_id}/multi-stream-input")
async def multi_stream_input(websocket: WebSocket, voice_id: str) -> None:
    """Several texts at once, each a context with an id, until it is closed."""
    await _answer(websocket, voice_id, _several_texts)


async def _answer(websocket: WebSocket, voice_id: str, converse: Conversation) -> None:
    await websocket.accept()
    try:
        await _serve(websocket, voice_id, converse)
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


async def _serve(websocket: WebSocket, voice_id: str, converse: Conversation) -> None:
    state: AppState = websocket.app.state.bernie
    headers = websocket.headers
    token = headers.get("xi-api-key") or bearer_of(headers.get("authorization", ""))
    first = None
    if not token:
        address = address_of(websocket)
        await state.pace.wait(address)
        with _place(state.strangers, address):
            first = await _first_message(websocket, state, FIRST_MESSAGE_SECONDS)
        token = _key_in(first)
    user = await _user(state, token)
    options = Options.model_validate(dict(websocket.query_params))
    encoding(options.output_format, True)
    with _place(state.wait_slots, user.id):
        if first is None:
            first = await _first_message(websocket, state, options.inactivity_timeout)
        await converse(Line(websocket, state, user, voice_id, options), first)


@contextmanager
def _place(slots: WaitSlots, whose: str) -> Iterator[None]:
    """Holds a slot for the block. Raises ApiError 429 where there is none."""
    with slots.hold(whose) as has_room:
        if not has_room:
            raise too_many_streams()
        yield


def _key_in(first: Message) -> str:
    extra = first.model_extra or {}
    return str(first.xi_api_key or extra.get("xi-api-key") or bearer_of(first.authorization or ""))


async def _one_text(line: Line, first: Message) -> None:
    speaker = Speaker(line, first)

    async def read() -> None:
        message = first
        while True:
            await speaker.take_in(message)
            if message.text == "":
                break
            message = await _next_message(line)
        speaker.end()
        await _until_gone(line)

    await _until_one_ends({asyncio.create_task(read()), asyncio.create_task(speaker.run())}, line)


async def _several_texts(line: Line, first: Message) -> None:
    speakers: dict[str, Speaker] = {}
    tasks: set[asyncio.Task[None]] = set()

    async def speak(name: str, speaker: Speaker) -> None:
        await speaker.run()
        del speakers[name]

    async def read() -> None:
        message = first
        while not message.close_socket:
            name = message.context_id or "default"
            speaker = speakers.get(name)
            if speaker is None and not message.close_context and message.text:
                if len(speakers) == MAX_CONTEXTS:
                    text = f"There may be {MAX_CONTEXTS} contexts at a time. Close one first."
                    raise ApiError(400, "too_many_contexts", text)
                speaker = speakers[name] = Speaker(line, message, name)
                tasks.add(asyncio.create_task(speak(name, speaker)))
            if speaker is not None and not speaker.ended:
                await speaker.take_in(message)
                if message.close_context:
                    speaker.end()
            message = await _next_message(line)
        for speaker in speakers.values():
            speaker.end()

    reading = asyncio.create_task(read())
    tasks.add(reading)
    try:
        while tasks:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            tasks -= ended
            for task in ended:
                task.result()
    finally:
        await line.leave(tasks)


async def _until_one_ends(tasks: set[asyncio.Task[None]], line: Line) -> None:
    """Raises what the first of the tasks raised that ends."""
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        await line.leave(tasks)


async def _user(state: AppState, token: str) -> User:
    caller = await authenticated(state, token)
    caller.require("generate")
    return caller.user


async def _first_message(websocket: WebSocket, state: AppState, seconds: float) -> Message:
    try:
        found = await asyncio.wait_for(websocket.receive(), seconds)
    except TimeoutError:
        raise ApiError(400, "input_timeout_exceeded", "No first message came.") from None
    if found["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    return _read(found, state)


async def _next_message(line: Line) -> Message:
    """Raises WebSocketDisconnect, what is wrong with the message, and ApiError where none comes
    while nothing is spoken."""
    silence = line.options.inactivity_timeout
    while True:
        try:
            found = await asyncio.wait_for(line.receive(), silence)
        except TimeoutError:
            if not line.working:
                message = f"No text came for {silence:g} seconds."
                raise ApiError(400, "input_timeout_exceeded", message) from None
        else:
            await line.state.message_pace.wait(line.user.id)
            return _read(found, line.state)


def _read(found: Mapping[str, Any], state: AppState) -> Message:
    text = found.get("text") or ""
    most = _ESCAPED * state.settings.max_text_characters + _OTHER_CHARACTERS
    if len(text) > most:
        raise ApiError(413, "body_too_large", f"A message may have at most {most} characters.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid_message", "A message must be an object of JSON.") from error
    return Message.model_validate(content)


async def _until_gone(line: Line) -> None:
    while True:
        await line.receive()


async def _refuse(websocket: WebSocket, error: ApiError, code: int = _POLICY) -> None:
    slug = slug_of(error)
    told = {"message": error.message, "error": slug, "code": code}
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(json.dumps(told))
    await _close(websocket, code, slug)


async def _close(websocket: WebSocket, code: int, reason: str = "") -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(code, reason)
