"""Make-An-Audio against recordings of the reference; see `parity.comparison`."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from parity.comparison import RecordedTensors, Row, compare_abs, compare_rms
from pipelines.models.makeanaudio import ddim
from pipelines.models.makeanaudio.checkpoint import (
    MakeAnAudioFiles,
    load_constants,
    load_decoder,
    load_text_encoder,
    load_unet,
    load_vocoder,
)
from pipelines.models.makeanaudio.description_encoder import Tokenizer
from pipelines.models.makeanaudio.segments import SoundSegment
from pipelines.models.makeanaudio.stages import (
    MakeAnAudioDiffusion,
    MakeAnAudioFrontend,
    MakeAnAudioVocoder,
)
from pipelines.models.makeanaudio.unet import ResBlock, sinusoids
from pipelines.networks.guidance import NO_GUIDANCE, guided
from pipelines.requests.sound import SoundRequest
from pipelines.runtime.device import configure
from pipelines.runtime.precision import place
from pipelines.settings import PipelineSettings
from pipelines.weights.state_dicts import load_strict, under
from pipelines.weights.torch_files import CheckpointError

EXACT = 0.0
SCHEDULE = 1e-6
SINUSOIDS = 1e-5
CONDITIONING = 3e-6
NOISE = 3e-5
LATENT = 2e-4
MEL_TOLERANCE = 5e-5
WAVE = 1e-5
"""Limits of the relative rms error of each stage from the same input."""

CHAINED = 1e-3
CHAINED_COARSE = 4e-3
"""Limits for mel and waveform all the way from the prompt, in `FINE_STEPS` and in fewer. The last
steps of a coarse schedule are larger: the reference's own rounding grows by this factor."""
FINE_STEPS = 100

SAME_PROMPT = 1
"""The prompt of the case `n2`, two samples of one prompt."""

