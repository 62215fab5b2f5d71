"""A user's own voices: recordings that conversion, or speech, takes its voice from.

A voice keeps a copy of its recording, so its upload may be deleted. A row with `deleted_at` is
hidden from the user, and the sweep removes it and its object from that time on. A deletion sets it
to now; a voice that is being created has it some time ahead, until its object is stored.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np
from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from pipelines.audio.containers import FORMATS, Encoder
from pipelines.audio.decoding import decode
from pipelines.audio.recording import SHORTEST_SECONDS, Recording, at_rate
from pipelines.audio.speech_check import check_speech
from pipelines.protocol import InvalidInput
from pipelines.voices.shipped_voices import Catalogue
from serve_app.accounts.credits import lock_account
from serve_app.db.engine import Database
from serve_app.db.models import PENDING, Clip, Voice
from serve_app.errors import ApiError, invalid, not_found
from serve_app.ids import is_id, new_id
from serve_app.media import uploads, voice_profiles
from serve_app.media.pipeline_requests import REFERENCE
from serve_app.media.removals import PAGE_SIZE, Position, Removals
from serve_app.storage import feature_cache
from serve_app.storage.store import ObjectStore

PREFIX = "voices/"
SHIPPED = "shipped:"
"""Prefix of the location of a shipped voice's recording, in place of an object key."""
SECONDS = (1.0, 30.0)
"""Shortest and longest recording of a voice."""
MAX_NAME_LENGTH = 100
BLENDING = {":", "+"}
"""Characters of the notation of blends."""
MAKING_SECONDS = 600.0
"""A voice that is not complete this long after its creation began was interrupted."""
_CONTENT = FORMATS["flac"]


def clean_name(name: str, shipped: Catalogue) -> str:
    """The name as it is stored. Raises ApiError 422 for an unusable name and for that of a shipped
    voice."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(cleaned) <= MAX_NAME_LENGTH:
        raise invalid("name", f"name must have 1 to {MAX_NAME_LENGTH} characters.")
    if not cleaned.isprintable() or set(cleaned) & BLENDING:
        raise invalid("name", "name must have no control characters, no `:` and no `+`.")
    taken = {name for voice in shipped.voices for name in (voice.name, *voice.aliases)}
    if cleaned.casefold() in {name.casefold() for name in taken}:
        raise invalid("name", f"{cleaned} is the name of a voice that is there for everyone.")
    return cleaned


def require_room(session: Session, user_id: str, name: str, max_voices: int) -> None:
    """Raises ApiError 409 `voice_exists` where the user has a voice of that name, and
    `too_many_voices` where the user has `max_voices`."""
    if find_own(session, user_id, name) is not None:
        raise _exists(name)
    count = select(func.count()).where(Voice.user_id == user_id, Voice.deleted_at.is_(None))
    if session.scalars(count).one() >= max_voices:
        message = f"An account may have {max_voices} voices. Delete one first."
        raise ApiError(409, "too_many_voices", message)


def create(
    database: Database,
    store: ObjectStore,
    user_id: str,
    name: str,
    recording: Recording,
    max_voices: int,
    now: float,
) -> Voice:
    """Stores a recording as a voice. Raises ApiError 409 as `require_room`, and InvalidInput where
    it holds no usable speech.

    The hidden row comes first, then the object, then the row is shown: the sweep removes an
    interrupted creation.
    """
    check_speech(recording, "upload")
    content = _encoded(recording)
    voice_id = new_id()
    voice = Voice(
        id=voice_id,
        user_id=user_id,
        name=name,
        s3_key=f"{PREFIX}{voice_id}.{_CONTENT.extension}",
        seconds=recording.seconds,
        created_at=now,
        deleted_at=now + MAKING_SECONDS,
    )
    with database.transaction() as session:
        require_room(session, user_id, name, max_voices)
        session.add(voice)
    store.put(voice.s3_key, content, _CONTENT.content_type)
    try:
        with database.transaction() as session:
            lock_account(session, user_id)
            require_room(session, user_id, name, max_voices)
            made = session.get_one(Voice, voice_id)
            made.deleted_at = None
    except ApiError:
        # A concurrent request took the name or the last place.
        remove(database, store, voice)
        raise
    return made


def from_files(files: Iterable[bytes], field: str, longest_seconds: float) -> Recording:
    """The recording of a voice from several files: one after the other, cut at the longest that a
    voice may have. Raises InvalidInput for `field` where one cannot be read, or all are too
    short."""
    parts: list[Recording] = []
    for data in files:
        if sum(part.seconds for part in parts) >= SECONDS[1]:
            break
        parts.append(decode(data, field, longest_seconds, SHORTEST_SECONDS))
    rate = parts[0].sample_rate
    joined = np.concatenate([at_rate(part, rate) for part in parts])
    whole = Recording(joined[: round(SECONDS[1] * rate)], rate)
    if whole.seconds < SECONDS[0]:
        message = f"The {field} recordings must last {SECONDS[0]:g} second or more together."
        raise InvalidInput(field, message)
    return whole


def find_own(session: Session, user_id: str, name: str) -> Voice | None:
    """The user's voice of that name."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned.isprintable():
        return None  # no voice has such a name, and PostgreSQL accepts no NUL in a query
    query = select(Voice).where(
        Voice.user_id == user_id, Voice.name == cleaned, Voice.deleted_at.is_(None)
    )
    return session.scalars(query).one_or_none()


