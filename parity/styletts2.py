"""StyleTTS2 against recordings of the reference; see `parity.comparison`.

Every stage is fed its recorded input. The last rows run all stages in turn from text to waveform:
there a thousandth of a hertz grows in the sum of phases, so that only a loose bound can hold.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor

from parity.comparison import RecordedTensors, Row, compare_abs, compare_rms
from parity.styletts2_taps import decoder_outputs, outputs, spectra_from_float64
from pipelines.audio.recording import Recording as Sound
from pipelines.audio.recording import at_rate
from pipelines.models.styletts2.alignment import align, delayed, expected_durations, frame_counts
from pipelines.models.styletts2.checkpoint import published_checkpoint
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.published.references import published_frontend
from pipelines.models.styletts2.sampler import advance, levels_of, noise_levels, schedule
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.models.styletts2.style_encoder import StyleEncoder, reference_mel, trim_bounds
from pipelines.models.styletts2.styles import mixed_style
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.networks.vocoders.generator_config import HifiganConfig
from pipelines.networks.vocoders.istftnet import IstftnetGenerator
from pipelines.requests.speech import Sampling, StyledRequest
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings

EXACT = 0.0
ABSOLUTE, RELATIVE = 2e-5, 1e-5
"""An output may differ by ABSOLUTE and by RELATIVE times the largest value recorded."""
HERTZ = 5e-3
CHAINED, CHAINED_PHASES = 0.05, 0.3
"""Limits of the relative rms error of a waveform all the way from the text: with a generator of
samples, and with one of phases, which jump by 2π."""

TEXTS = ("text_a", "text_b")
REFERENCE = "ref_24k_mono"
"""The recording whose voice speaks the texts."""
DEFAULTS, LONG_FORM = Sampling(), Sampling(long_form=True)
FLOAT32 = Runtime(torch.device("cpu"), torch.float32)


class Comparison:
    """The recordings of one folder, and the rows found so far."""

    def __init__(self, folder: Path, settings: PipelineSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.checkpoint = published_checkpoint(folder, settings)
        self.config = self.checkpoint.config
        self.acoustic = StyleTTS2Diffusion(self.checkpoint, settings).model
        self.decoder = StyleTTS2Vocoder(self.checkpoint, settings).model
        manifest = json.loads((folder / "manifest.json").read_text())
        self.spoken: dict[str, str] = {
            f"text_{name}": text["text"] for name, text in manifest["texts"].items()
        }
        names = ("reference", *TEXTS, "decoder_direct", "batch2", "longform")
        self.recordings = {name: RecordedTensors(folder / f"{name}.safetensors") for name in names}
        self.rows: list[Row] = []

    def check(
        self,
        recording: str,
        key: str,
        ours: Tensor,
        absolute: float = ABSOLUTE,
        also: Tensor | None = None,
    ) -> None:
        """Compare with the tensor `key` of a recording, if it has that. Where another rounding of
        ours, `also`, is further away than the tolerance, that is as near as any can come."""
        if key not in self.recordings[recording]:
            return
        golden = self.recordings[recording][key]
        largest = golden.abs().max().item() if golden.is_floating_point() else 0.0
        tolerance = absolute + RELATIVE * largest if absolute else EXACT
        if also is not None:
            tolerance = max(tolerance, (also - ours).abs().max().item())
        self.rows.append(compare_abs(recording, key, ours, golden, tolerance))

    def reference_style(self, recording: RecordedTensors) -> Tensor | None:
        """The style of the speaker, `[batch, 2 · style]`, for models of many speakers."""
        return recording["ref_s"] if self.config.multispeaker else None

    def sound(self, name: str) -> Sound:
        samples, rate = soundfile.read(self.folder / f"{name}.wav", dtype="float32")
        return Sound(samples, rate)


def compare(folder: Path) -> list[Row]:
    """One row for each recorded tensor. Raises CheckpointError, FileNotFoundError and KeyError."""
    with tempfile.TemporaryDirectory() as checkpoints:
        comparison = Comparison(folder, PipelineSettings(Path(checkpoints), dtype="float32"))
        reference(comparison)
        for name in TEXTS:
            for stage in (text, sampler, prosody, spoken, alternative):
                stage(comparison, name)
        for part in (decoder_alone, batch, long_form, end_to_end):
            part(comparison)
    missed = [row for recording in comparison.recordings.values() for row in recording.left_out()]
    return comparison.rows + missed


def reference(c: Comparison) -> None:
    golden = c.recordings["reference"]
    encoders = {name: StyleEncoder(c.config) for name in ("style_encoder", "predictor_encoder")}
    for name, encoder in encoders.items():
        c.checkpoint.fill(encoder, f"{name}.")
    for key in [key for key in golden if key.endswith(".loaded")]:
        name = key.removesuffix(".loaded")
        wave = golden[key]
        c.check("reference", key, torch.from_numpy(at_rate(c.sound(name), c.config.sample_rate)))
        first, end = trim_bounds(wave.numpy())
        c.check("reference", f"{name}.trim_start_end", torch.tensor([first, end]), EXACT)
        c.check("reference", f"{name}.mel", reference_mel(wave[None, first:end]))
    styles: dict[str, Tensor] = {}
    for key in [key for key in golden if key.endswith(".mel")]:
        name = key.removesuffix(".mel")
        mel = golden[key].flatten(0, -3)
        for which, encoder in encoders.items():
            layers = {f"shared{i}": layer for i, layer in enumerate(encoder.shared)}
            styles[f"{name}.{which}"], found = outputs(layers, lambda: encoder(mel))  # noqa: B023
            c.check("reference", f"{name}.{which}", styles[f"{name}.{which}"])
            for layer, output in found.items():
                c.check("reference", f"{name}.{which}.{layer}", output)
    c.check("reference", "ref_s", torch.cat([styles[f"{REFERENCE}.{e}"] for e in encoders], dim=1))


def text(c: Comparison, name: str) -> None:
    golden = c.recordings[name]
    tokens, lengths = golden["tokens"], _lengths(golden)
    segments: Any = published_frontend(c.checkpoint, c.settings).prepare([_request(c, name)])[0]
    ours = torch.tensor([segment.tokens.tolist() for segment in segments])
    c.check(name, "tokens", ours, EXACT)
    c.check(name, "input_lengths", torch.tensor([ours.shape[1]]), EXACT)
    c.check(name, "text_mask", (~lengths.real).to(torch.uint8), EXACT)
    c.check(name, "text_encoder.out", c.acoustic.text_encoder(tokens, lengths))
    c.check(name, "bert.out", c.acoustic.read(tokens, lengths))
    c.check(name, "bert_encoder.out", c.acoustic.bert_encoder(golden["bert.out"]).mT)


def sampler(c: Comparison, name: str) -> None:
    golden = c.recordings[name]
    for key in [key for key in golden if re.fullmatch(r"sampler\.n\d+\.sigmas", key)]:
        case = key.removesuffix(".sigmas")
        count = int(case.removeprefix("sampler.n"))
        steps = schedule(count)
        c.check(name, key, torch.tensor([*noise_levels(count), 0.0]))
        for part in ("up", "down", "middle"):
            values = torch.tensor([getattr(step, part) for step in steps], dtype=torch.float64)
            c.check(name, f"{case}.sigma_{part.removesuffix('dle')}", values)
        for result in [other for other in golden if re.fullmatch(rf"{case}\.s[\d.]+\.out", other)]:
            _sampled(c, name, result.removesuffix(".out"))


def _sampled(c: Comparison, name: str, case: str) -> None:
    """One recorded run of the sampler; `case` is like `sampler.n5.s2`."""
    golden = c.recordings[name]
    noises, scale = case.rpartition(".s")[0], float(case.rpartition(".s")[2])
    steps = schedule(int(noises.removeprefix("sampler.n")))
    denoiser = GuidedDenoiser(
        [golden["bert.out"][0]],
        c.reference_style(golden),
        [scale],
        DenoiserPasses(c.acoustic.denoiser, FLOAT32),
    )
    calls: dict[str, list[Tensor]] = {}

    def keep(**tensors: Tensor) -> None:
        for key, tensor in tensors.items():
            calls.setdefault(key, []).append(tensor)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        result = denoiser(x, sigma)
        keep(denoised=result[:, None], denoised_sigma=sigma[0].double())
        return result

    predict = denoiser.network

    def network(x: Tensor, level: Tensor) -> Tensor:
        result = predict(x, level)
        keep(net_in=x[:, None], net_c_noise=level, net_out=result[:, None])
        return result

    denoiser.network = network  # type: ignore[method-assign]
    x = steps[0].start * golden[f"{noises}.init_noise"][:, 0]
    for step, noise in zip(steps, golden[f"{noises}.step_noise"], strict=True):
        x = advance(denoise, x, levels_of([step], x.device), noise[:, 0])
        keep(x_after_step=x[:, None])
    for key, tensors in calls.items():
        c.check(name, f"{case}.{key}", torch.stack(tensors))
    c.check(name, f"{case}.out", x[:, None])


def prosody(c: Comparison, name: str) -> None:
    golden = c.recordings[name]
    lengths = _lengths(golden)
    sampled = golden["sampler.n5.s1.out"][0, 0]
    _check_style(c, name, "style.", sampled, golden, DEFAULTS)
    style = golden["style.s"]
    predictor = c.acoustic.predictor
    (features, logits), found = outputs(
        {"lstm": predictor.lstm},
        lambda: predictor.durations(golden["bert_encoder.out"].mT, style, lengths),
    )
    c.check(name, "predictor.d", features.mT)
    c.check(name, "predictor.lstm", found["lstm"])
    c.check(name, "predictor.duration_logits", logits)
    logits = golden["predictor.duration_logits"]
    c.check(name, "duration.sum", expected_durations(logits))
    frames = frame_counts(logits, torch.ones(1), lengths)
    frames[0][-1] += c.config.final_frames
    c.check(name, "duration.frames", frames[0], EXACT)
    rows, _ = align(torch.eye(lengths.longest)[None], frames)
    c.check(name, "alignment", rows[0].to(torch.uint8), EXACT)
    for suffix, counts in (("", frames), ("_shifted", delayed(frames, lengths))):
        c.check(name, f"en{suffix}", align(golden["predictor.d"].mT, counts)[0])
        c.check(name, f"asr{suffix}", align(golden["text_encoder.out"], counts)[0])
    aligned = golden["en_shifted" if c.config.delayed_features else "en"]
    f0, energy = predictor.contours(aligned, style, Lengths.of([aligned.shape[2]]))
    c.check(name, "F0", f0, HERTZ)
    c.check(name, "N", energy)


def spoken(c: Comparison, name: str) -> None:
    """The decoder, where the noise is recorded that its source was given."""
    golden = c.recordings[name]
    golden.set_aside(["noise.rand_ini"])  # Has no effect.
    if "noise.sine" not in golden:
        return
    inputs = (
        golden["asr_shifted" if c.config.delayed_features else "asr"],
        golden["F0"],
        golden["N"],
        golden["style.ref"],
        golden["noise.sine"].float(),
    )
    found, rounded = _decoded(c, *inputs)
    for key, output in found.items():
        c.check(name, key, output, also=rounded.get(key))
    waves = [each["wav_full"][: -c.config.cut or None] for each in (found, rounded) if each]
    c.check(name, "wav", waves[0], also=waves[-1])


def _decoded(
    c: Comparison, asr: Tensor, f0: Tensor, energy: Tensor, style: Tensor, noise: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What the decoder gives, and what it gives where the spectra of its source are rounded from
    float64, if it has any.

    In bins that are nearly empty the last bit of a Fourier transform decides upon a phase, which
    then jumps by up to 2π. It depends on the library and the processor.
    """
    inputs = (c.decoder, asr, f0, energy, style, noise)
    found = decoder_outputs(*inputs)
    if not isinstance(c.decoder.generator, IstftnetGenerator):
        return found, {}
    with spectra_from_float64(c.decoder.generator.spectra):
        return found, decoder_outputs(*inputs)


