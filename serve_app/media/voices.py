"""Voices of one's own: recordings that a conversion, or speech, takes its voice from.

A voice is kept as a copy of its recording, so that the upload it came from may go. A row with
`deleted_at` set is hidden from its user, and the sweep removes it with its object from that time
on: a deletion sets it to now, and a voice that is being made to a while later, until it is there.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipelines.audio.containers import FORMATS, Encoder
from pipelines.audio.decoding import decode
from pipelines.audio.recording import Recording
from pipelines.audio.speech_check import check_speech
from pipelines.protocol import InvalidInput
from pipelines.voices.shipped_voices import Catalogue
from serve_app.accounts.credits import lock_account
from serve_app.db.engine import Database
from serve_app.db.models import PENDING, Clip, Voice
from serve_app.errors import ApiError, invalid, not_found
from serve_app.ids import is_id, new_id
from serve_app.media import uploads
from serve_app.media.pipeline_requests import REFERENCE
from serve_app.storage import feature_cache
from serve_app.storage.store import ObjectStore

PREFIX = "voices/"
SHIPPED = "shipped:"
"""Instead of an object key: the recording of a voice that ships."""
SECONDS = (1.0, 30.0)
"""How long the recording of a voice may be."""
MAX_NAME_LENGTH = 100
SWEEP_BATCH_SIZE = 100
BLENDING = {":", "+"}
"""What blends of voices are written with."""
MAKING_SECONDS = 600.0
"""A voice that is not there so long after it was begun has lost its maker."""
_CONTENT = FORMATS["flac"]


def clean_name(name: str, shipped: Catalogue) -> str:
    """A name as it is kept. 422 where it cannot be one, or is that of a voice that ships."""
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
    """409 `voice_exists` where the user has a voice of that name, `too_many_voices` where they have
    as many as they may."""
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
    """Keep a recording as a voice. 409 as `require_room`, 422 where it holds no sound speech.

    The row comes first and hidden, then the object, then the row is shown: whatever is interrupted
    is swept away.
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
        # Another of that name, or the last that there was room for, was made meanwhile.
        remove(database, store, voice)
        raise
    return made


def find_own(session: Session, user_id: str, name: str) -> Voice | None:
    """The user's voice of that name."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned.isprintable():
        return None  # no voice has such a name, and PostgreSQL takes no NUL even to look for
    query = select(Voice).where(
        Voice.user_id == user_id, Voice.name == cleaned, Voice.deleted_at.is_(None)
    )
    return session.scalars(query).one_or_none()


def reference(session: Session, user_id: str, name: str, shipped: Catalogue) -> str:
    """Where the recording of a voice is, of the user's own or one that ships. 422 `unknown_voice`
    for others, blends among them."""
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
    """The recording at a place that `reference` gave. Raises InvalidInput, StoreError."""
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


def delete(session: Session, user_id: str, voice_id: str, now: float) -> Voice:
    """Hide a voice. The caller removes it unless it is `in_use`; else `sweep` does later. 404
    `voice_not_found` for an unknown, deleted or foreign voice alike."""
    own = select(Voice).where(
        Voice.id == voice_id, Voice.user_id == user_id, Voice.deleted_at.is_(None)
    )
    # Locked: whoever deletes it at the same time may remove it at once.
    own = own.with_for_update()
    voice = session.scalars(own).one_or_none() if is_id(voice_id) else None
    if voice is None:
        raise not_found("voice")
    voice.deleted_at = now
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


def in_use(session: Session, voice: Voice) -> bool:
    """Whether a pending clip is to be made in it."""
    return bool(session.scalars(select(_IN_USE).where(Voice.id == voice.id)).one())


def remove(database: Database, store: ObjectStore, voice: Voice) -> None:
    """Removes a hidden voice: what models found in its recording, the recording, and the row.
    Raises StoreError."""
    with suppress(InvalidInput):  # one that is not there any more
        recording = uploads.fetch(store, voice.s3_key, "voice", 2 * SECONDS[1], 0)
        feature_cache.purge(store, recording.digest())
    store.delete(voice.s3_key)
    with database.transaction() as session:
        session.execute(
            sql_delete(Voice).where(Voice.id == voice.id, Voice.deleted_at.is_not(None))
        )


def sweep(database: Database, store: ObjectStore, clock: Callable[[Session], float]) -> None:
    """Removes hidden voices that no pending clip needs. Raises StoreError."""
    with database.transaction() as session:
        due = select(Voice).where(Voice.deleted_at <= clock(session), ~_IN_USE)
        gone = list(session.scalars(due.order_by(Voice.deleted_at).limit(SWEEP_BATCH_SIZE)))
    for voice in gone:
        remove(database, store, voice)


def _exists(name: str) -> ApiError:
    message = f"You have a voice named {name} already. Choose another name, or delete that one."
    return ApiError(409, "voice_exists", message, "name")


def _encoded(recording: Recording) -> bytes:
    """As mono FLAC, at its own rate where the format has that."""
    rate = recording.sample_rate
    sink = io.BytesIO()
    kept = rate if rate in _CONTENT.sample_rates else max(_CONTENT.sample_rates)
    encoder = Encoder(sink, "flac", rate, kept)
    encoder.write(recording.mono())
    encoder.close()
    return sink.getvalue()
