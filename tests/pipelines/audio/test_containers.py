from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines import registry
from pipelines.audio.appending import HEAD_BYTES, streamed, surplus
from pipelines.audio.containers import (
    ENCODINGS,
    FORMATS,
    AudioError,
    Encoder,
    check_format,
    own_rate,
    to_pcm16,
)
from pipelines.protocol import InvalidInput, Waveform

RATE = 24000
EXACT = ("wav", "flac")


def speechlike(seconds: float, rate: int = RATE) -> Waveform:
    """A voiced sound: harmonics of a gliding pitch under a syllable-like envelope."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (140 * t + 10 * np.sin(2 * np.pi * t))
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.2 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def encode(
    samples: Waveform,
    name: str,
    rate_out: int = RATE,
    blocks: list[int] | None = None,
    streaming: bool = False,
) -> bytes:
    """Encode in blocks of the given sizes, taken in turn: the file, or its stream."""
    sink, stream = io.BytesIO(), Growing() if streaming else None
    encoder = Encoder(sink, name, RATE, rate_out, stream)
    at, turn = 0, 0
    sizes = blocks or [4800]
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        encoder.write(samples[at : at + size])
        at, turn = at + size, turn + 1
    encoder.close()
    if stream is None:
        return sink.getvalue()
    assert stream.getvalue() == streamed(sink.getvalue(), FORMATS[name].container)
    return stream.getvalue()


class Growing(io.BytesIO):
    """A sink that takes nothing back."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise AssertionError("a stream has been sent already")


def decode(data: bytes) -> tuple[NDArray[np.float64], int]:
    return soundfile.read(io.BytesIO(data))


def snr_db(reference: Waveform, other: NDArray[np.float64]) -> float:
    length = min(len(reference), len(other))
    error = other[:length] - reference[:length]
    return float(10 * np.log10((reference[:length] ** 2).sum() / (error**2).sum()))


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_every_rate_of_every_format_decodes_to_the_resampled_length(name: str) -> None:
    samples = speechlike(0.7)
    for rate in FORMATS[name].sample_rates:
        decoded, decoded_rate = decode(encode(samples, name, rate))
        assert decoded_rate == rate
        assert abs(len(decoded) - len(samples) * rate / RATE) <= 0.5
        assert 0.1 < np.abs(decoded).max() <= 1


@pytest.mark.parametrize(
    ("name", "least_db"), [("mp3", 20), ("opus", 12), ("wav", 70), ("flac", 70)]
)
def test_encoder_sound_survives_in_place(name: str, least_db: float) -> None:
    samples = speechlike(2)
    decoded, _ = decode(encode(samples, name))
    assert snr_db(samples, decoded) > least_db


def test_encoder_resampled_tone_keeps_its_pitch_and_level() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
    decoded, rate = decode(encode(tone, "wav", 16000, blocks=[1001]))
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / rate)
    assert np.abs(decoded - expected)[200:-200].max() < 1e-3


