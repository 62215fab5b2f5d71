"""When the words of a clip of speech are said, and captions made of it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pipelines.protocol import Word
from serve_app.db.models import Clip, ClipState
from serve_app.errors import ApiError
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.openapi import errors
from serve_app.http.schemas.clips import WordOut, WordsOut
from serve_app.http.work import reads
from serve_app.media import captions, clips, word_times

router = APIRouter(prefix="/api/clips", tags=["clips"])

_ERRORS = errors(401, 403, 404, 409)


@router.get("/{clip_id}/words", summary="When the words of a clip are said", responses=_ERRORS)
@reads
def get_words(clip_id: str, user: CurrentUser, state: StateDep) -> WordsOut:
    """The words of the text of a clip of speech that succeeded, in order."""
    clip, words = _words(state, user.id, clip_id)
    text = clip.text or ""
    return WordsOut(
        seconds=clip.audio_seconds or 0.0,
        words=[
            WordOut(
                text=text[word.begin : word.end],
                begin=word.begin,
                end=word.end,
                said=word.said,
                start=word.start,
                stop=word.stop,
            )
            for word in words
        ],
    )


@router.get(
    "/{clip_id}/captions.srt",
    summary="Captions as SubRip",
    response_class=Response,
    responses={200: {"content": {"application/x-subrip": {}}}, **_ERRORS},
)
@reads
def get_srt(clip_id: str, user: CurrentUser, state: StateDep) -> Response:
    found = captions.srt(_cues(state, user.id, clip_id))
    return Response(found, media_type="application/x-subrip; charset=utf-8")


@router.get(
    "/{clip_id}/captions.vtt",
    summary="Captions as WebVTT",
    response_class=Response,
    responses={200: {"content": {"text/vtt": {}}}, **_ERRORS},
)
@reads
def get_vtt(clip_id: str, user: CurrentUser, state: StateDep) -> Response:
    return Response(captions.vtt(_cues(state, user.id, clip_id)), media_type="text/vtt")


def _cues(state: AppState, user_id: str, clip_id: str) -> list[captions.Cue]:
    clip, words = _words(state, user_id, clip_id)
    literal = bool(clip.options.get("literal"))
    return captions.cues(
        captions.shown(clip.text or "", literal=literal), words, clip.audio_seconds or 0.0
    )


def _words(state: AppState, user_id: str, clip_id: str) -> tuple[Clip, tuple[Word, ...]]:
    """Raises ApiError 409 `clip_not_ready`, and 404 `words_not_found` for a clip whose model does
    not know them."""
    with state.database.reading() as session:
        clip = clips.get(session, user_id, clip_id)
        if clip.state is not ClipState.SUCCEEDED:
            raise ApiError(409, "clip_not_ready", "Only a clip that succeeded has words.")
        words = word_times.find(session, clip.id)
    if not words:
        message = "The times of its words are not known: they are kept for speech only."
        raise ApiError(404, "words_not_found", message)
    return clip, words