TRACE_GUIDANCE = 3.0
"""The guidance of the case `trace`, single steps of the first prompt."""


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded run of the sampler and the names of what it started from and led to."""

    start: str
    latent: str
    mel: str
    wave: str
    prompts: list[int]
    steps: int
    guidance: float

    @classmethod
    def of(cls, latent: str, golden: RecordedTensors) -> Case:
        """From the name of its result: `short.x0_S10_cfg3` or `long.p0_S100_cfg3.x0`."""
        found = re.fullmatch(r"(\w+)\.(?:x0_)?((?:p(\d+)_)?S(\d+)_cfg([\d.]+?))(?:\.x0)?", latent)
        if found is None:
            raise CheckpointError(f"the recording {latent} has an unknown kind of name")
        group, run, prompt, steps, guidance = found.groups()
        start = f"{group}.{run}.x_T" if prompt else f"{group}.x_T"
        count = len(golden[start])
        prompts = [int(prompt)] if prompt else list(range(count))
        return cls(
            start=start,
            latent=latent,
            mel=f"{group}.mel_{run}",
            wave=f"{group}.wav_{run}",
            prompts=[SAME_PROMPT] * count if group == "n2" else prompts,
            steps=int(steps),
            guidance=float(guidance),
        )


class Comparison:
    """The recordings of one folder, and the rows found so far."""

    def __init__(self, folder: Path, settings: PipelineSettings) -> None:
        self.files = MakeAnAudioFiles.under(folder)
        self.config = self.files.read_config()
        self.settings = settings
        self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text())
        names = ("text", "schedule", "unet", "unet_blocks", "modules", "ddim", "vae", "vocoder")
        self.recordings = {
            name: RecordedTensors(folder / "goldens" / f"{name}.safetensors") for name in names
        }
        latents = self.recordings["ddim"]
        results = [key for key in latents if re.search(r"\.x0(_|$)", key)]
        self.cases = [Case.of(key, latents) for key in results]
        self.rows: list[Row] = []

    def check(
        self, name: str, key: str, ours: Tensor, tolerance: float, stage: str | None = None
    ) -> None:
        """Compare with the tensor `key` of the recording `name`, which also names the stage."""
        golden = self.recordings[name][key]
        compare = compare_abs if tolerance == EXACT else compare_rms
        self.rows.append(compare(stage or name, key, ours, golden, tolerance))

    def check_layers(
        self, stage: str, prefix: str, model: nn.Module, run: Callable[[], object], limit: float
    ) -> None:
        """Compare the outputs of all layers of `model` that are recorded under their names and were
        not compared before."""
        compared = {row.tensor for row in self.rows if row.stage == stage}
        recorded = [key for key in self.recordings[stage] if key.startswith(prefix)]
        recorded = [key for key in recorded if key not in compared]
        layers = dict(model.named_modules())
        found: dict[str, Tensor] = {}

        def keep(key: str) -> Callable[..., None]:
            return lambda _module, _inputs, output: found.update({key: output})

        handles = [
            layers[key.removeprefix(prefix)].register_forward_hook(keep(key))
            for key in recorded
            if key.removeprefix(prefix) in layers
        ]
        run()
        for handle in handles:
            handle.remove()
        for key, output in found.items():
            self.check(stage, key, output, limit)


def compare(folder: Path) -> list[Row]:
    """One row for each recorded tensor. Raises CheckpointError, FileNotFoundError and KeyError."""
    with tempfile.TemporaryDirectory() as checkpoints:
        comparison = Comparison(folder, PipelineSettings(Path(checkpoints), dtype="float32"))
        for stage in (text, schedule, unet, blocks, diffusion, decoder, vocoder, end_to_end):
            stage(comparison)
    missed = [row for recording in comparison.recordings.values() for row in recording.left_out()]
    return comparison.rows + missed


def text(c: Comparison) -> None:
    tokenizer, encoder = Tokenizer(c.files.vocabulary), load_text_encoder(c.files, c.settings.cache)
    ids, no_ids = tokenizer(c.meta["prompts"]), tokenizer([""])
    c.check("text", "input_ids", ids, EXACT)
    c.check("text", "uncond_input_ids", no_ids, EXACT)
    golden = c.recordings["text"]
    c.check("text", "bert_last_hidden", encoder.base(golden["input_ids"]), CONDITIONING)
    c.check("text", "c", encoder(golden["input_ids"]), CONDITIONING)
    c.check("text", "uc", encoder(golden["uncond_input_ids"]), CONDITIONING)
    golden.set_aside(key for key in golden if key.endswith("_unused"))


def schedule(c: Comparison) -> None:
    golden = c.recordings["schedule"]
    signal = ddim.remaining_signal(c.config.schedule)
    c.check("schedule", "betas", ddim.variances(c.config.schedule).float(), SCHEDULE)
    c.check("schedule", "alphas_cumprod", signal, SCHEDULE)
    before = torch.cat([torch.ones(1), signal[:-1]])
    c.check("schedule", "alphas_cumprod_prev", before, SCHEDULE)
    for key in [key for key in golden if key.endswith(".timesteps_ascending")]:
        name = key.partition(".")[0]
        steps = ddim.plan(int(name[1:]), signal)[::-1]
        before = torch.tensor([step.signal for step in steps])
        after = torch.tensor([step.signal_next for step in steps])
        c.check("schedule", key, torch.tensor([step.level for step in steps]), EXACT)
        c.check("schedule", f"{name}.alphas", before, SCHEDULE)
        c.check("schedule", f"{name}.alphas_prev", after, SCHEDULE)
        c.check("schedule", f"{name}.sqrt_one_minus_alphas", (1 - before).sqrt(), SCHEDULE)
    for key in [key for key in golden if re.fullmatch(r"temb_\d+", key)]:
        width = int(key.removeprefix("temb_"))
        c.check("schedule", key, sinusoids(golden["temb_t"], width), SINUSOIDS)


def unet(c: Comparison) -> None:
    model = load_unet(c.files, c.settings.cache)
    golden = c.recordings["unet"]
    for key in [key for key in golden if key.endswith(".eps")]:
        case = key.removesuffix("eps")
        noise = model(golden[case + "x"], golden[case + "t"], golden[case + "context"])
        c.check("unet", key, noise, NOISE)
    inner = c.recordings["unet_blocks"]

    def run() -> None:
        c.check("unet_blocks", "eps", model(inner["x"], inner["t"], inner["context"]), NOISE)

    c.check_layers("unet_blocks", "", model, run, NOISE)


def blocks(c: Comparison) -> None:
    """Residual blocks alone, with channels enough for the noise level to matter."""
    golden = c.recordings["modules"]
    for key in [key for key in golden if key.endswith(".output")]:
        name = key.removesuffix("output")
        state = under({k: golden[k] for k in golden if k.startswith(name)}, name)
        x, embedding, output = (state.pop(part) for part in ("input", "emb", "output"))
        block = ResBlock(x.shape[1], output.shape[1], embedding.shape[1])
        load_strict(block, state, name)
        c.check("modules", key, block(x, embedding), NOISE)


def diffusion(c: Comparison) -> None:
    golden, texts = c.recordings["ddim"], c.recordings["text"]
    stage = MakeAnAudioDiffusion(c.files, c.settings)
    for case in c.cases:
        conditioned_twice = case.guidance != NO_GUIDANCE
        segments = [
            SoundSegment(
                index=0,
                seed=0,
                length=golden[case.start].shape[3],
                text=texts["c"][prompt].numpy(),
                no_text=texts["uc"][0].numpy() if conditioned_twice else None,
                steps=case.steps,
                guidance=case.guidance,
                missing=0,
            )
            for prompt in case.prompts
        ]
        states = _from_noise(stage, segments, golden[case.start])
        c.check("ddim", case.latent, torch.stack([state.latent for state in states]), LATENT)
    _starts(c)
    _trace(c)


def _from_noise(stage: MakeAnAudioDiffusion, segments: Sequence[Any], noise: Tensor) -> list[Any]:
    """The states at their end, from the recorded noise instead of that of the segments' seeds."""
    states: list[Any] = list(stage.begin(segments))
    for state, latent in zip(states, noise, strict=True):
        state.latent = latent
    while states[0].steps_left:
        stage.step(states)
    return states


