"""The recordings that ship, and what is said of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.models.foley.recorded.kinds import PLAYED
from pipelines.models.foley.recorded.kinds import SOUNDS as NEW
from pipelines.models.foley.recorded.takes import FILES, RATE, Place, places, takes

ROOT = Path(__file__).parents[5]
KINDS = sorted({place.kind for place in places()})
FREE = {"CC0-1.0", "MIT", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0"}


def test_takes_are_there_for_just_the_kinds_that_are_played() -> None:
    assert set(KINDS) == {*PLAYED, *(sound.name for sound in NEW)}
    assert {path.stem for path in FILES.glob("*.flac")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_takes_file_holds_them_one_after_the_other(kind: str) -> None:
    info = soundfile.info(FILES / f"{kind}.flac")
    assert (info.samplerate, info.channels) == (RATE, 1)
    own = [place for place in places() if place.kind == kind]
    assert own[0].first == 0
    assert all(a.first + a.samples == b.first for a, b in pairwise(own))
    assert own[-1].first + own[-1].samples == info.frames
    for take in takes(kind):
        assert 0.1 < np.abs(take.wave).max() < 1
        assert np.abs(take.wave[[0, -1]]).max() < 0.02, "an end clicks"


def test_takes_each_source_has_its_entry_in_the_notice() -> None:
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    assert {name for place in places() for name in named(place) if name not in notice} == set()
    assert {place.licence for place in places()} <= FREE


def named(place: Place) -> list[str]:
    """What the notice must name of a take. Of the SoundFont the table names the samples."""
    package, item = place.origin.split(": ")
    if package == "MuseScore_General_Lite":
        return [package, "Frank Wen"]
    return [package, place.author, item.split("/")[-1]]


def test_takes_are_few_megabytes_and_read_once() -> None:
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 10e6
    assert sum(take.wave.nbytes for kind in KINDS for take in takes(kind)) < 30e6
    assert takes("dog") is takes("dog")
    with pytest.raises(ValueError, match="read-only"):
        takes("dog")[0].wave[0] = 1