def alternative(c: Comparison, name: str) -> None:
    """Durations with the style of a longer, guided run of the sampler."""
    golden = c.recordings[name]
    _check_style(c, name, "alt.style.", golden["sampler.n10.s2.out"][0, 0], golden, DEFAULTS)
    logits = _duration_logits(c, golden, golden["alt.style.s"])
    c.check(name, "alt.duration.sum", expected_durations(logits))
    [frames] = frame_counts(logits, torch.ones(1), _lengths(golden))
    c.check(name, "alt.duration.frames", frames, EXACT)


def decoder_alone(c: Comparison) -> None:
    golden = c.recordings["decoder_direct"]
    golden.set_aside(["noise.rand_ini"])
    runs = {"noisy": (golden["in.F0"], golden["noise.sine"].float())}
    runs["zero"] = (golden["zero.in.F0"], torch.zeros_like(runs["noisy"][1]))
    for prefix, (f0, noise) in runs.items():
        asr, energy, style = (golden[f"in.{key}"] for key in ("asr", "N", "ref"))
        found, rounded = _decoded(c, asr, f0, energy, style, noise)
        for key, output in found.items():
            c.check("decoder_direct", f"{prefix}.{key}", output, also=rounded.get(key))


def batch(c: Comparison) -> None:
    """Two texts, padded. What the reference computes without a mask is right for the longer only.

    Compared at real positions.
    """
    golden = c.recordings["batch2"]
    tokens, lengths = golden["tokens"], _lengths(golden)
    c.check("batch2", "text_mask", (~lengths.real).to(torch.uint8), EXACT)
    predictor, style = c.acoustic.predictor, golden["style.s"]

    def check(key: str, ours: Tensor, mask: Tensor) -> None:
        _masked_check(c, "batch2", key, ours, mask)

    by_token, by_channel = lengths.real[:, :, None], lengths.real[:, None]
    check("text_encoder.out", c.acoustic.text_encoder(tokens, lengths), by_channel)
    check("bert.out", c.acoustic.read(tokens, lengths), by_token)
    check("bert_encoder.out", c.acoustic.bert_encoder(golden["bert.out"]).mT, by_channel)
    features, logits = predictor.durations(golden["bert_encoder.out"].mT, style, lengths)
    check("predictor.d", features.mT, by_token)
    check("predictor.duration_logits_packed", logits, by_token)
    longest = (lengths.tensor == lengths.longest)[:, None, None]
    check("predictor.duration_logits_unpacked", logits, longest)
    texts = [row[:count] for row, count in zip(golden["bert.out"], lengths.values, strict=True)]
    denoiser = GuidedDenoiser(
        texts,
        c.reference_style(golden),
        [1.0] * len(texts),
        DenoiserPasses(c.acoustic.denoiser, FLOAT32),
    )
    noises = golden["sampler.n5.step_noise"]
    steps = schedule(len(noises) + 1)
    x = steps[0].start * golden["sampler.n5.init_noise"][:, 0]
    for step, noise in zip(steps, noises, strict=True):
        x = advance(denoiser, x, levels_of([step] * len(x), x.device), noise[:, 0])
    check("sampler.n5.s1.out_unmasked", x[:, None], longest)


