from __future__ import annotations

from pipelines.protocol import Word
from serve_app.media.word_times import pack, unpack


def test_words_are_kept_to_the_millisecond_and_small() -> None:
    words = tuple(Word(7 * n, 7 * n + 5, f"wörd{n % 50}", n / 3, n / 3 + 0.2) for n in range(900))
    packed = pack(words)
    assert len(packed) < 12_000
    for before, after in zip(words, unpack(packed), strict=True):
        assert (after.begin, after.end, after.said) == (before.begin, before.end, before.said)
        assert abs(after.start - before.start) <= 0.0005
        assert abs(after.stop - before.stop) <= 0.0005
