"""Comparisons of single networks and their inner tensors."""

from __future__ import annotations

import re
from pathlib import Path

import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor

from parity.comparison import RecordedTensors, Row, compare_abs
from parity.pitch_ties import SALIENCE
from parity.seedvc_bench import EXACT, Bench, outputs
from pipelines.audio.fbank import SAMPLE_RATE, log_filter_bank
from pipelines.audio.mel import log_mel
from pipelines.audio.recording import Recording as Audio
from pipelines.audio.recording import at_rate
from pipelines.audio.resampling import sinc_resample
from pipelines.models.seedvc.checkpoint import load_campplus
from pipelines.models.seedvc.f0 import pitch_classes, shift_pitch
from pipelines.models.seedvc.frontend import REFERENCE_SECONDS
from pipelines.models.seedvc.length_regulator import resize
from pipelines.networks.campplus import CampPlus, speaker_embedding
from pipelines.networks.rmvpe import RMVPE_MEL, decode, track_pitch
from pipelines.networks.vocoders.antialias import AntiAliasedSnake, low_pass
from pipelines.runtime.sequence_packing import Packing
from pipelines.settings import PipelineSettings

RESAMPLED = 2e-5
LOG_MEL = 5e-4
FILTER_BANK = 3e-3
EMBEDDING = 1e-4
REGULATED = 5e-5
VELOCITY = 2e-4
PITCH_NETWORK = 2e-4
HERTZ = 5e-3
"""A tracked pitch, up to 2 kHz: float32 sums of weights leave a few parts in ten million."""
SHIFTED_HERTZ = 1e-6
VOCODED = 5e-5

SPEAKER_RATE = 22050
"""Hz of the model behind which the speaker encoder's own recordings were made."""

Found = dict[str, tuple[Tensor, float]]
"""Computed tensors and their tolerances under the names of the recordings."""


def speaker(folder: Path, campplus: Path, settings: PipelineSettings) -> list[Row]:
    """The speaker encoder with its published weights."""
    model = load_campplus(campplus, settings.cache)
    rows: list[Row] = []
    for path in sorted(folder.rglob("campplus.safetensors")):
        golden = RecordedTensors(path)
        found = {**_speaker_waves(model, golden), **_long_voice(model, folder)}
        if "fbank.target" in golden:
            found |= _speaker_layers(model, golden["fbank.target"])
        rows += [
            compare_abs("speaker", key, ours, golden[key], tolerance)
            for key, (ours, tolerance) in found.items()
            if key in golden
        ]
        rows += golden.left_out()
    return rows


def _speaker_waves(model: CampPlus, golden: RecordedTensors) -> Found:
    found: Found = {}
    for name in ("source", "target"):
        if f"wave16k.{name}" in golden:
            wave = golden[f"wave16k.{name}"][0]
            frames = log_filter_bank(wave)
            found[f"fbank_raw.{name}"] = frames, FILTER_BANK
            found[f"fbank.{name}"] = frames - frames.mean(dim=0), FILTER_BANK
            found[f"embedding.{name}"] = speaker_embedding(model, wave)[None], EMBEDDING
    if "resample.in" in golden:
        for rate in (22050, 44100):
            narrow = sinc_resample(golden["resample.in"], rate, SAMPLE_RATE)
            found[f"resample.{rate}to16000"] = narrow, RESAMPLED
    return found


def _long_voice(model: CampPlus, folder: Path) -> Found:
    path = folder / "audio" / "long_target.flac"
    if not path.exists():
        return {}
    samples, rate = soundfile.read(path, dtype="float32")
    wave = torch.from_numpy(at_rate(Audio(samples, rate), SPEAKER_RATE))
    wave = wave[None, : REFERENCE_SECONDS * SPEAKER_RATE]
    narrow = sinc_resample(wave, SPEAKER_RATE, SAMPLE_RATE)[0]
    frames = log_filter_bank(narrow)
    return {
        "fbank_frames.long_target": (torch.tensor(len(frames)), EXACT),
        "fbank_raw.long_target.first20": (frames[:20], FILTER_BANK),
        "fbank_raw.long_target.last20": (frames[-20:], FILTER_BANK),
        "embedding.long_target": (speaker_embedding(model, narrow)[None], EMBEDDING),
    }


def _speaker_layers(model: CampPlus, frames: Tensor) -> Found:
    layers = {
        "head.target": "head",
        "tdnn.target": "xvector.tdnn",
        "block1_layer0.target": "xvector.block1.tdnnd1",
        "transit1.target": "xvector.transit1",
        "transit2.target": "xvector.transit2",
        "out_nonlinear.target": "xvector.out_nonlinear",
        "stats.target": "xvector.stats",
    }
    with outputs(model, layers) as found:
        embedding = model(frames[None])
    # A dense layer hands its input on; recorded is what it adds.
    given = found["tdnn.target"].shape[1]
    found["block1_layer0.target"] = found["block1_layer0.target"][:, given:]
    found["stats.target"] = found["stats.target"][..., 0]
    found["embedding.target"] = embedding
    return {key: (tensor, EMBEDDING) for key, tensor in found.items()}


