"""The three stages together, at the edges of what may be asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
import torch

from pipelines.audio.recording import Recording
from pipelines.models.seedvc.checkpoint import SeedVCFiles, load_regulator
from pipelines.models.seedvc.config import read_config
from pipelines.models.seedvc.content import load_content_encoder
from pipelines.models.seedvc.frontend import SeedVCFrontend
from pipelines.models.seedvc.stages import SeedVCDiffusion, SeedVCVocoder
from pipelines.networks.campplus import CampPlus
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig
from pipelines.protocol import InvalidInput, Waveform
from pipelines.reference_features import FeatureCache
from pipelines.requests.conversion import ConversionRequest
from pipelines.settings import PipelineSettings
from tests.pipelines.models.seedvc.tiny import (
    SMALL_SPEAKER,
    Tiny,
    build_tiny,
    buzz,
    golden_audio,
    random_segment,
    runtime,
    seeded,
)


def convert(tiny: Tiny, request: ConversionRequest) -> Waveform:
    (segments,) = tiny.frontend.prepare([request])
    states = tiny.diffusion.begin(segments)
    for _ in range(request.steps):
        tiny.diffusion.step(states)
    joiner = tiny.joiner()
    waves = tiny.vocoder.synthesize(tiny.diffusion.finish(states))
    return np.concatenate([*map(joiner.add, waves), joiner.close()])


def expected_samples(tiny: Tiny, request: ConversionRequest) -> int:
    source, hop = request.source, tiny.config.mel.hop
    samples = -(-len(source.samples) * tiny.config.sample_rate // source.sample_rate)
    return int(samples // hop * request.length_adjust) * hop


VOICE = buzz(1.0, pitch=200.0)
NOISE = np.random.default_rng(0).standard_normal(16000).astype(np.float32)


@pytest.mark.parametrize(
    "source",
    [
        buzz(0.1),
        buzz(0.3, 8000),
        buzz(0.3, 48000),
        Recording(np.zeros(8000, np.float32), 16000),
        Recording(np.stack([buzz(0.3).samples, np.zeros(4800, np.float32)], axis=1), 16000),
        Recording((buzz(0.3).samples * 32767).astype(np.int16), 16000),
        Recording(np.clip(100 * NOISE, -1, 1), 16000),
        Recording(1e-6 * NOISE, 16000),
    ],
    ids=["short", "8 kHz", "48 kHz", "silent", "stereo", "int16", "clipped", "faint"],
)
def test_seedvc_recordings_of_all_kinds(tiny: Tiny, source: Recording) -> None:
    request = ConversionRequest(source, VOICE, steps=1)
    wave = convert(tiny, request)
    assert len(wave) == expected_samples(tiny, request)
    assert wave.dtype == np.float32
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() <= 1.0


@pytest.mark.parametrize("reference", [buzz(0.1), Recording(np.zeros(16000, np.int16), 16000)])
def test_seedvc_poor_references(tiny: Tiny, reference: Recording) -> None:
    wave = convert(tiny, ConversionRequest(buzz(0.3), reference, steps=1))
    assert np.isfinite(wave).all()


def test_seedvc_five_minutes_of_source(speech: Tiny) -> None:
    request = ConversionRequest(buzz(300.0), VOICE)
    (segments,) = speech.frontend.prepare([request])
    prompt = len(segments[0].prompt)
    assert max(segment.length for segment in segments) == 2580
    frames = sum(segment.length - prompt - 16 for segment in segments) + 16
    assert frames * speech.config.mel.hop == expected_samples(speech, request)
    assert [segment.index for segment in segments] == list(range(len(segments)))
    assert len({segment.seed for segment in segments}) == len(segments)


def test_seedvc_only_25_seconds_of_a_reference_count(speech: Tiny) -> None:
    (segments,) = speech.frontend.prepare([ConversionRequest(buzz(0.2), buzz(26.0))])
    assert len(segments[0].prompt) == 25 * 22050 // 256


SPEECH = Path(__file__).parents[3] / "goldens" / "speech" / "am_michael.flac"


@pytest.mark.parametrize("length_adjust", [1.0, 1.5])
def test_seedvc_nobody_speaks_where_nobody_spoke(speech: Tiny, length_adjust: float) -> None:
    spoken, rate = soundfile.read(SPEECH, dtype="float32")
    spoken = spoken[:rate]
    hiss = 0.003 * np.random.default_rng(0).standard_normal(5 * rate).astype(np.float32)
    whole = hiss + np.concatenate([spoken, np.zeros(3 * rate, np.float32), spoken])
    request = ConversionRequest(Recording(whole, rate), VOICE, steps=1, length_adjust=length_adjust)
    wave = convert(speech, request)
    times = np.arange(len(wave)) / speech.config.sample_rate / length_adjust
    assert not wave[(times > 2.0) & (times < 3.0)].any()
    for start in (0.4, 4.4):
        assert wave[(times > start) & (times < start + 0.4)].all()
    request = replace(request, source=Recording(hiss, rate))
    assert len(convert(speech, request)) == len(wave)
    assert not convert(speech, request).any()


def test_seedvc_same_seed_same_audio(tiny: Tiny) -> None:
    request = ConversionRequest(buzz(0.3), VOICE, steps=2, seed=7)
    wave = convert(tiny, request)
    np.testing.assert_array_equal(wave, convert(tiny, request))
    assert np.abs(wave - convert(tiny, replace(request, seed=8))).max() > 1e-3
    convert(tiny, replace(request, seed=-(2**70)))


def test_seedvc_length_and_pitch_can_be_changed(singing: Tiny) -> None:
    request = ConversionRequest(buzz(0.5), VOICE, steps=1)
    longer = replace(request, length_adjust=1.5)
    assert len(convert(singing, longer)) == expected_samples(singing, longer)
    contents = [
        singing.frontend.prepare([each])[0][0].content
        for each in (request, replace(request, semitones=12.0), replace(request, match_pitch=True))
    ]
    assert all(np.isfinite(content).all() for content in contents)
    assert np.abs(contents[0] - contents[1]).max() > 1e-3


def test_seedvc_bad_request_is_refused_before_any_work(speech: Tiny) -> None:
    silent = Recording(np.full(16000, np.nan, np.float32), 16000)
    with pytest.raises(InvalidInput) as caught:
        speech.frontend.prepare([ConversionRequest(silent, VOICE)])
    assert caught.value.field == "source"


def test_seedvc_reference_is_analysed_once(speech: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    analysed: list[int] = []
    analyse = speech.frontend.analyse

    def counting(waves: list[torch.Tensor]) -> object:
        analysed.append(len(waves))
        return analyse(waves)

    monkeypatch.setattr(speech.frontend, "analyse", counting)
    voice = buzz(0.7, pitch=333.0)
    requests = [ConversionRequest(buzz(0.2), voice), ConversionRequest(buzz(0.3), voice)]
    speech.frontend.prepare(requests)
    speech.frontend.prepare(requests)
    assert analysed == [3, 2]


class Shelf:
    """A store of features in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.held.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.held[key] = data