def _masked_check(c: Comparison, name: str, key: str, ours: Tensor, mask: Tensor) -> None:
    golden = c.recordings[name][key]
    tolerance = ABSOLUTE + RELATIVE * golden.abs().max().item()
    c.rows.append(compare_abs(name, key, ours * mask, golden * mask, tolerance))


def long_form(c: Comparison) -> None:
    """The second text continues the style of the first."""
    golden = c.recordings["longform"]
    previous = None
    for name in TEXTS:
        case, recorded = name.removeprefix("text_"), c.recordings[name]
        sampled = recorded["sampler.n5.s1.out"][0, 0]
        prefix = f"{case}."
        style = _check_style(c, "longform", prefix, sampled, recorded, LONG_FORM, previous)
        c.check("longform", f"{case}.s_prev_out", style[None])
        logits = _duration_logits(c, recorded, golden[f"{case}.s"])
        c.check("longform", f"{case}.duration.sum", expected_durations(logits))
        previous = golden[f"{case}.s_prev_out"][0]


def end_to_end(c: Comparison) -> None:
    """The three stage objects from text, and recording, to waveform."""
    frontend = published_frontend(c.checkpoint, c.settings)
    diffusion = ReplayedDiffusion(c.checkpoint, c.settings)
    vocoder = ReplayedVocoder(c.checkpoint, c.settings)
    limit = CHAINED if isinstance(c.config.generator, HifiganConfig) else CHAINED_PHASES
    for name in TEXTS:
        golden = c.recordings[name]
        if "noise.sine" not in golden:
            continue
        segments: Any = frontend.prepare([_request(c, name)])[0]
        steps = golden["sampler.n5.step_noise"][:, 0, 0]
        diffusion.recorded = torch.cat([golden["sampler.n5.init_noise"][:, 0], steps])
        vocoder.recorded = golden["noise.sine"].float()
        states: Any = diffusion.begin(segments)
        while states[0].steps_left:
            diffusion.step(states)
        acoustics: Any = diffusion.finish(states)
        [wave] = vocoder.synthesize(acoustics)
        ours = torch.from_numpy(wave)
        c.rows.append(compare_rms("end to end", f"{name} wav", ours, golden["wav"], limit))


