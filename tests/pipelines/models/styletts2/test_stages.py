from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.audio.edges import WHOLE
from pipelines.audio.inner_pauses import Mark
from pipelines.models.styletts2.diffusion import MARGIN_FRAMES, StyleTTS2Diffusion
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.models.styletts2.vocoder import SOUND_LEADS
from pipelines.protocol import SideBySide, SpeechRequest, Vocoder, Waveform, Word, uttered
from pipelines.registry import load_frontend, load_vocoder
from pipelines.settings import PipelineSettings
from pipelines.threads import use_threads

LONGEST_FRAMES = 400
"""Ten seconds: 125 characters at the pace of the slowest voice."""


@pytest.fixture(scope="module")
def spoken(settings: PipelineSettings, diffusion: StyleTTS2Diffusion) -> SpeechAcoustic:
    frontend = load_frontend("styletts2", "kokoro", settings)
    [segments] = frontend.prepare([SpeechRequest("A quiet morning.", "af_heart")])
    [acoustic] = diffusion.finish(diffusion.begin(segments))
    assert isinstance(acoustic, SpeechAcoustic)
    return acoustic


@pytest.mark.parametrize("dtype", ["auto", "float32"])
def test_samples_are_the_same_by_any_number_of_threads(
    spoken: SpeechAcoustic, settings: PipelineSettings, dtype: str
) -> None:
    """So that segments may be computed alone or side by side."""
    vocoder = load_vocoder("styletts2", "kokoro", replace(settings, dtype=dtype))
    assert isinstance(vocoder, SideBySide)
    if not vocoder.same_by_any_threads:
        pytest.skip("there are no fast convolutions here")

    def made(threads: int) -> Waveform:
        use_threads(threads)
        return vocoder.synthesize([spoken])[0]

    before = torch.get_num_threads()
    try:
        one, *others = (made(threads) for threads in (1, 2, 3, 4))
    finally:
        use_threads(before)
    for other in others:
        np.testing.assert_array_equal(other, one)


def test_kokoro_there_is_nothing_to_denoise(
    diffusion: StyleTTS2Diffusion, settings: PipelineSettings
) -> None:
    frontend = load_frontend("styletts2", "kokoro", settings)
    [segments] = frontend.prepare([SpeechRequest("Hello.", "af_heart")])
    assert [state.steps_left for state in diffusion.begin(segments)] == [0]


def test_kokoro_speech_lasts_by_its_speed(
    diffusion: StyleTTS2Diffusion, vocoder: Vocoder, settings: PipelineSettings
) -> None:
    frontend = load_frontend("styletts2", "kokoro", settings)
    requests = [SpeechRequest("The boats came home.", "am_puck", speed=s) for s in (0.5, 1.0, 2.0)]
    segments = [segment for [segment] in frontend.prepare(requests)]
    acoustics = [replace(each, edges=WHOLE) for each in diffusion.finish(diffusion.begin(segments))]
    made = uttered(vocoder, acoustics)
    slow, plain, fast = (len(each.waveform) for each in made)
    assert slow / plain == pytest.approx(2, rel=0.05)
    assert fast / plain == pytest.approx(0.5, rel=0.05)
    times = np.array([[word.start for word in each.words] for each in made])
    assert times.shape == (3, 4)
    assert (np.diff(times, axis=1) > 0).all()
    # Frames of 25 ms, and what the model makes of another speed.
    np.testing.assert_allclose(times[0] / 2, times[1], atol=0.06)
    np.testing.assert_allclose(times[2] * 2, times[1], atol=0.08)


def test_words_of_the_neighbours_are_not_heard(
    diffusion: StyleTTS2Diffusion, vocoder: Vocoder, settings: PipelineSettings
) -> None:
    short = replace(settings, chunk_characters=24)
    frontend = load_frontend("styletts2", "kokoro", short)
    [segments] = frontend.prepare(
        [SpeechRequest("the boats came home and the crew slept", "af_heart")]
    )
    one, two = diffusion.finish(diffusion.begin(segments))
    assert (one.skip_start, two.skip_end) == (0, 0)
    assert one.skip_end == two.skip_start == MARGIN_FRAMES
    assert two.words[0].start == pytest.approx(MARGIN_FRAMES * 0.025)
    made = uttered(vocoder, [one, two])
    own = (one.length - MARGIN_FRAMES) * 0.025
    assert len(made[0].waveform) / vocoder.sample_rate == pytest.approx(own, abs=0.001)
    assert made[0].words[-1].stop == pytest.approx(own - SOUND_LEADS)
    assert made[1].words[0].start == pytest.approx(0)
    assert [made[0].waveform[-1], made[1].waveform[0]] == [0, 0]


