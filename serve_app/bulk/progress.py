"""One line of progress now and then: the log of a Ray job is no terminal."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.db.models import Batch

SECONDS = 10.0


class ProgressLog:
    """Says how far a batch is, at most every `SECONDS` of `clock`."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock
        self._last: tuple[float, int] | None = None

    def __call__(self, batch: Batch) -> None:
        now, done = self._clock(), batch.succeeded + batch.failed + batch.cancelled
        if self._last is None:
            self._last = (now, done)
            return
        then, before = self._last
        if now - then < SECONDS:
            return
        self._last = (now, done)
        rate = (done - before) / (now - then)
        left = f"{_duration((batch.total - done) / rate)} left" if rate > 0 else "waiting"
        self._say(
            f"done {done:,} / {batch.total:,} · failed {batch.failed:,} · {rate:.1f}/s · {left}"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"
