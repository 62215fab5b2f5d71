"""The converter with the weights that ship and those that are fetched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines import registry
from pipelines.audio.recording import Recording
from pipelines.models.revoice.contour import SILENT_HZ
from pipelines.models.revoice.windows import LONGEST, OVERLAP_FRAMES
from pipelines.protocol import InvalidInput
from pipelines.requests.conversion import ConversionRequest
from tests.pipelines.models.revoice.conftest import Converter

RATE = 24_000


def of(recording: Recording, seconds: float) -> Recording:
    rate = recording.sample_rate
    samples = np.tile(recording.samples, 1 + int(seconds * rate / len(recording.samples)))
    return Recording(samples[: int(seconds * rate)], rate)


@pytest.fixture(scope="module")
def request_(speech: Recording) -> ConversionRequest:
    return ConversionRequest(of(speech, 1.5), voice="af_heart", seed=7)


def test_revoice_conversion_lasts_as_long_as_its_source(
    converter: Converter, request_: ConversionRequest
) -> None:
    wave = converter.convert(request_)
    assert wave.dtype == np.float32
    assert len(wave) == 1.5 * RATE
    assert 0.01 < wave.std() < 0.3
    np.testing.assert_array_equal(wave, converter.convert(request_))
    other = converter.convert(replace(request_, seed=8))
    assert np.abs(other - wave).max() > 0
    assert other.std() == pytest.approx(wave.std(), rel=0.1), "only noise and phases are others"


def test_revoice_it_speaks_in_the_register_of_the_voice(
    converter: Converter, request_: ConversionRequest
) -> None:
    tracker = converter.frontend.tracker
    medians = {}
    for voice, semitones in (("af_heart", 0.0), ("am_michael", 0.0), ("am_michael", 3.0)):
        asked = replace(request_, voice=voice, semitones=semitones)
        [acoustic] = converter.acoustics(converter.segments(asked))
        medians[voice, semitones] = np.median(acoustic.f0[acoustic.f0 > SILENT_HZ])
    assert 165 < medians["af_heart", 0.0] < 215
    assert 95 < medians["am_michael", 0.0] < 125
    assert medians["am_michael", 3.0] == pytest.approx(
        2 ** (3 / 12) * medians["am_michael", 0.0], rel=0.02
    )
    wave = torch.from_numpy(converter.convert(request_))[None]
    with torch.inference_mode():
        heard = tracker(torch.nn.functional.interpolate(wave[None], scale_factor=2 / 3)[0])[0]
    assert 160 < float(heard[heard > 0].median()) < 220, "and the decoder follows"


def test_revoice_long_source_is_made_of_windows_that_fade_into_each_other(
    converter: Converter, speech: Recording
) -> None:
    request = ConversionRequest(of(speech, 12.6), voice="bf_emma")
    segments = converter.segments(request)
    assert len(segments) == 2
    frames = [segment.length - segment.before - segment.after for segment in segments]
    assert max(frames) <= LONGEST
    assert sum(frames) - OVERLAP_FRAMES == 504
    acoustics = converter.acoustics(segments)
    assert [acoustic.length for acoustic in acoustics] == frames
    assert [acoustic.asr.shape for acoustic in acoustics] == [(512, count) for count in frames]
    alone = converter.acoustics(segments[1:])
    np.testing.assert_allclose(acoustics[1].asr, alone[0].asr, atol=1e-4)
    np.testing.assert_allclose(acoustics[1].energy, alone[0].energy, atol=1e-4)


def test_revoice_time_is_stretched(converter: Converter, request_: ConversionRequest) -> None:
    [segment] = converter.segments(replace(request_, length_adjust=1.5))
    assert segment.length == 90
    assert len(segment.pitch) == 180


@pytest.mark.parametrize("samples", [1600, 1601, 4000])
def test_revoice_shortest_recordings_are_converted(
    converter: Converter, speech: Recording, samples: int
) -> None:
    source = Recording(speech.samples[16_000 : 16_000 + samples], speech.sample_rate)
    [segment] = converter.segments(ConversionRequest(source, voice="woman"))
    assert segment.length == max(1, round(samples / 400))
    assert np.isfinite(converter.acoustics([segment])[0].asr).all()


def test_revoice_silence_stays_silent(converter: Converter) -> None:
    source = Recording(np.zeros(32_000, np.float32), 16_000)
    [acoustic] = converter.acoustics(
        converter.segments(ConversionRequest(source, voice="af_heart"))
    )
    assert (acoustic.f0 == SILENT_HZ).all()


def test_revoice_blends_lie_between_their_voices(
    converter: Converter, request_: ConversionRequest
) -> None:
    voices = ("af_heart", "am_onyx", "af_heart:0.5+am_onyx:0.5")
    first, second, blend = (
        converter.segments(replace(request_, voice=voice))[0].style for voice in voices
    )
    np.testing.assert_allclose(blend, (first + second) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("voice", {"voice": "nobody"}),
        ("length_adjust", {"length_adjust": 2.5}),
        ("length_adjust", {"length_adjust": float("nan")}),
        ("semitones", {"semitones": -13.0}),
        ("source", {"source": Recording(np.zeros(100, np.float32), 16_000)}),
    ],
)
def test_revoice_what_it_cannot_do_is_refused(
    request_: ConversionRequest, converter: Converter, field: str, changes: dict[str, object]
) -> None:
    asked = replace(request_, **changes)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refused:
        registry.check("seedvc", "revoice", asked, converter.settings)
    assert refused.value.field == field


def test_revoice_source_is_needed(converter: Converter) -> None:
    with pytest.raises(InvalidInput, match="no source"):
        converter.segments(ConversionRequest(voice="af_heart"))


def test_revoice_nobody_speaks_where_nobody_spoke(converter: Converter, speech: Recording) -> None:
    rate = speech.sample_rate
    rng = np.random.default_rng(0)
    noise = 0.05 * rng.standard_normal(2 * rate).astype(np.float32)
    for samples in (np.zeros(2 * rate, np.float32), noise):
        wave = converter.convert(ConversionRequest(Recording(samples, rate), voice="af_heart"))
        assert len(wave) == 2 * RATE
        assert not wave.any()


@pytest.mark.parametrize("length_adjust", [1.0, 1.5])
def test_revoice_gaps_of_the_source_stay_silent(
    converter: Converter, speech: Recording, length_adjust: float
) -> None:
    rate = speech.sample_rate
    spoken = speech.samples[: 2 * rate]
    whole = np.concatenate([spoken, np.zeros(3 * rate, np.float32), spoken])
    whole += 0.003 * np.random.default_rng(0).standard_normal(len(whole)).astype(np.float32)
    source = Recording(whole, rate)
    asked = ConversionRequest(source, voice="af_heart", seed=7, length_adjust=length_adjust)
    wave = converter.convert(asked)
    times = np.arange(len(wave)) / RATE / length_adjust
    assert not wave[(times > 3.0) & (times < 4.0)].any()
    for start in (0.5, 5.5):
        assert wave[(times > start) & (times < start + 1)].std() > 0.01