def _starts(c: Comparison) -> None:
    """The noise that the recorded seeds give."""
    golden, seeds = c.recordings["ddim"], c.meta["seeds"]
    first = re.search(r"manual_seed\((\d+)", seeds["short"])
    if first is None:
        raise CheckpointError("meta.json does not tell the seeds of the short cases")
    for key in [key for key in golden if key.endswith(".x_T")]:
        shape = golden[key].shape
        if key == "short.x_T":
            ours = [_noise(int(first[1]) + row, (1, *shape[1:])) for row in range(shape[0])]
        else:
            name = re.sub(r"\.(p\d+)_.*", r"_\1", key).removesuffix(".x_T")
            ours = [_noise(seeds[name], tuple(shape))]
        c.check("ddim", key, torch.cat(ours), EXACT)


def _noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _trace(c: Comparison) -> None:
    """Each step of the first prompt, from the recorded result of the step before."""
    golden, texts = c.recordings["ddim"], c.recordings["text"]
    model = load_unet(c.files, c.settings.cache)
    signal, _ = load_constants(c.files, c.settings.cache)
    plan = ddim.plan(len(golden["trace.t"]), signal)
    c.check("ddim", "trace.t", torch.tensor([step.level for step in plan]), EXACT)
    x = torch.cat([golden["short.x_T"][:1], golden["trace.x_prev"][:-1]])
    levels = golden["trace.t"]
    unconditional = model(x, levels, texts["uc"].expand(len(x), -1, -1))
    conditional = model(x, levels, texts["c"][:1].expand(len(x), -1, -1))
    noise = guided(conditional, unconditional, torch.tensor(TRACE_GUIDANCE))
    signals = torch.tensor([(step.signal, step.signal_next) for step in plan])
    before, after = signals.t()[:, :, None, None, None]
    c.check("ddim", "trace.eps_uncond", unconditional, NOISE)
    c.check("ddim", "trace.eps_cond", conditional, NOISE)
    c.check("ddim", "trace.pred_x0", ddim.implied_sound(x, noise, before), LATENT)
    c.check("ddim", "trace.x_prev", ddim.advance(x, noise, before, after), LATENT)


