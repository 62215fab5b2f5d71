from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from serve_app import foreground
from serve_app.foreground import RECENT_SECONDS, Foreground
from serve_app.settings import Settings


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_somebody_waits_for_a_moment_after_a_note() -> None:
    clock = Clock()
    seen = Foreground(clock=clock)
    assert not seen.waits
    seen.note()
    assert seen.waits
    clock.now += 0.9 * RECENT_SECONDS
    assert seen.waits
    clock.now += 0.2 * RECENT_SECONDS
    assert not seen.waits


def test_a_note_of_another_clock_is_none() -> None:
    clock = Clock()
    seen = Foreground(clock=clock)
    seen.note()
    clock.now -= 1
    assert not seen.waits


def test_processes_of_a_system_share_their_notes(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.mkdir()
    others.mkdir()
    writer, reader = (Foreground.of(Settings(data_dir=ours)) for _ in range(2))
    stranger = Foreground.of(Settings(data_dir=others))
    writer.note()
    assert reader.waits
    assert not stranger.waits


def test_without_the_data_folder_the_database_is_what_they_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground.tempfile, "gettempdir", lambda: str(tmp_path))

    def one(number: int) -> Foreground:
        url = f"postgresql://ada:engine@localhost/bernie{number}"
        return Foreground.of(Settings(data_dir=tmp_path / "none", database_url=url))

    one(1).note()
    assert one(1).waits
    assert not one(2).waits


def test_the_file_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "foreground"
    Foreground.shared(file).note()
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(OSError, match="symbolic link"):
        Foreground.shared(tmp_path / "link")
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(PermissionError):
        Foreground.shared(file)


def test_what_goes_on_is_noted_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "NOTE_SECONDS", 0.0)
    notes = 0

    class Counting(Foreground):
        def note(self) -> None:
            nonlocal notes
            notes += 1

    async def go() -> None:
        with Counting().waited_for():
            async with asyncio.timeout(10):
                while notes < 3:
                    await asyncio.sleep(0)
        told = notes
        await asyncio.sleep(0.01)
        assert notes == told

    asyncio.run(go())
