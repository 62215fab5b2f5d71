"""Lines in the shape of OpenAI's batches: `custom_id`, `method`, `url`, and the body of a call."""

from __future__ import annotations

from pydantic import ValidationError

from serve_app.bulk.lines import LineMaker, Rejected, fields_of, seed_of, why_of
from serve_app.errors import ApiError
from serve_app.http.new_clips import SPEECH
from serve_app.http.submission import Submission
from serve_app.media.batches.lines import Line, Rejection
from serve_app.media.batches.manifest import ManifestLine
from serve_app.routes.openai.speech import SpeechBody, new_clip, wanted_speech

URL = "/v1/audio/speech"


class OpenAiLineMaker(LineMaker):
    """Makes lines that ask for `/v1/audio/speech`."""

    def check(self, line: ManifestLine) -> Rejection | None:
        """What is wrong with a line. All of it is found out: models and voices have other names
        here, and few lines are alike."""
        content = self.make(line, "").content
        return content if isinstance(content, Rejection) else None

    def make(self, line: ManifestLine, batch_id: str) -> Line:
        """The clip of a line, or why there is none."""
        try:
            body = _body(line, seed_of(batch_id, line.id))
            wanted, encoding = wanted_speech(body)
        except Rejected as error:
            return Line(line.number, line.id, error.why)
        except ValidationError as error:
            return Line(line.number, line.id, why_of(error))
        submission = Submission(self.state, self.user, SPEECH, wanted, None, encoding)
        made = self.clip_or_why(lambda: new_clip(submission, body, wanted))
        return Line(line.number, line.id, made)


def _body(line: ManifestLine, seed: int) -> SpeechBody:
    """Raises Rejected."""
    fields = fields_of(line)
    if fields.get("method") != "POST":
        raise Rejected(Rejection("invalid_input", "method must be POST.", "method"))
    if fields.get("url") != URL:
        raise Rejected(Rejection("invalid_input", f"url must be {URL}.", "url"))
    body = fields.get("body")
    if not isinstance(body, dict):
        raise Rejected(Rejection("invalid_input", "body must be an object.", "body"))
    try:
        return SpeechBody.model_validate({"seed": seed, **body})
    except ValidationError as error:
        raise Rejected(why_of(error)) from error
    except ApiError as error:
        raise Rejected(Rejection(error.code, error.message, error.field)) from error
