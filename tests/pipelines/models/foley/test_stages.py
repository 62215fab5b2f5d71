from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from pipelines import registry
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.files import FoleyFiles
from pipelines.models.foley.frontend import FoleyFrontend
from pipelines.models.foley.phrases import PHRASES, read_phrases, write_phrases
from pipelines.models.foley.reading.courses import Course
from pipelines.models.foley.segments import Layer
from pipelines.models.foley.synthesis.sound import DISTANCE, PITCH, SPACE, SPEED
from pipelines.models.foley.words import traits_in
from pipelines.protocol import InvalidInput, Waveform
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import WeightsMissing
from pipelines.weights.torch_files import CheckpointError

SETTINGS = PipelineSettings()
NAMES = ("make-an-audio", "foley")


@pytest.fixture(scope="module")
def frontend() -> FoleyFrontend:
    registry.fetch("foley", SETTINGS)
    return FoleyFrontend(FoleyFiles.of(SETTINGS), SETTINGS)


def made(frontend: FoleyFrontend, *requests: SoundRequest) -> list[Waveform]:
    diffusion = registry.load_diffusion(*NAMES, SETTINGS)
    states = diffusion.begin([segment for [segment] in frontend.prepare(requests)])
    assert not any(state.steps_left for state in states)
    waves = registry.load_vocoder(*NAMES, SETTINGS).synthesize(diffusion.finish(states))
    return [registry.joiner(*NAMES, SETTINGS).add(wave) for wave in waves]


@pytest.mark.parametrize(
    ("prompt", "layers"),
    [
        ("A dog barks twice.", {"dog": {}}),
        ("fast footsteps in a large hall", {"footsteps": {SPEED: 1, SPACE: 1}}),
        ("Rain on a tin roof, thunder far away.", {"rain": {}, "thunder": {DISTANCE: 1}}),
        ("a deep church bell and birdsong", {"church_bell": {PITCH: -1}, "birds": {}}),
        ("Somebody raps on the door, at night", {"knocking": {}}),
    ],
)
def test_foley_description_is_understood(
    frontend: FoleyFrontend, prompt: str, layers: dict[str, dict[str, int]]
) -> None:
    assert {layer.kind: layer.traits for layer in frontend.layers(prompt)} == layers


def test_foley_every_phrase_finds_its_own_kind(frontend: FoleyFrontend) -> None:
    kept = read_phrases(SETTINGS.checkpoints / "foley/phrases.safetensors")
    nearest = (kept @ kept.T).argmax(axis=1)
    assert [PHRASES[place][1] for place in nearest] == [kind for _, kind in PHRASES]
    for phrase, kind in PHRASES[::40]:
        found, sureness = frontend.nearest(phrase)
        assert found == kind
        assert sureness == pytest.approx(1, abs=2e-3), "the file is of other phrases"


@pytest.mark.parametrize(
    ("phrase", "kind"), [(phrase, kind) for phrase, kind in PHRASES if traits_in(phrase)]
)
def test_foley_words_that_tell_traits_may_belong_to_the_name(
    frontend: FoleyFrontend, phrase: str, kind: str
) -> None:
    assert [layer.kind for layer in frontend.layers(phrase)] == [kind]


@settings(max_examples=25, deadline=None)
@given(prompt=st.text(min_size=1, max_size=300))
def test_foley_any_text_gives_a_sound(frontend: FoleyFrontend, prompt: str) -> None:
    layers = frontend.layers(prompt)
    assert 1 <= len(layers) <= 3
    assert {layer.kind for layer in layers} <= set(SOUNDS)


def test_foley_batch_equals_its_members_alone_and_the_seed_decides(frontend: FoleyFrontend) -> None:
    requests = [
        SoundRequest("Rain on a tin roof, thunder far away.", 2.0, seed=3),
        SoundRequest("A dog barks", 1.25, seed=3),
        SoundRequest("A dog barks", 1.25, seed=4),
    ]
    together = made(frontend, *requests)
    for request, wave in zip(requests, together, strict=True):
        [alone] = made(frontend, request)
        np.testing.assert_array_equal(wave, alone)
        assert wave.shape == (round(request.seconds * 16_000),)
        assert 0.05 < np.abs(wave).max() < 1
    assert np.abs(together[1] - together[2]).max() > 0.01


def test_foley_layers_sound_together(frontend: FoleyFrontend) -> None:
    both, rain = made(
        frontend,
        SoundRequest("rain, church bell", 2.0, seed=3),
        SoundRequest("rain", 2.0, seed=3),
    )
    assert [layer.kind for layer in frontend.layers("rain, church bell")] == ["rain", "church_bell"]
    low = slice(200, 2000)
    assert np.abs(np.fft.rfft(both))[low].max() > 3 * np.abs(np.fft.rfft(rain))[low].max()


@pytest.mark.parametrize("seconds", [0.4, 301.0, float("nan")])
def test_foley_lengths_that_cannot_be_made_are_refused(seconds: float) -> None:
    with pytest.raises(InvalidInput, match=r"between 0\.5 and 300 seconds"):
        registry.check(*NAMES, SoundRequest("rain", seconds), SETTINGS)