def reference(session: Session, user_id: str, name: str, shipped: Catalogue) -> str:
    """The location of the recording of a voice, own or shipped. Raises ApiError 422 `unknown_voice`
    for others, including blends."""
    if (own := find_own(session, user_id, name)) is not None:
        return own.s3_key
    if (voice := shipped.named(name)) is not None:
        return f"{SHIPPED}{voice.name}"
    raise invalid(
        "voice",
        f"There is no voice {name[:40]!r} that has a recording: name one of your own "
        "(POST /api/voices) or one that ships, not a blend.",
        "unknown_voice",
    )


def read_reference(store: ObjectStore, location: str, field: str, shipped: Catalogue) -> Recording:
    """The recording at a location from `reference`. Raises InvalidInput, StoreError."""
    shortest, longest = SECONDS
    if location.startswith(SHIPPED):
        voice = shipped.named(location.removeprefix(SHIPPED))
        if voice is None:
            raise InvalidInput(field, "This voice does not ship any more.", "unknown_voice")
        return decode(shipped.recording(voice).read_bytes(), field, longest, shortest)
    return uploads.fetch(store, location, field, longest, shortest)


def list_own(session: Session, user_id: str) -> list[Voice]:
    """The user's voices, newest first."""
    query = select(Voice).where(Voice.user_id == user_id, Voice.deleted_at.is_(None))
    return list(session.scalars(query.order_by(Voice.created_at.desc(), Voice.id.desc())))


def rename(session: Session, user_id: str, voice_id: str, name: str) -> Voice:
    """Gives a voice another name, which `clean_name` returned. Clips keep the name that they were
    made under. Raises ApiError 404 `voice_not_found`, and 409 `voice_exists`."""
    lock_account(session, user_id)
    voice = find(session, user_id, voice_id, lock=True)
    other = find_own(session, user_id, name)
    if other is not None and other.id != voice.id:
        raise _exists(name)
    voice.name = name
    session.flush()
    return voice


def find(session: Session, user_id: str, voice_id: str, lock: bool = False) -> Voice:
    """A voice of the user. Raises ApiError 404 `voice_not_found` for unknown, deleted and foreign
    voices alike."""
    own = select(Voice).where(
        Voice.id == voice_id, Voice.user_id == user_id, Voice.deleted_at.is_(None)
    )
    if lock:
        own = own.with_for_update()
    voice = session.scalars(own).one_or_none() if is_id(voice_id) else None
    if voice is None:
        raise not_found("voice")
    return voice


def delete(session: Session, user_id: str, voice_id: str, now: float) -> Voice:
    """Hide a voice; the sweep removes it, once no pending clip needs it. 404 `voice_not_found` for
    an unknown, deleted or foreign voice alike."""
    # Locked, because a concurrent deletion may remove it at once.
    voice = find(session, user_id, voice_id, lock=True)
    voice.deleted_at = now
    voice_profiles.forget(session, user_id, voice_id)
    session.flush()
    return voice


_IN_USE = (
    select(Clip.id)
    .where(
        PENDING,
        Clip.user_id == Voice.user_id,
        Clip.options[REFERENCE].as_string() == Voice.s3_key,
    )
    .exists()
)


def remove(database: Database, store: ObjectStore, voice: Voice) -> None:
    """Removes a hidden voice: the cached features of its recording, the recording, and the row.
    Raises StoreError."""
    with suppress(InvalidInput):  # the recording is gone already
        recording = uploads.fetch(store, voice.s3_key, "voice", 2 * SECONDS[1], 0)
        feature_cache.purge(store, recording.digest())
    store.delete(voice.s3_key)
    with database.transaction() as session:
        session.execute(
            sql_delete(Voice).where(Voice.id == voice.id, Voice.deleted_at.is_not(None))
        )


def sweep(
    database: Database,
    store: ObjectStore,
    clock: Callable[[Session], float],
    removals: Removals,
) -> None:
    """Removes hidden voices that no pending clip needs."""
    place = tuple_(Voice.deleted_at, Voice.id)

    def page(after: Position) -> list[Voice]:
        with database.reading() as session:
            due = select(Voice).where(
                Voice.deleted_at <= clock(session), place > tuple_(*after), ~_IN_USE
            )
            oldest_first = due.order_by(Voice.deleted_at, Voice.id)
            return list(session.scalars(oldest_first.limit(PAGE_SIZE)))

    removals.each(
        "voice",
        page,
        lambda voice: (voice.deleted_at or 0.0, voice.id),
        lambda voice: remove(database, store, voice),
    )


def _exists(name: str) -> ApiError:
    message = f"You have a voice named {name} already. Choose another name, or delete that one."
    return ApiError(409, "voice_exists", message, "name")


def _encoded(recording: Recording) -> bytes:
    """The recording as mono FLAC, at its own rate where the format allows it."""
    rate = recording.sample_rate
    sink = io.BytesIO()
    kept = rate if rate in _CONTENT.sample_rates else max(_CONTENT.sample_rates)
    encoder = Encoder(sink, "flac", rate, kept)
    encoder.write(recording.mono())
    encoder.close()
    return sink.getvalue()