@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_words_begin_before_their_frames(
    vocoder: Vocoder, spoken: SpeechAcoustic, stretch: float
) -> None:
    words = (Word(0, 1, "a", 0.0, 0.2), Word(2, 3, "b", 0.2, 0.4))
    [made] = uttered(vocoder, [replace(spoken, edges=WHOLE, words=words, stretch=stretch)])
    first, second = made.words
    assert (first.start, first.stop) == (0, pytest.approx((0.2 - SOUND_LEADS) / stretch))
    assert second.start == pytest.approx((0.2 - SOUND_LEADS) / stretch)
    assert second.stop == pytest.approx((0.4 - SOUND_LEADS) / stretch)


@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_pause_at_a_mark_is_lengthened_and_the_words_behind_it_move(
    vocoder: Vocoder, spoken: SpeechAcoustic, stretch: float
) -> None:
    energy = np.zeros_like(spoken.energy)
    middle = len(energy) // 2
    energy[middle - 2 : middle + 2] = -20
    time, end = middle * 0.0125, len(energy) * 0.0125
    words = (Word(0, 1, "a", 0.0, time - 0.025), Word(2, 3, "b", time + 0.025, end))
    plain = replace(spoken, energy=energy, edges=WHOLE, words=words, stretch=stretch)
    marked = replace(plain, marks=(Mark(time - 0.025, time + 0.025, 0.3, 0.5),))
    before, after = uttered(vocoder, [plain, marked])
    added = (0.3 - 0.05) / stretch
    assert len(after.waveform) - len(before.waveform) == round(added * vocoder.sample_rate)
    assert after.words[0] == before.words[0]
    assert after.words[1].start - before.words[1].start == pytest.approx(added)
    assert after.words[1].stop - before.words[1].stop == pytest.approx(added)
    silent = round((time / stretch + added / 2) * vocoder.sample_rate)
    assert not np.abs(after.waveform[silent - 100 : silent + 100]).max() > 0
    [alone] = uttered(vocoder, [marked])
    assert len(alone.waveform) == len(after.waveform)


def test_kokoro_bfloat16_stays_close_to_float32(
    settings: PipelineSettings, spoken: SpeechAcoustic
) -> None:
    waves = []
    for dtype in ("float32", "bfloat16"):
        vocoder = load_vocoder("styletts2", "kokoro", replace(settings, dtype=dtype))
        waves.append(vocoder.synthesize([spoken])[0])
    exact, rounded = waves
    error = np.sum((exact - rounded) ** 2)
    assert 0 < error < 10**-2 * np.sum(exact**2)


def test_kokoro_process_with_only_the_vocoder_stays_small(settings: PipelineSettings) -> None:
    """Peak resident memory at the longest segment, in a process of its own."""
    code = f"""
import resource, sys
from pathlib import Path
import numpy as np
from pipelines.registry import load_vocoder
from pipelines.settings import PipelineSettings
from pipelines.threads import use_threads
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.models.styletts2.vocoder import SOUND_LEADS

frames = {LONGEST_FRAMES}
random = np.random.default_rng(0)
f0, energy = random.uniform(80, 300, (2, 2 * frames)).astype(np.float32)
asr = random.normal(size=(512, frames)).astype(np.float32)
style = np.zeros(128, np.float32)
vocoder = load_vocoder("styletts2", "kokoro", PipelineSettings())
vocoder.synthesize([SpeechAcoustic(0, 1, frames, asr, f0, energy, style)])
assert "transformers" not in sys.modules
status = Path("/proc/self/status")
if status.exists():  # The usage of a process counts what its parent had when it was made.
    print(status.read_text().split("VmHWM:")[1].split()[0])
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    kibibytes = int(done.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kibibytes < 1.5 * 2**20


def test_kokoro_loud_and_a_quiet_voice_speak_at_one_level(
    diffusion: StyleTTS2Diffusion, vocoder: Vocoder, settings: PipelineSettings
) -> None:
    text = "Nobody had seen the two of them for years."
    requests = [SpeechRequest(text, voice) for voice in ("bf_isabella", "am_michael")]
    levels = []
    frontend = load_frontend("styletts2", "kokoro", settings)
    for segments in frontend.prepare(requests):
        (wave,) = vocoder.synthesize(diffusion.finish(diffusion.begin(segments)))
        frames = wave[: len(wave) // 480 * 480].reshape(-1, 480)
        energy = np.sort(np.mean(frames**2, axis=1))[len(frames) // 2 :]
        levels.append(10 * np.log10(energy.mean()))
    assert abs(levels[0] - levels[1]) < 2.5, "without gains they are 6 dB apart"