def pitch(bench: Bench) -> None:
    """Pitch tracking, and the adjustment of the source's pitch."""
    golden, tracker = bench.stages, bench.frontend.tracker
    if tracker is None:
        return
    for name in ("source", "target"):
        if f"{name}_16k" in golden:
            tracked = track_pitch(tracker, golden[f"{name}_16k"][0])
            bench.check("pitch", f"f0_{name}", tracked, HERTZ)
    if "f0_source" in golden:
        shifted = shift_pitch(golden["f0_source"], golden["f0_target"], match=False, semitones=0)
        bench.check("pitch", "lr_f0_source", shifted[None], SHIFTED_HERTZ)
        bench.check("pitch", "lr_f0_target", golden["f0_target"][None], EXACT)
    if "rmvpe" in bench:
        _pitch_network(bench, bench.recording("rmvpe"))
    if "f0" in bench:
        _pitch_shift(bench, bench.recording("f0"))


def _pitch_network(bench: Bench, golden: RecordedTensors) -> None:
    model = bench.frontend.tracker
    if model is None:
        return
    bench.check("pitch", "log_mel", log_mel(golden["wave16k"][None], RMVPE_MEL), LOG_MEL, golden)
    bench.check("pitch", "salience", model(golden["log_mel"]), SALIENCE, golden)
    salience = golden["salience"][0]
    bench.check("pitch", "f0", decode(salience), HERTZ, golden)
    bench.check("pitch", "f0_thred0.05", decode(salience, 0.05), HERTZ, golden)
    bench.check("pitch", "decode.f0", decode(golden["decode.salience"]), HERTZ, golden)
    for key in [key for key in golden if key.startswith("frames_for_")]:
        samples = int(re.findall(r"\d+", key)[0])
        bench.check("pitch", key, torch.tensor(RMVPE_MEL.frames(samples)), EXACT, golden)
    layers = {
        "encoder_bn": "unet.encoder.bn",
        "encoder_layer0_pooled": "unet.encoder.layers.0",
        "intermediate": "unet.intermediate",
        "unet": "unet",
        "cnn": "cnn",
        "gru": "fc.0",
    }
    with outputs(model, layers) as found:
        model(golden["unit40.mel"])
    found["encoder_layer0_pooled"] = F.avg_pool2d(found["encoder_layer0_pooled"], 2)
    for name, tensor in found.items():
        key = f"unit40.{name}"
        rows = golden[key].shape[2]  # only the first rows of time are recorded
        bench.check("pitch", key, tensor[:, :, :rows], PITCH_NETWORK, golden)


def _pitch_shift(bench: Bench, golden: RecordedTensors) -> None:
    bins = bench.config.regulator.pitch_bins or 0
    source, reference = golden["f0_source"], golden["f0_target"]
    classes = pitch_classes(reference, bins)[None]
    bench.check("pitch", "bins_target", classes, EXACT, golden)
    for key in [key for key in golden if key.endswith(".shifted_f0_source")]:
        case = key.removesuffix("shifted_f0_source")
        match, semitones = map(int, re.findall(r"-?\d+", case))
        shifted = shift_pitch(source, reference, match=bool(match), semitones=semitones)
        bench.check("pitch", key, shifted[None], SHIFTED_HERTZ, golden)
        classes = pitch_classes(golden[key], bins)
        bench.check("pitch", f"{case}bins_source", classes, EXACT, golden)
        if f"{case}cond_source" in golden:
            features = bench.stages["whisper_source"]
            frames = golden[f"{case}cond_source"].shape[1]
            conditioning = bench.frontend.regulator(features, frames, golden[key])
            bench.check("regulator", f"{case}cond_source", conditioning, REGULATED, golden)


def regulator(bench: Bench) -> None:
    """Conditioning from recorded features, and the parts of the length regulator."""
    golden, model = bench.stages, bench.frontend.regulator
    for key in [key for key in golden if re.search(r"(^|\.)cond_(source|target)$", key)]:
        name = key.rpartition("_")[2]
        hertz = golden[f"lr_f0_{name}"] if bench.config.pitched else None
        conditioning = model(golden[f"whisper_{name}"], golden[key].shape[1], hertz)
        bench.check("regulator", key, conditioning, REGULATED)
    for key in [key for key in golden if key.startswith("lr_unit.nearest_index.")]:
        given, wanted = map(int, re.findall(r"\d+", key))
        index = torch.arange(given, dtype=torch.float32)[None, None]
        bench.check("regulator", key, resize(index, wanted)[0, 0].int(), EXACT)
    _regulator_layers(bench)