def test_foley_without_minilm_the_command_is_named(tmp_path: Path) -> None:
    shutil.copy(SETTINGS.checkpoints / "manifest.toml", tmp_path)
    there = replace(SETTINGS, checkpoints=tmp_path)
    assert not registry.installed("foley", there)
    with pytest.raises(WeightsMissing, match=r"bernie fetch foley$"):
        registry.load_frontend(*NAMES, there)


def test_foley_phrases_of_another_catalogue_are_refused(tmp_path: Path) -> None:
    save_file({"phrases": np.zeros((3, 384), np.float16)}, tmp_path / "phrases.safetensors")
    with pytest.raises(CheckpointError, match=f"3 phrases instead of {len(PHRASES)}"):
        read_phrases(tmp_path / "phrases.safetensors")


def test_foley_phrases_are_written_as_they_are_read(tmp_path: Path) -> None:
    def encode(texts: Any) -> Any:
        return np.tile(np.arange(len(texts), dtype=np.float32)[:, None], 4)

    write_phrases(encode, tmp_path / "phrases.safetensors")
    np.testing.assert_array_equal(
        read_phrases(tmp_path / "phrases.safetensors")[:, 0], range(len(PHRASES))
    )


def test_foley_unknown_trait_of_a_kind_changes_nothing(frontend: FoleyFrontend) -> None:
    assert frontend.layers("heavy footsteps") == (Layer("footsteps", {"intensity": 1}),)
    assert len(made(frontend, SoundRequest("heavy footsteps", 1.0))[0]) == 16_000


def test_foley_segment_names_its_sounds_and_says_where_none_is_near(
    frontend: FoleyFrontend,
) -> None:
    near, far = SoundRequest("Rain, and thunder far away."), SoundRequest("the smell of old books")
    [[heard], [unheard]] = frontend.prepare([near, far])
    assert heard.sounds == ("rain", "thunder")
    assert heard.note == ""
    assert unheard.note.startswith("No kind of sound is near the description")
    strict = FoleyFrontend(FoleyFiles.of(SETTINGS), replace(SETTINGS, sound_similarity=0.5))
    strict.prepare([near])
    with pytest.raises(InvalidInput, match=r"The service asks for 0\.50") as refused:
        strict.prepare([far])
    assert (refused.value.field, refused.value.code) == ("prompt", "unknown_sound")


@pytest.mark.parametrize(
    ("prompt", "sounds"),
    [
        ("two gunshots and an explosion", ["gunshot 2", "explosion 1"]),
        ("Doorbell. A dog barks. Door opens.", ["doorbell 1", "dog None", "door 1"]),
        ("a door slams, then another", ["door 1", "door 1"]),
        ("someone knocks, and the door creaks open", ["knocking None", "creaking None"]),
        ("three doors slamming", ["door 3"]),
        ("following the doorbell, a dog", ["doorbell 1", "dog None"]),
        ("sonar, three pings", ["sonar 3"]),
    ],
)
def test_foley_counted_events_come_one_after_the_other(
    frontend: FoleyFrontend, prompt: str, sounds: list[str]
) -> None:
    layers = frontend.layers(prompt)
    assert [f"{layer.kind} {layer.count}" for layer in layers] == sounds
    assert [layer.start for layer in layers] == sorted({layer.start for layer in layers})


@pytest.mark.parametrize(
    "prompt",
    ["a gunshot while a dog barks", "crickets and a gunshot", "a dog barking, a cat meowing"],
)
def test_foley_what_sounds_together_is_not_put_in_a_row(
    frontend: FoleyFrontend, prompt: str
) -> None:
    assert {layer.start for layer in frontend.layers(prompt)} == {0.0}


def test_foley_rain_that_becomes_a_downpour_is_one_sound(frontend: FoleyFrontend) -> None:
    [rain] = frontend.layers("Gentle rain becoming a torrential downpour")
    assert (rain.kind, rain.courses) == ("rain", (Course.UP,))


@pytest.mark.parametrize(
    ("prompt", "noted"),
    [("scream", True), ("seagulls", True), ("a dog", False), ("an ambulance races past", False)],
)
def test_foley_unsure_kind_is_noted_unless_a_word_of_its_names_was_said(
    frontend: FoleyFrontend, prompt: str, noted: bool
) -> None:
    assert bool(frontend.understood(prompt, 5.0).note) is noted


@pytest.mark.parametrize("prompt", [".", "?!", "🐶", "a", "no rain", "0 gunshots", "silence"])
def test_foley_descriptions_of_nothing_are_refused(prompt: str) -> None:
    with pytest.raises(InvalidInput, match="names nothing that is to be heard") as refused:
        registry.check(*NAMES, SoundRequest(prompt, 5.0), SETTINGS)
    assert refused.value.field == "prompt"


@pytest.mark.parametrize("prompt", ["<b>rain</b>", "<up> rain <foo_bar>", "&lt;rain&gt;"])
def test_foley_tags_in_a_description_are_left_out(frontend: FoleyFrontend, prompt: str) -> None:
    registry.check(*NAMES, SoundRequest(prompt, 5.0), SETTINGS)
    assert frontend.layers(prompt) == (Layer("rain", {}),)