def test_seedvc_another_process_takes_a_reference_as_this_one_heard_it(
    complete: Path, tiny: Tiny, tmp_path: Path
) -> None:
    shelf = Shelf()
    folder = complete / ("svc44k" if tiny.config.pitched else "vc22k")
    first, second = (build_tiny(folder, tmp_path, features=FeatureCache(shelf)) for _ in range(2))
    request = ConversionRequest(buzz(0.3), golden_audio("target"))
    expected = first.frontend.prepare([request])[0]
    (key,) = shelf.held
    stored = second.frontend.prepare([request])[0]
    assert second.frontend._cache.outcomes == {"stored_hit": 1}
    again = second.frontend.prepare([request])[0]
    for segments in (stored, again):
        for one, other in zip(expected, segments, strict=True):
            np.testing.assert_array_equal(one.prompt, other.prompt)
            np.testing.assert_array_equal(one.style, other.style)
            np.testing.assert_allclose(one.content, other.content, atol=1e-6)
    # What does not fit the model is made anew and replaced.
    shelf.held[key] = shelf.held[key][:-4]
    third = build_tiny(folder, tmp_path, features=FeatureCache(shelf))
    np.testing.assert_array_equal(
        third.frontend.prepare([request])[0][0].prompt, expected[0].prompt
    )
    assert third.frontend._cache.outcomes == {"miss": 1}


