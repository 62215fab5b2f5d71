"""Comparisons of whole stages: loading, content, the flow, and conversions from end to end."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from parity.comparison import RecordedTensors
from parity.pitch_ties import ties_as_recorded
from parity.seedvc_bench import EXACT, Bench, segment_of
from parity.seedvc_networks import EMBEDDING, FILTER_BANK, HERTZ, LOG_MEL, RESAMPLED
from pipelines.audio.fbank import log_filter_bank
from pipelines.audio.joining import CrossFade
from pipelines.audio.mel import log_mel
from pipelines.audio.recording import at_rate
from pipelines.audio.resampling import sinc_resample
from pipelines.models.seedvc.content import (
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    encoder_windows,
    input_features,
)
from pipelines.models.seedvc.flow import Flow
from pipelines.models.seedvc.segments import MelAcoustic
from pipelines.models.seedvc.windows import OVERLAP_FRAMES
from pipelines.networks.campplus import speaker_embedding
from pipelines.requests.conversion import ConversionRequest, recordings_of

LOADED = 1e-6
FEATURES = 5e-5
SOLVED = 5e-4
CHAINED = 1e-4
END_TO_END = 2e-3
"""From the files of two recordings to mel and wave, through every stage."""

LONG_RUNS = {
    "long_source": ("long_source", "target"),
    "long_reference": ("medium_source", "long_target"),
}
"""The recorded conversions and their recordings of source and reference."""
LONG_STEPS, LONG_GUIDANCE = 4, 0.7
LONG_SEMITONES = -2.0
EDGE_FRAMES = 40
SLICE_HOPS = 28


def recordings(bench: Bench) -> None:
    """Files at the model's rate, at 16 kHz, and as mel and filter bank."""
    golden, rate = bench.stages, bench.config.sample_rate
    for name in ("source", "target"):
        if f"{name}_wave" in golden:
            wave = torch.from_numpy(at_rate(bench.audio(name), rate))[None]
            bench.check("recordings", f"{name}_wave", wave, LOADED)
            wave = golden[f"{name}_wave"]
            narrow = sinc_resample(wave, rate, SAMPLE_RATE)
            bench.check("recordings", f"{name}_16k", narrow, RESAMPLED)
            bench.check("recordings", f"mel_{name}", log_mel(wave, bench.config.mel), LOG_MEL)
    if "target_16k" in golden:
        narrow = golden["target_16k"][0]
        frames = log_filter_bank(narrow)
        bench.check("speaker", "fbank_target", (frames - frames.mean(dim=0))[None], FILTER_BANK)
        if bench.speaker_known:
            embedding = speaker_embedding(bench.frontend.speaker, narrow)[None]
            bench.check("speaker", "style", embedding, EMBEDDING)


def content(bench: Bench) -> None:
    """Content features of the recordings at 16 kHz."""
    golden, encoder = bench.stages, bench.frontend.content
    for name in ("source", "target"):
        if f"{name}_16k" in golden:
            features = encoder.features([golden[f"{name}_16k"][0]])[0]
            bench.check("content", f"whisper_{name}", features[None], FEATURES)
    if "source_16k" in golden:
        narrow = golden["source_16k"]
        padded = torch.nn.functional.pad(narrow, (0, WINDOW_SAMPLES - narrow.shape[1]))
        mel = input_features(padded, encoder.bands)
        bench.check("content", "whisper_unit.input_features_first500", mel[..., :500], LOG_MEL)
        bench.check("content", "whisper_unit.input_features_frame2999", mel[..., 2999], LOG_MEL)


def flow(bench: Bench) -> None:
    """The solver from recorded noise and conditioning, alone and with the vocoder behind it."""
    golden = bench.stages
    if "z" not in golden:
        return
    prompt = golden["mel_target"].shape[2]
    noise = golden["z"][..., prompt:]
    for key in [key for key in golden if key.startswith("vc_mel.")]:
        bench.check("flow", key, _solved(bench, "cond_source", key, noise), SOLVED)
    for key in [key for key in golden if key.startswith("wave.")]:
        mel = _solved(bench, "cond_source", key, noise)
        bench.check("flow and vocoder", key, bench.vocoder.model(mel), CHAINED)
    for key in [key for key in golden if re.search(r"^length_.*vc_mel", key)]:
        case = key.partition("vc_mel")[0]
        mel = _solved(bench, f"{case}cond_source", key, golden[f"{case}z_gen"])
        bench.check("flow", key, mel, SOLVED)


