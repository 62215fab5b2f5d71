from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.protocol import InvalidInput
from pipelines.settings import CHECKPOINTS
from pipelines.voices.shipped_voices import Pack, catalogue

VOICES = catalogue(CHECKPOINTS)


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return VOICES.packs()


def test_voices_catalogue_lists_what_ships(packs: dict[str, Pack]) -> None:
    assert len(VOICES.voices) == 12
    assert {voice.language for voice in VOICES.voices} == {"en-us", "en-gb"}
    for voice in VOICES.voices:
        assert packs[voice.name].shape == (510, 256)
        assert voice.gender == {"f": "female", "m": "male"}[voice.name[1]]
        assert voice.language == {"a": "en-us", "b": "en-gb"}[voice.name[0]]


@pytest.mark.parametrize(("alias", "name"), [("woman", "af_heart"), ("andreas", "am_michael")])
def test_voices_aliases(alias: str, name: str) -> None:
    assert VOICES.parse(alias) == VOICES.parse(name)


def test_voices_blend_is_linear_and_weights_are_normalised(packs: dict[str, Pack]) -> None:
    blend = VOICES.parse("af_heart:7 + am_michael:3")
    expected = 0.7 * packs["af_heart"][41] + 0.3 * packs["am_michael"][41]
    np.testing.assert_allclose(blend.style(packs, 42), expected, atol=1e-6)


def test_voices_blend_speaks_as_its_heaviest_voice() -> None:
    assert VOICES.parse("af_heart:0.4+bm_george:0.6").language == "en-gb"
    assert VOICES.parse("af_heart:0.6+bm_george:0.4").language == "en-us"
    assert VOICES.parse("bf_emma+af_heart").language == "en-gb"


@pytest.mark.parametrize(("symbols", "row"), [(0, 0), (1, 0), (510, 509), (600, 509)])
def test_voices_row_is_clamped(packs: dict[str, Pack], symbols: int, row: int) -> None:
    style = VOICES.parse("af_bella").style(packs, symbols)
    np.testing.assert_array_equal(style, packs["af_bella"][row])


@pytest.mark.parametrize(
    ("specification", "says"),
    [
        ("", "Known voices: af_heart, woman"),
        ("nobody", "'nobody'"),
        ("af_heart:0", "af_heart must be a number above 0"),
        ("af_heart:-1", "above 0"),
        ("af_heart:nan", "above 0"),
        ("af_heart:inf+am_puck", "above 0"),
        ("af_heart:", "above 0"),
        ("af_heart:1:2", "above 0"),
        ("af_heart+", "''"),
        ("af_heart,am_puck", "joined by +"),
        ("af_heart:0.7,am_puck:0.3", "joined by +"),
        ("af_heart+am_puck+am_onyx+bf_emma+bm_fable", "at most 4"),
    ],
)
def test_voices_bad_specifications(specification: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        VOICES.parse(specification)
    assert refused.value.field == "voice"
    assert refused.value.code == "unknown_voice"
    assert says in refused.value.message


@given(st.text(alphabet="af_heart+:0123456789.ex-∞ ", max_size=40))
def test_voices_any_text_is_a_blend_or_is_refused(specification: str) -> None:
    try:
        blend = VOICES.parse(specification)
    except InvalidInput:
        return
    assert sum(weight for _, weight in blend.parts) == pytest.approx(1)


@given(st.lists(st.floats(5e-324, 1.7e308), min_size=1, max_size=4))
def test_voices_weights_of_any_size_sum_to_one(weights: list[float]) -> None:
    written = [repr(weight).replace("e+", "e") for weight in weights]
    blend = VOICES.parse("+".join(f"af_heart:{weight}" for weight in written))
    assert sum(weight for _, weight in blend.parts) == pytest.approx(1)


def test_voices_and_requests_are_checked_without_torch() -> None:
    code = (
        "import sys; from pipelines import registry; from pipelines.protocol import SpeechRequest;"
        "from pipelines.settings import PipelineSettings;"
        "registry.check('styletts2', 'kokoro', SpeechRequest('Hi.', 'woman'), PipelineSettings());"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_blend_has_the_weighted_gain_of_its_voices() -> None:
    heart, michael = (VOICES.parse(name).gain for name in ("af_heart", "am_michael"))
    blend = VOICES.parse("af_heart:0.7+am_michael:0.3").gain
    assert np.log(blend) == pytest.approx(0.7 * np.log(heart) + 0.3 * np.log(michael))