def test_seedvc_other_weights_or_types_have_features_of_their_own(
    complete: Path, speech: Tiny, tmp_path: Path
) -> None:
    folder, shelf = complete / "vc22k", Shelf()
    cache = FeatureCache(shelf)
    same, lowered = (
        build_tiny(folder, tmp_path, dtype, cache) for dtype in (torch.float32, torch.bfloat16)
    )
    assert same.frontend._model == speech.frontend._model
    assert lowered.frontend._model != speech.frontend._model
    config = same.config
    content = load_content_encoder(folder / config.content_encoder)
    regulator = load_regulator(folder / "model.pth", config, tmp_path)
    parts = (content, CampPlus(SMALL_SPEAKER).eval(), regulator)
    other = SeedVCFrontend(config, *parts, None, runtime(), cache)
    request = ConversionRequest(buzz(0.2), buzz(0.7, pitch=150.0))
    for frontend in (same.frontend, other):
        frontend.prepare([request])
    assert cache.outcomes == {"miss": 2}
    assert len(shelf.held) == 2


def test_seedvc_stages_load_from_the_official_files(complete: Path, tmp_path: Path) -> None:
    folder = complete / "svc44k"
    campplus = tmp_path / "campplus.bin"
    torch.save(CampPlus().state_dict(), campplus)
    files = SeedVCFiles.beside(folder, read_config(folder / "config.yml"), campplus)
    settings = PipelineSettings(tmp_path, dtype="float32")
    stages = Tiny(
        read_config(folder / "config.yml"),
        SeedVCFrontend.load(files, settings),
        SeedVCDiffusion.load(files, settings),
        SeedVCVocoder.load(files, settings),
    )
    wave = convert(stages, ConversionRequest(buzz(0.2), VOICE, steps=1))
    assert np.isfinite(wave).all()
    assert stages.vocoder.sample_rate == 44100


def test_seedvc_bfloat16_stays_close_to_float32(complete: Path, tiny: Tiny, tmp_path: Path) -> None:
    folder = complete / ("svc44k" if tiny.config.pitched else "vc22k")
    lowered = build_tiny(folder, tmp_path, torch.bfloat16)
    request = ConversionRequest(golden_audio("source"), golden_audio("target"), steps=4)
    (exact,), (close,) = (each.frontend.prepare([request]) for each in (tiny, lowered))
    mels = []
    for each in (tiny, lowered):
        states = each.diffusion.begin(exact)
        for _ in range(request.steps):
            each.diffusion.step(states)
        mels.append(each.diffusion.finish(states)[0].mel)
    assert relative(close[0].content, exact[0].content) < 0.03
    assert relative(mels[1], mels[0]) < 0.03


def relative(ours: np.ndarray, exact: np.ndarray) -> float:
    return float(np.sqrt(np.square(ours - exact).mean()) / exact.std())


def test_seedvc_memory_does_not_grow(speech: Tiny) -> None:
    segment = random_segment(speech.config, 0, steps=1)
    small = BigVGANConfig(80, 8, (4, 4), (8, 8), (3,), ((1, 3),), snake_beta=True, log_scale=True)
    vocoder = SeedVCVocoder(seeded(lambda: BigVGAN(small)), 22050, runtime())

    def run() -> None:
        states = speech.diffusion.begin([segment, replace(segment, seed=1)])
        speech.diffusion.step(states)
        assert not states[0].x.requires_grad
        vocoder.synthesize(speech.diffusion.finish(states))

    process = psutil.Process()
    for _ in range(20):
        run()
    before = process.memory_info().rss
    for _ in range(60):
        run()
    assert process.memory_info().rss - before < 6e6