def _solved(bench: Bench, source: str, key: str, noise: Tensor) -> Tensor:
    """The mel with the steps and guidance that `key` names; checks the states on the way to it."""
    golden = bench.stages
    run = key[key.index("steps") :]
    steps, guidance = re.findall(r"[\d.]+", run)
    conditioning = torch.cat([golden["cond_target"], golden[source]], dim=1)
    segment = segment_of(
        golden["mel_target"], golden["style"], conditioning, int(steps), float(guidance)
    )

    def watch(state: Flow) -> None:
        taken = state.steps - state.steps_left
        x = state.x[state.prompt :].T[None]
        if source == "cond_source":
            bench.check("flow", f"traj.{run}.x_after{taken}", x, SOLVED)

    return bench.solve(segment, noise, watch)


def long_runs(bench: Bench) -> None:
    for name, (source, reference) in LONG_RUNS.items():
        if name in bench:
            golden = bench.recording(name)
            with _ties_as_recorded(bench, golden):
                _long_run(bench, golden, source, reference)


def _ties_as_recorded(bench: Bench, golden: RecordedTensors) -> AbstractContextManager[None]:
    tracker = bench.frontend.tracker
    if tracker is None:
        return nullcontext()
    return ties_as_recorded(tracker, (golden["f0_source"], golden["f0_target"]))


def _long_run(bench: Bench, golden: RecordedTensors, source: str, reference: str) -> None:
    """From two files to the joined wave, in windows."""
    pitched = bench.config.pitched
    request = ConversionRequest(
        bench.audio(source),
        bench.audio(reference),
        steps=LONG_STEPS,
        guidance=LONG_GUIDANCE,
        match_pitch=pitched,
        semitones=LONG_SEMITONES if pitched else 0.0,
    )
    _heard(bench, golden, request)
    (prepared,) = bench.frontend.prepare([request])
    # The reference silences nothing.
    segments = [replace(segment, gate=None) for segment in prepared]
    if not bench.speaker_known:
        segments = [replace(segment, style=golden["style"][0].numpy()) for segment in segments]
    elif "style" in golden:
        style = torch.from_numpy(segments[0].style)[None]
        bench.check("end to end", "style", style, EMBEDDING, golden)
    frames = torch.tensor([segment.length - len(segment.prompt) for segment in segments])
    bench.check("end to end", "chunk_frames", frames, EXACT, golden)
    flows = bench.start(segments, [golden[f"z_gen.{i}"] for i in range(len(segments))])
    for _ in range(LONG_STEPS):
        bench.diffusion.step(flows)
    acoustics = bench.diffusion.finish(flows)
    for index, acoustic in enumerate(acoustics):
        mel = torch.from_numpy(acoustic.mel)[None]
        head, tail = mel[..., :EDGE_FRAMES], mel[..., -EDGE_FRAMES:]
        bench.check("end to end", f"chunk_mel_head.{index}", head, END_TO_END, golden)
        bench.check("end to end", f"chunk_mel_tail.{index}", tail, END_TO_END, golden)
    _joined(bench, golden, acoustics)


def _heard(bench: Bench, golden: RecordedTensors, request: ConversionRequest) -> None:
    """What the front end hears in the two recordings."""
    source, reference = recordings_of(request)
    waves = [bench.frontend.wave(source), bench.frontend.reference_wave(reference)]
    heard = bench.frontend.analyse(waves)
    for name, one in zip(("source", "target"), heard, strict=True):
        bench.check("end to end", f"whisper_{name}", one.features[None], END_TO_END, golden)
        if one.pitch is not None:
            bench.check("end to end", f"f0_{name}", one.pitch, HERTZ, golden)
    plan = encoder_windows(len(heard[0].narrow))
    samples = torch.tensor([window.stop - window.start for window in plan])
    features = torch.tensor([window.features for window in plan])
    bench.check("end to end", "whisper_chunk_samples", samples, EXACT, golden)
    bench.check("end to end", "whisper_chunk_frames", features, EXACT, golden)
    frames = torch.tensor([bench.config.mel.frames(len(wave)) for wave in waves])
    bench.check("end to end", "mel_frames_source_target", frames, EXACT, golden)
    bench.check("end to end", "target_samples", torch.tensor(len(waves[1])), EXACT, golden)


def _joined(bench: Bench, golden: RecordedTensors, acoustics: list[MelAcoustic]) -> None:
    """The waves of all windows, cross-faded."""
    hop = bench.config.mel.hop
    fade = CrossFade(OVERLAP_FRAMES * hop)
    parts = [fade.add(wave) for wave in bench.vocoder.synthesize(acoustics)]
    wave = torch.from_numpy(np.concatenate([*parts, fade.close()]))
    bench.check("end to end", "wave_len", torch.tensor(len(wave)), EXACT, golden)
    starts = golden["wave_slice_starts"].tolist()
    slices = torch.stack([wave[start : start + SLICE_HOPS * hop] for start in starts])
    bench.check("end to end", "wave_slices", slices, END_TO_END, golden)
    loudness = wave.unfold(0, hop, hop).square().mean(dim=1).sqrt()
    bench.check("end to end", "wave_rms_per_frame", loudness, END_TO_END, golden)
