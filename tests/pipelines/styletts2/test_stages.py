from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from pipelines.protocol import SpeechRequest
from pipelines.registry import load_frontend, load_vocoder
from pipelines.settings import PipelineSettings
from pipelines.styletts2.diffusion import KokoroDiffusion
from pipelines.styletts2.segments import SpeechAcoustic

LONGEST_FRAMES = 400
"""Ten seconds: 125 characters at the pace of the slowest voice."""


@pytest.fixture(scope="module")
def spoken(settings: PipelineSettings, diffusion: KokoroDiffusion) -> SpeechAcoustic:
    frontend = load_frontend("styletts2", "kokoro", settings)
    [segments] = frontend.prepare([SpeechRequest("A quiet morning.", "af_heart")])
    [acoustic] = diffusion.finish(diffusion.begin(segments))
    assert isinstance(acoustic, SpeechAcoustic)
    return acoustic


def test_there_is_nothing_to_denoise(
    diffusion: KokoroDiffusion, settings: PipelineSettings
) -> None:
    frontend = load_frontend("styletts2", "kokoro", settings)
    [segments] = frontend.prepare([SpeechRequest("Hello.", "af_heart")])
    assert [state.steps_left for state in diffusion.begin(segments)] == [0]


def test_slower_speech_is_longer(diffusion: KokoroDiffusion, settings: PipelineSettings) -> None:
    frontend = load_frontend("styletts2", "kokoro", settings)
    requests = [SpeechRequest("The boats came home.", "am_puck", speed=s) for s in (0.5, 1.0, 2.0)]
    segments = [segment for [segment] in frontend.prepare(requests)]
    slow, plain, fast = (a.length for a in diffusion.finish(diffusion.begin(segments)))
    assert slow / plain == pytest.approx(2, rel=0.1)
    # A token lasts a frame at least, so fast speech does not quite reach its speed.
    assert fast / plain == pytest.approx(0.55, rel=0.1)


def test_bfloat16_stays_close_to_float32(
    settings: PipelineSettings, spoken: SpeechAcoustic
) -> None:
    waves = []
    for dtype in ("float32", "bfloat16"):
        vocoder = load_vocoder("styletts2", "kokoro", replace(settings, dtype=dtype))
        waves.append(vocoder.synthesize([spoken])[0])
    exact, rounded = waves
    error = np.sum((exact - rounded) ** 2)
    assert 0 < error < 10**-2 * np.sum(exact**2)


def test_a_process_with_only_the_vocoder_stays_small(settings: PipelineSettings) -> None:
    """Peak resident memory at the longest segment, in a process of its own."""
    code = f"""
import resource, sys
import numpy as np
from pipelines.registry import load_vocoder
from pipelines.settings import PipelineSettings
from pipelines.styletts2.segments import SpeechAcoustic

frames = {LONGEST_FRAMES}
random = np.random.default_rng(0)
f0, energy = random.uniform(80, 300, (2, 2 * frames)).astype(np.float32)
asr = random.normal(size=(512, frames)).astype(np.float32)
style = np.zeros(128, np.float32)
vocoder = load_vocoder("styletts2", "kokoro", PipelineSettings())
vocoder.synthesize([SpeechAcoustic(0, 1, frames, asr, f0, energy, style)])
assert "transformers" not in sys.modules
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    kibibytes = int(done.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kibibytes < 1.5 * 2**20
