"""What comes over a WebSocket: the parameters of its address, and messages."""

from __future__ import annotations

from typing import Annotated, Any

from serve_app.field_rules import between
from serve_app.http.schemas.common import ForeignBody
from serve_app.routes.elevenlabs.formats import DEFAULT
from serve_app.routes.elevenlabs.speech import SpeechBody
from serve_app.routes.elevenlabs.text_pieces import SCHEDULE

_PIECE = (50, 500)
"""Characters that a piece of the schedule may have."""
Json = dict[str, Any]


class Config(ForeignBody):
    chunk_length_schedule: list[Annotated[float, between(*_PIECE)]] | None = None


class Message(ForeignBody):
    text: str | None = None
    flush: bool | None = None
    try_trigger_generation: bool | None = None
    voice_settings: Json | None = None
    generation_config: Config | None = None
    pronunciation_dictionary_locators: Any = None
    xi_api_key: str | None = None
    authorization: str | None = None
    context_id: str | None = None
    close_context: bool | None = None
    close_socket: bool | None = None

    def schedule(self) -> tuple[int, ...]:
        given = self.generation_config.chunk_length_schedule if self.generation_config else None
        return tuple(map(round, given)) if given else SCHEDULE


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