class ReplayedDiffusion(StyleTTS2Diffusion):
    """Takes its noise from a recording."""

    recorded: Tensor

    def draw(self, _seed: int, _rows: int) -> Tensor:
        return self.recorded


class ReplayedVocoder(StyleTTS2Vocoder):
    """Takes its noise from a recording."""

    recorded: Tensor

    def draw(self, _acoustics: Sequence[SpeechAcoustic]) -> Tensor:
        return self.recorded


def _request(c: Comparison, name: str) -> StyledRequest:
    reference = c.sound(REFERENCE) if c.config.multispeaker else None
    return StyledRequest(c.spoken[name], reference=reference)


def _lengths(recording: RecordedTensors) -> Lengths:
    return Lengths.of(recording["input_lengths"].tolist())


def _check_style(
    c: Comparison,
    name: str,
    prefix: str,
    sampled: Tensor,
    recording: RecordedTensors,
    sampling: Sampling,
    previous: Tensor | None = None,
) -> Tensor:
    """Compare both halves of the style that is spoken with, which is returned."""
    reference = c.reference_style(recording)
    style = torch.from_numpy(
        mixed_style(
            sampled.numpy(),
            sampling,
            None if reference is None else reference[0].numpy(),
            None if previous is None else previous.numpy(),
        )
    )
    timbre, prosodic = style[None].chunk(2, dim=1)
    c.check(name, f"{prefix}ref", timbre)
    c.check(name, f"{prefix}s", prosodic)
    return style


def _duration_logits(c: Comparison, recording: RecordedTensors, style: Tensor) -> Tensor:
    text, lengths = recording["bert_encoder.out"].mT, _lengths(recording)
    return c.acoustic.predictor.durations(text, style, lengths)[1]
