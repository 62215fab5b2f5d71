"""Comparisons of the parts of each stage, from the recorded input of each."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from parity.styletts2_bench import (
    DEFAULTS,
    EXACT,
    FLOAT32,
    REFERENCE,
    Comparison,
    check_style,
    duration_logits,
    lengths_of,
    request_of,
)
from parity.styletts2_taps import decoder_outputs, outputs, spectra_from_float64
from pipelines.audio.recording import at_rate
from pipelines.models.styletts2.alignment import align, delayed, expected_durations, frame_counts
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.published.references import published_frontend
from pipelines.models.styletts2.sampler import advance, levels_of, noise_levels, schedule
from pipelines.models.styletts2.style_encoder import StyleEncoder, reference_mel, trim_bounds
from pipelines.networks.vocoders.istftnet import IstftnetGenerator
from pipelines.runtime.lengths import Lengths

HERTZ = 5e-3


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
    tokens, lengths = golden["tokens"], lengths_of(golden)
    segments: Any = published_frontend(c.checkpoint, c.settings).prepare([request_of(c, name)])[0]
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
    lengths = lengths_of(golden)
    sampled = golden["sampler.n5.s1.out"][0, 0]
    check_style(c, name, "style.", sampled, golden, DEFAULTS)
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
    check_style(c, name, "alt.style.", golden["sampler.n10.s2.out"][0, 0], golden, DEFAULTS)
    logits = duration_logits(c, golden, golden["alt.style.s"])
    c.check(name, "alt.duration.sum", expected_durations(logits))
    [frames] = frame_counts(logits, torch.ones(1), lengths_of(golden))
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