def _regulator_layers(bench: Bench) -> None:
    golden, model = bench.stages, bench.frontend.regulator
    if "lr_unit.in.features" not in golden:
        return
    features, frames = golden["lr_unit.in.features"], golden["lr_unit.out"].shape[1]
    hertz = golden["lr_unit.in.f0"] if bench.config.pitched else None
    names = [f"model{layer}" for layer in range(len(model.model))]
    layers = {name: name.replace("model", "model.") for name in names}
    layers |= {"content_in_proj": "content_in_proj", "model_in": "model^"}
    with outputs(model, layers) as found:
        found["out"] = model(features, frames, hertz)
    for name, tensor in found.items():
        bench.check("regulator", f"lr_unit.{name}", tensor, REGULATED)
    if hertz is not None and model.pitch_bins is not None:
        classes = pitch_classes(hertz, model.pitch_bins)
        bench.check("regulator", "lr_unit.f0_bins", classes, EXACT)
        bench.check("regulator", "lr_unit.out_no_f0", model(features, frames), REGULATED)


def estimator(bench: Bench) -> None:
    """One call of the velocity estimator and what happens inside."""
    golden, model = bench.stages, bench.diffusion.estimator
    if "dit_unit.in.x" not in golden:
        return
    x, prompt, style, content, time = (
        golden[f"dit_unit.in.{name}"] for name in ("x", "prompt_x", "style", "mu", "t")
    )
    members, _, frames = x.shape
    condition = torch.cat(
        [model.condition(prompt[i].T, style[i], content[i]) for i in range(members)]
    )
    packed = Packing((frames,) * members, x.device)
    with outputs(model, _estimator_layers(bench)) as found:
        velocity = model(x.transpose(1, 2).flatten(0, 1), condition, time, packed)
    found["out"] = velocity
    found["cond_projection"] = model.cond_projection(content)
    for name, tensor in found.items():
        key = f"dit_unit.{name}"
        if key in golden:
            if tensor.shape[0] == members * frames:
                tensor = tensor.view(members, frames, -1)
            if tensor.shape != golden[key].shape:
                tensor = tensor.transpose(1, 2)
            bench.check("estimator", key, tensor, VELOCITY)


def _estimator_layers(bench: Bench) -> dict[str, str]:
    config = bench.config.dit
    layers = {f"block{i}": f"transformer.layers.{i}" for i in range(config.depth)}
    for part in ("attention", "attention_norm", "feed_forward", "ffn_norm"):
        layers[f"block0.{part}"] = f"transformer.layers.0.{part}"
    layers |= {
        "merged": "transformer^",
        "t_emb": "t_embedder",
        "last_block.skip_in": f"transformer.layers.{config.depth - 1}.skip_in_linear",
        "transformer_out": "transformer",
    }
    if config.long_skip:
        layers["long_skip"] = "skip_linear"
    if config.wavenet is not None:
        layers |= {"t_emb2": "t_embedder2", "wavenet.cond": "wavenet.cond_layer"}
        layers |= {name: name for name in ("conv1", "res_projection", "wavenet", "final_layer")}
        layers["wavenet.in_layer0"] = "wavenet.in_layers.0"
    return layers


def vocoder(bench: Bench) -> None:
    """Waves of recorded mels, and the parts of BigVGAN."""
    golden, model = bench.stages, bench.vocoder.model
    for key in [key for key in golden if key.startswith("wave.")]:
        mel = key.replace("wave.", "vc_mel.")
        if mel in golden:
            bench.check("vocoder", key, model(golden[mel]), VOCODED)
    if "bigvgan_unit.in" not in golden:
        return
    names = {
        key.removeprefix("bigvgan_unit."): re.sub(
            r"(up|resblock)(\d+)$", r"\1s.\2", key.removeprefix("bigvgan_unit.")
        )
        for key in golden
        if re.fullmatch(r"bigvgan_unit\.(activation_post|conv_\w+|(up|resblock)\d+)", key)
    }
    with outputs(model, names) as found:
        found["out"] = model(golden["bigvgan_unit.in"])[:, None]
    first, plain = "resblocks.0.activations.0", bench.plain_vocoder
    with outputs(plain, {"resblock0.act0": first, "raw": f"{first}^"}) as inside:
        plain(golden["bigvgan_unit.in"])
    found |= inside | _activation(plain.get_submodule(first), inside.pop("raw"))
    found["filter"] = low_pass()[None, None]
    for name, tensor in found.items():
        bench.check("vocoder", f"bigvgan_unit.{name}", tensor, VOCODED)


def _activation(layer: torch.nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The signal at twice the rate inside an activation, which itself never builds it whole."""
    if not isinstance(layer, AntiAliasedSnake):
        raise TypeError(f"{type(layer).__name__} is not an activation of BigVGAN")
    padded = F.pad(x, (5, 5), mode="replicate").flatten(0, 1)[:, None]
    double = 2 * F.conv_transpose1d(padded, layer.upsample.filter, stride=2)[..., 15:-15]
    double = double.view(*x.shape[:2], -1)
    alpha, scale = layer.act.coefficients()
    return {
        "resblock0.act0.upsampled": double,
        "resblock0.act0.snake": double + (double * alpha).sin().square() * scale,
    }