def decoder(c: Comparison) -> None:
    golden, latents = c.recordings["vae"], c.recordings["ddim"]
    model = load_decoder(c.files, c.settings.cache)
    _, scale = load_constants(c.files, c.settings.cache)
    for case in c.cases:
        if case.mel in golden:
            c.check("vae", case.mel, model(latents[case.latent] / scale)[:, None], MEL_TOLERANCE)
    c.check("vae", "z_in.mel", model(golden["z_in"] / scale)[:, None], MEL_TOLERANCE)

    def run() -> None:
        c.check("vae", "blocks.mel", model(golden["blocks.z_in"] / scale)[:, None], MEL_TOLERANCE)

    c.check_layers("vae", "blocks.", model.decoder, run, MEL_TOLERANCE)


def vocoder(c: Comparison) -> None:
    golden, mels = c.recordings["vocoder"], c.recordings["vae"]
    plain = load_vocoder(c.files, c.settings.cache)
    model = load_vocoder(c.files, c.settings.cache)
    place(model, configure(c.settings))
    for case in c.cases:
        if case.wave in golden and case.mel in mels:
            c.check("vocoder", case.wave, model(mels[case.mel][:, 0]), WAVE)

    def run() -> None:
        c.check("vocoder", "mel_in.wav", model(golden["mel_in"])[:, None], WAVE)

    c.check_layers("vocoder", "blocks.", model, run, WAVE)
    # What is inside of a block that a convolution with fewer products takes at once.
    mel = golden["mel_in"]
    c.check_layers("vocoder", "blocks.", plain, lambda: plain(mel), WAVE)
    for key in [key for key in golden if ".pcm16_" in key]:
        c.check("vocoder", key, reference_pcm16(golden[key.replace("pcm16", "wav")]), EXACT)
    c.check("vocoder", "pcm16_edge.out", reference_pcm16(golden["pcm16_edge.in"]), EXACT)


def reference_pcm16(samples: Tensor) -> Tensor:
    """16-bit samples as the reference's files hold them: rounded toward minus infinity.

    The encoder of this project (`pipelines.audio.containers`) rounds to nearest, so its files can
    differ by one step of 1/32768.
    """
    wide = (samples.double() * 2**31).round()
    return (wide / 65536).floor().clamp(-32768, 32767).to(torch.int16)


def end_to_end(c: Comparison) -> None:
    """From the prompts through the three stages."""
    frontend = MakeAnAudioFrontend(c.files, c.settings)
    stage = MakeAnAudioDiffusion(c.files, c.settings)
    vocode = MakeAnAudioVocoder(c.files, c.settings)
    seconds = dict(zip(c.meta["latent_widths"], c.meta["durations_s"], strict=True))
    for case in c.cases:
        noise = c.recordings["ddim"][case.start]
        requests = [
            SoundRequest(
                c.meta["prompts"][prompt], seconds[noise.shape[3]], case.steps, case.guidance
            )
            for prompt in case.prompts
        ]
        segments = [segment for (segment,) in frontend.prepare(requests)]
        states = _from_noise(stage, segments, noise)
        acoustics: list[Any] = list(stage.finish(states))
        limit = CHAINED if case.steps >= FINE_STEPS else CHAINED_COARSE
        results = {
            ("ddim", case.latent, LATENT): [state.latent for state in states],
            ("vae", case.mel, limit): [torch.from_numpy(a.mel)[None] for a in acoustics],
            ("vocoder", case.wave, limit): map(torch.from_numpy, vocode.synthesize(acoustics)),
        }
        for (name, key, bound), tensors in results.items():
            if key in c.recordings[name]:
                c.check(name, key, torch.stack(list(tensors)), bound, stage="end to end")