@given(
    length=st.integers(1, 6000),
    blocks=st.lists(st.integers(1, 2500), min_size=1, max_size=5),
    name=st.sampled_from(EXACT),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_encoder_blocks_of_any_size_give_the_same_exact_samples(
    length: int, blocks: list[int], name: str, seed: int
) -> None:
    samples = np.random.default_rng(seed).uniform(-1.2, 1.2, length).astype(np.float32)
    stored, _ = soundfile.read(io.BytesIO(encode(samples, name, blocks=blocks)), dtype="int16")
    assert np.array_equal(stored, to_pcm16(samples))


@given(
    length=st.integers(20, 6000),
    blocks=st.lists(st.integers(1, 2500), min_size=1, max_size=5),
    rate=st.sampled_from([8000, 16000, 22050, 48000]),
)
@settings(max_examples=40, deadline=None)
def test_encoder_resampling_in_blocks_equals_resampling_at_once(
    length: int, blocks: list[int], rate: int
) -> None:
    samples = speechlike(length / RATE)
    whole, _ = decode(encode(samples, "wav", rate, blocks=[length]))
    pieces, _ = decode(encode(samples, "wav", rate, blocks=blocks))
    assert len(pieces) == len(whole)
    assert abs(len(whole) - length * rate / RATE) <= 0.5
    assert np.abs(pieces - whole).max() <= 2 / 32768


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50))
def test_encoder_rounding_is_to_nearest_and_clipping_never_wraps(values: list[float]) -> None:
    pcm = to_pcm16(np.array(values, dtype=np.float32)).astype(np.float64)
    inside = np.clip(np.array(values, dtype=np.float64), -1, 32767 / 32768)
    assert np.abs(pcm / 32768 - inside).max() <= 0.5 / 32768 + 1e-9


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("length", [1, 2, 17])
def test_encoder_few_samples_make_a_readable_file(name: str, length: int) -> None:
    decoded, _ = decode(encode(np.full(length, 0.25, np.float32), name))
    assert len(decoded) == length


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_silence_stays_silent_and_full_scale_does_not_wrap(name: str) -> None:
    quiet, _ = decode(encode(np.zeros(RATE, np.float32), name))
    assert np.abs(quiet).max() < 1e-4
    tone = (3 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)).astype(np.float32)
    loud, _ = decode(encode(tone, name))
    assert snr_db(np.clip(tone, -1, 1), loud) > 10


def test_encoder_header_of_a_wav_file_states_its_sizes() -> None:
    data = encode(speechlike(1.1), "wav", 16000, blocks=[7, 5000])
    riff, riff_size, wave = struct.unpack("<4sI4s", data[:12])
    assert (riff, riff_size, wave) == (b"RIFF", len(data) - 8, b"WAVE")
    channels, rate, byte_rate, align, bits = struct.unpack("<HIIHH", data[22:36])
    assert (channels, rate, byte_rate, align, bits) == (1, 16000, 32000, 2, 16)
    assert data[36:40] == b"data"
    assert struct.unpack("<I", data[40:44])[0] == len(data) - 44 == 2 * 17600


def test_encoder_header_of_a_flac_file_states_its_length() -> None:
    info = soundfile.info(io.BytesIO(encode(speechlike(1), "flac")))
    assert (info.frames, info.channels, info.subtype) == (RATE, 1, "PCM_16")


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_no_audio_is_an_error_and_writes_nothing(name: str) -> None:
    sink = io.BytesIO()
    encoder = Encoder(sink, name, RATE, RATE)
    encoder.write(np.zeros(0, np.float32))
    with pytest.raises(AudioError, match="no audio"):
        encoder.close()
    assert sink.getvalue() == b""


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_encoder_samples_that_are_not_finite_are_refused(bad: float) -> None:
    encoder = Encoder(io.BytesIO(), "wav", RATE, RATE)
    with pytest.raises(AudioError, match="finite"):
        encoder.write(np.array([0, bad, 0], np.float32))


def test_encoder_stereo_is_refused() -> None:
    with pytest.raises(AudioError, match="Mono"):
        Encoder(io.BytesIO(), "wav", RATE, RATE).write(np.zeros((10, 2), np.float32))


def test_a_closed_encoder_takes_no_more_and_closes_once() -> None:
    sink = io.BytesIO()
    encoder = Encoder(sink, "wav", RATE, RATE)
    encoder.write(np.zeros(10, np.float32))
    encoder.close()
    size = len(sink.getvalue())
    encoder.close()
    with pytest.raises(ValueError, match="closed"):
        encoder.write(np.zeros(10, np.float32))
    assert len(sink.getvalue()) == size == 44 + 20


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_bytes_flow_while_samples_come_in(name: str) -> None:
    sink = io.BytesIO()
    encoder = Encoder(sink, name, RATE, RATE)
    for _ in range(5):
        encoder.write(speechlike(0.5))
    early = len(sink.getvalue())
    encoder.close()
    assert early > len(sink.getvalue()) / 3
    assert (encoder.samples, encoder.seconds) == (60000, 2.5)


