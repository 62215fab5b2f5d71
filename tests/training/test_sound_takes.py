"""The readers of packages, and how recordings are cut, on packages that the tests make."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.models.foley.recorded.takes import RATE, places
from training.package_files import package_file
from training.qt_resources import resources
from training.sound_takes import LEVEL, cuts, finished
from training.soundfont import FINE, HEADER, MODES, SAMPLE, SoundFont


def tarball(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def debian(members: dict[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        parts += [head, content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def test_package_file_is_read_out_of_each_kind_of_package(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "wheel-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("wheel/a.txt", b"of a wheel")
    (tmp_path / "node-1.0.tgz").write_bytes(tarball("package/a.txt", b"of npm"))
    content = debian({"debian-binary": b"2.0", "data.tar.xz": tarball("./usr/a.txt", b"of Debian")})
    (tmp_path / "deb_1.0_all.deb").write_bytes(content)
    found = [package_file(tmp_path, name, "a.txt") for name in ("wheel-1", "node-1", "deb_1")]
    assert found == [b"of a wheel", b"of npm", b"of Debian"]
    with pytest.raises(FileNotFoundError, match=r"has no b\.txt"):
        package_file(tmp_path, "node-1", "b.txt")
    with pytest.raises(FileNotFoundError, match="0 packages other"):
        package_file(tmp_path, "other", "a.txt")


def test_resources_are_read_with_their_paths_unpacked() -> None:
    names, offsets = b"", []
    for name in ("sounds", "a.wav", "b.wav"):
        offsets.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    packed = struct.pack(">I", 5) + zlib.compress(b"hello")
    data = struct.pack(">I", 3) + b"raw" + struct.pack(">I", len(packed)) + packed
    tree = struct.pack(">IHII", 0, 2, 1, 1)
    tree += struct.pack(">IHII", offsets[0], 2, 2, 2)
    tree += struct.pack(">IHHHI", offsets[1], 0, 0, 0, 0)
    tree += struct.pack(">IHHHI", offsets[2], 1, 0, 0, 7)
    head = struct.pack(">4I", 1, 20, 20 + len(tree), 20 + len(tree) + len(data))
    found = dict(resources(b"qres" + head + tree + data + names))
    assert found == {"/sounds/a.wav": b"raw", "/sounds/b.wav": b"hello"}


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def font(loop: bool) -> bytes:
    """A SoundFont of one sample: half a second of 441 Hz, 20 cents too high."""
    target = io.BytesIO()
    wave = np.sin(2 * np.pi * 441 * np.arange(4410) / 8820)
    soundfile.write(target, wave * np.exp(-np.arange(4410) / 2000), 8820, "VORBIS", format="OGG")
    sound = target.getvalue()
    header = HEADER.pack(b"tone", 0, len(sound), 2205, 4225, 8820, 69, 20, 0, 1)
    generators = [(FINE, -10), (MODES, int(loop)), (SAMPLE, 0)]
    body = chunk(b"LIST", b"sdta" + chunk(b"smpl", sound))
    body += chunk(
        b"LIST",
        b"pdta"
        + chunk(b"inst", struct.pack("<20sH", b"one", 0) + struct.pack("<20sH", b"EOI", 1))
        + chunk(b"ibag", struct.pack("<HHHH", 0, 0, 3, 0))
        + chunk(b"igen", b"".join(struct.pack("<Hh", *it) for it in generators))
        + chunk(b"shdr", header + HEADER.pack(b"EOS", *[0] * 9)),
    )
    return chunk(b"RIFF", b"sfbk" + body)


def test_soundfont_sample_has_its_pitch_and_holds_as_long_as_asked() -> None:
    sample = SoundFont(font(loop=True)).sample("tone")
    assert sample.pitch == pytest.approx(440 * 2 ** (-10 / 1200))
    steady, dying = (sample.held(2.0, dying) for dying in (False, True))
    assert len(steady) == len(dying) == 17_640
    np.testing.assert_array_equal(steady[4225:6000], steady[2205:3980])
    late, early = np.abs(dying[-2000:]).max(), np.abs(dying[:2000]).max()
    assert late < 0.1 * early
    assert len(SoundFont(font(loop=False)).sample("tone").held(2.0, dying=False)) == 4410


def test_finished_take_begins_and_ends_with_sound_at_the_common_level() -> None:
    tone = 0.01 * np.sin(np.arange(RATE) * 0.3)
    wave = finished(np.concatenate([np.zeros(5000), tone, np.zeros(9000)]))
    assert len(wave) == pytest.approx(RATE, abs=600)
    assert np.abs(wave[[0, -1]]).max() < 0.001
    assert np.sqrt(np.mean(wave[5000:-5000] ** 2)) == pytest.approx(LEVEL, rel=0.02)


def test_table_of_cuts_is_that_of_the_takes_that_ship() -> None:
    asked = [(cut.kind, cut.origin, cut.author, cut.licence) for cut in cuts()]
    assert asked == [(it.kind, it.origin, it.author, it.licence) for it in places()]
