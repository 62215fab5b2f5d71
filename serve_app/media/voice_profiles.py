"""What a user keeps about a voice: settings for speech without any, a description, labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serve_app.accounts.credits import lock_account
from serve_app.db.models import VoiceProfile


def about(session: Session, user_id: str, voice: str) -> dict[str, Any]:
    """What is kept about one voice, by the name of a shipped one or the id of one's own."""
    found = session.get(VoiceProfile, (user_id, voice))
    return dict(found.about) if found is not None else {}


def about_all(session: Session, user_id: str) -> dict[str, dict[str, Any]]:
    """The same of all voices."""
    kept = select(VoiceProfile.voice, VoiceProfile.about).where(VoiceProfile.user_id == user_id)
    return {voice: dict(what) for voice, what in session.execute(kept)}


def keep(session: Session, user_id: str, voice: str, what: Mapping[str, Any]) -> None:
    """Adds to what is kept about a voice that exists; what has the same name is replaced."""
    lock_account(session, user_id)
    together = {**about(session, user_id, voice), **what}
    session.merge(VoiceProfile(user_id=user_id, voice=voice, about=together))


def forget(session: Session, user_id: str, voice: str) -> None:
    """For a voice that is deleted."""
    session.execute(
        delete(VoiceProfile).where(VoiceProfile.user_id == user_id, VoiceProfile.voice == voice)
    )