class FullDisk(io.BytesIO):
    """A sink with room for so many bytes."""

    room = 20_000

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > self.room:
            raise OSError("no room left")
        return super().write(data)


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_error_of_the_sink_comes_out_as_it_is(name: str) -> None:
    encoder = Encoder(FullDisk(), name, RATE, RATE)
    noise = np.random.default_rng(1).uniform(-1, 1, RATE * 10).astype(np.float32)
    with pytest.raises(OSError, match="no room left"):
        encoder.write(noise)


def test_encoder_error_of_the_sink_while_closing_comes_out_as_it_is() -> None:
    sink = FullDisk()
    encoder = Encoder(sink, "wav", RATE, RATE)
    encoder.write(speechlike(0.1))
    sink.room = 10
    with pytest.raises(OSError, match="no room left"):
        encoder.close()


@pytest.mark.parametrize(
    ("name", "rate", "field", "allowed"),
    [
        ("wma", None, "format", "wav, mp3, flac, opus"),
        ("WAV", 24000, "format", "wav, mp3, flac, opus"),
        ("opus", 44100, "sample_rate", "8000, 12000, 16000, 24000, 48000"),
        ("mp3", 0, "sample_rate", "44100, 48000"),
        ("wav", -24000, "sample_rate", "22050, 24000"),
    ],
)
def test_encoder_bad_format_names_its_field_and_what_is_allowed(
    name: str, rate: int | None, field: str, allowed: str
) -> None:
    with pytest.raises(InvalidInput, match=allowed) as caught:
        check_format(name, rate)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "rate", "taken"),
    [
        ("wav", 22_050, 22_050),
        ("opus", 22_050, 24_000),
        ("opus", 44_100, 48_000),
        ("opus", 16_000, 16_000),
        ("mp3", 96_000, 48_000),
    ],
)
def test_encoder_format_that_lacks_a_rate_takes_the_next_above(
    name: str, rate: int, taken: int
) -> None:
    assert own_rate(name, rate) == taken


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_what_any_model_makes_fits_into_any_format(name: str) -> None:
    for pipelines in registry.SERVICES.values():
        for pipeline in pipelines.values():
            check_format(name, own_rate(name, pipeline.sample_rate))


def test_encoder_good_format_is_returned() -> None:
    assert check_format("opus", 48000).extension == "opus"
    assert check_format("mp3").content_type == "audio/mpeg"


def stating_length(flac: bytes, samples: int) -> bytes:
    """A FLAC file that says how long it is. libsndfile reads no others to their end."""
    length = (samples + (flac[21] >> 4 << 36)).to_bytes(5, "big")
    return flac[:21] + length + flac[26:]


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_streaming_layout_holds_the_same_samples(name: str) -> None:
    samples = speechlike(3)
    for rate in FORMATS[name].sample_rates:
        expected, _ = decode(encode(samples, name, rate))
        stream = encode(samples, name, rate, streaming=True)
        start = 0
        if name == "flac":
            assert int.from_bytes(stream[21:26], "big") % 2**36 == 0, "an unknown length"
            stream = stating_length(stream, len(expected))
        if name == "mp3":
            # The silent frame, and the delays of encoder and decoder (576 and 529 samples).
            start = 1105 + (1152 if rate >= 32_000 else 576)
        decoded, decoded_rate = decode(stream)
        assert decoded_rate == rate
        if name == "mp3":
            assert np.abs(decoded[: start - 1105]).max() == 0
            assert len(decoded) - start - len(expected) < 1152
        else:
            assert len(decoded) == len(expected)
        assert np.abs(decoded[start : start + len(expected)] - expected).max() < 1e-4


def test_encoder_sizes_of_a_streamed_wav_file_are_those_of_a_stream() -> None:
    plain, stream = (encode(speechlike(1), "wav", streaming=each) for each in (False, True))
    unknown = b"\xff\xff\xff\xff"
    assert stream == plain[:4] + unknown + plain[8:40] + unknown + plain[44:]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("length", [1, 17])
def test_encoder_few_samples_make_a_stream(name: str, length: int) -> None:
    stream = encode(np.full(length, 0.25, np.float32), name, streaming=True)
    decoded, _ = decode(stating_length(stream, length) if name == "flac" else stream)
    assert len(decoded) >= length


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_the_same_whether_somebody_listens_or_not(name: str) -> None:
    samples, container = speechlike(2), FORMATS[name].container
    for rate in FORMATS[name].sample_rates:
        sink, stream = io.BytesIO(), io.BytesIO()
        encoder = Encoder(sink, name, RATE, rate, stream)
        encoder.write(samples)
        encoder.close()
        whole = sink.getvalue()
        if name != "opus":  # whose streams have a number that is drawn
            assert encode(samples, name, rate, [len(samples)]) == whole
        longer = surplus(whole[:HEAD_BYTES], container)
        assert len(whole) - len(stream.getvalue()) == longer
        assert whole[1_000 + longer :] == stream.getvalue()[1_000:]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audioread.*")
@pytest.mark.parametrize("name", ["wav", "flac"])
def test_what_is_stored_of_a_clip_that_was_heard_is_read_by_others(
    name: str, tmp_path: Path
) -> None:
    sink = io.BytesIO()
    encoder = Encoder(sink, name, RATE, RATE, io.BytesIO())
    encoder.write(speechlike(1))
    encoder.close()
    path = tmp_path / f"clip.{name}"
    path.write_bytes(sink.getvalue())
    assert soundfile.info(path).frames == RATE
    assert len(librosa.load(path, sr=None)[0]) == RATE
    if name == "wav":
        with wave.open(str(path)) as file:
            assert file.getnframes() == RATE


OTHERS = sorted(set(ENCODINGS) - set(FORMATS))


def decode_any(data: bytes, name: str, rate: int) -> tuple[NDArray[np.float64], int]:
    """Samples without a header are read as what they are said to be, AAC by FFmpeg."""
    encoding = ENCODINGS[name]
    if encoding.container == "RAW":
        options = {"samplerate": rate, "channels": 1, "subtype": encoding.codec, "format": "RAW"}
        return soundfile.read(io.BytesIO(data), **options)
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        return np.concatenate(frames), container.streams.audio[0].rate


@pytest.mark.parametrize("name", OTHERS)
def test_encoder_writes_what_other_services_clients_ask_for(name: str) -> None:
    samples = speechlike(2)
    for rate in ENCODINGS[name].sample_rates:
        sink, stream = io.BytesIO(), Growing()
        encoder = Encoder(sink, name, RATE, rate, stream)
        for start in range(0, len(samples), 4_800):
            encoder.write(samples[start : start + 4_800])
        encoder.close()
        assert encoder.samples == pytest.approx(2 * rate, abs=1)
        whole, container = sink.getvalue(), ENCODINGS[name].container
        assert stream.getvalue() == streamed(whole, container)
        longer = surplus(whole[:HEAD_BYTES], container)
        assert len(whole) - len(stream.getvalue()) == longer
        for data in (whole, stream.getvalue()):
            decoded, decoded_rate = decode_any(data, name, rate)
            assert decoded_rate == rate
            # Lossy frames have a delay of their own and are filled up.
            assert 0 <= len(decoded) - encoder.samples < 4_000
            assert 0.1 < np.abs(decoded).max() <= 1.05


@pytest.mark.parametrize("name", [each for each in OTHERS if ENCODINGS[each].kbits])
def test_encoder_keeps_the_bit_rate(name: str) -> None:
    encoding = ENCODINGS[name]
    rng = np.random.default_rng(1)
    noisy = (speechlike(4) + 0.05 * rng.standard_normal(4 * RATE)).astype(np.float32)
    for rate in [rate for rate in encoding.sample_rates if rate >= 22_050]:
        sink = io.BytesIO()
        encoder = Encoder(sink, name, RATE, rate)
        encoder.write(noisy)
        encoder.close()
        kbits = len(sink.getvalue()) * 8 / encoder.seconds / 1000
        assert 0.8 < kbits / (encoding.kbits or 0) < 1.2
