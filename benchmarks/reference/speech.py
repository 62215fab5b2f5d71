"""StyleTTS2 (package `styletts2`) and Kokoro (package `kokoro`): 60 tokens that last 5 s."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.models.speech import FRAMES, STEPS, TOKENS
from benchmarks.models.work import Work
from benchmarks.reference.pair import Pair, exact, on
from benchmarks.reference.published import published, taught
from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.config import (
    KOKORO,
    LIBRITTS,
    LJSPEECH,
    ModelConfig,
    StyleDenoiserConfig,
)
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.sampler import (
    RHO,
    SIGMA_MAX,
    SIGMA_MIN,
    advance,
    levels_of,
    schedule,
)
from pipelines.models.styletts2.style_encoder import StyleEncoder
from pipelines.networks.vocoders.generator_config import IstftnetConfig
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.precision import place

MEL_FRAMES = 401
"""Of a reference of 5 s."""
DROPOUT = 0.2
"""Of training; it has no effect here."""


def reference_style() -> Pair:
    """Of what is heard once and remembered: float32 whatever the type."""
    config = LIBRITTS
    ours = StyleEncoder(config)
    sizes = config.style_channels, config.style, config.hidden
    theirs = taught(published("styletts2.models").StyleEncoder(*sizes), ours)
    mel = torch.randn(1, 80, MEL_FRAMES)
    prepare = on(ours, lambda model: model(mel))
    return Pair(lambda: theirs(mel[:, None]), lambda runtime: prepare(exact(runtime)))


def style(*, config: ModelConfig, scale: float) -> Pair:
    """`STEPS` noise levels of ADPM2, with what it draws at random left out."""
    assert config.denoiser is not None
    ours = AcousticModel(config).denoiser
    theirs = _sampler(taught(_transformer(config, config.denoiser), ours), ours.sigma_data)
    text = torch.randn(1, TOKENS, config.bert.hidden)
    start = torch.randn(1, 2 * config.style)
    features = torch.randn(1, 2 * config.style) if config.multispeaker else None
    options = {"embedding": text, "embedding_scale": scale, "num_steps": STEPS}
    if features is not None:
        options["features"] = features

    def prepare(runtime: Runtime) -> Work:
        model = deepcopy(ours).eval().requires_grad_(False)
        place(model, runtime)

        def sample() -> Tensor:
            denoiser = GuidedDenoiser(list(text), features, [scale], DenoiserPasses(model, runtime))
            x, none = SIGMA_MAX * start, torch.zeros_like(start)
            for step in schedule(STEPS):
                x = advance(denoiser, x, levels_of([step], x.device), none)
            return x

        return sample

    return Pair(lambda: theirs(start[:, None], **options), prepare)


def _transformer(config: ModelConfig, denoiser: StyleDenoiserConfig) -> nn.Module:
    modules = published("styletts2.Modules.diffusion.modules")
    sizes = {
        "num_layers": denoiser.layers,
        "channels": 2 * config.style,
        "num_heads": denoiser.heads,
        "head_features": denoiser.head_features,
        "multiplier": denoiser.multiplier,
        "context_embedding_features": config.bert.hidden,
        "embedding_max_length": config.bert.positions,
    }
    if config.multispeaker:
        return modules.StyleTransformer1d(context_features=2 * config.style, **sizes)  # type: ignore[no-any-return]
    return modules.Transformer1d(**sizes)  # type: ignore[no-any-return]


def _sampler(network: nn.Module, sigma_data: float) -> Any:
    sampling = published("styletts2.Modules.diffusion.sampler")
    return sampling.DiffusionSampler(
        sampling.KDiffusion(network, sigma_distribution=None, sigma_data=sigma_data),
        sampler=sampling.ADPM2Sampler(),
        sigma_schedule=sampling.KarrasSchedule(SIGMA_MIN, SIGMA_MAX, RHO),
        clamp=False,
    )


def acoustics() -> Pair:
    """PL-BERT, text encoder, durations, F0 and energy: float32 whatever the type."""
    config = LIBRITTS
    ours = AcousticModel(config)
    models = published("styletts2.models")
    text_encoder = taught(
        models.TextEncoder(
            config.hidden, config.encoder_kernel, config.encoder_layers, config.symbols
        ),
        ours.text_encoder,
    )
    predictor: Any = taught(
        models.ProsodyPredictor(
            config.style, config.hidden, config.encoder_layers, config.max_duration, DROPOUT
        ),
        ours.predictor,
    )
    bert = deepcopy(ours.bert).eval().requires_grad_(False)
    bert_encoder = deepcopy(ours.bert_encoder).requires_grad_(False)
    tokens = torch.randint(1, config.symbols, (1, TOKENS))
    style = torch.randn(1, config.style)
    aligned = torch.randn(1, config.hidden + config.style, FRAMES)

    def reference() -> Sequence[Tensor]:
        lengths, mask = torch.tensor([TOKENS]), torch.zeros(1, TOKENS, dtype=torch.bool)
        text = text_encoder(tokens, lengths, mask)
        read = bert(tokens, attention_mask=(~mask).int()).last_hidden_state
        hidden = bert_encoder(read).transpose(-1, -2)
        features = predictor.text_encoder(hidden, style, lengths, mask)
        logits = predictor.duration_proj(predictor.lstm(features)[0])
        return [features, logits, text, *predictor.F0Ntrain(aligned, style)]

    def prepare(runtime: Runtime) -> Work:
        model = deepcopy(ours).eval().requires_grad_(False)
        place(model, exact(runtime))
        lengths, spans = Lengths.of([TOKENS]), Lengths.of([FRAMES])

        def predict() -> Sequence[Tensor]:
            hidden = model.bert_encoder(model.read(tokens, lengths))
            features, logits = model.predictor.durations(hidden, style, lengths)
            text = model.text_encoder(tokens, lengths)
            return [features.mT, logits, text, *model.predictor.contours(aligned, style, spans)]

        return predict

    return Pair(reference, prepare)


def decoder(*, config: ModelConfig, module: str) -> Pair:
    """The decoder of 5 s, without the noise of its source."""
    ours = Decoder(config)
    generator = config.generator
    sizes: dict[str, object] = {
        "dim_in": config.hidden,
        "style_dim": config.style,
        "dim_out": 80,
        "resblock_kernel_sizes": generator.resblock_kernels,
        "upsample_rates": generator.upsample_rates,
        "upsample_initial_channel": generator.initial_channels,
        "resblock_dilation_sizes": generator.resblock_dilations,
        "upsample_kernel_sizes": generator.upsample_kernels,
    }
    if isinstance(generator, IstftnetConfig):
        sizes |= {"gen_istft_n_fft": generator.n_fft, "gen_istft_hop_size": generator.hop}
    theirs = taught(published(module).Decoder(**sizes), ours)
    asr = torch.randn(1, config.hidden, FRAMES)
    f0 = 150 + 30 * torch.randn(1, 2 * FRAMES)
    energy, style = torch.randn(1, 2 * FRAMES), torch.randn(1, config.style)

    def prepare(runtime: Runtime) -> Work:
        model = deepcopy(ours).eval().requires_grad_(False)
        place(model, runtime)
        return lambda: model(asr, f0, energy, style, Lengths.of([FRAMES]), None)

    return Pair(lambda: theirs(asr, f0, energy, style), prepare)


PAIRS: dict[str, Callable[[], Pair]] = {
    "StyleTTS2: an encoder of a 5 s reference": reference_style,
    "StyleTTS2 LibriTTS: style, 5 steps": partial(style, config=LIBRITTS, scale=1.0),
    "StyleTTS2 LibriTTS: style, 5 steps, guided": partial(style, config=LIBRITTS, scale=2.0),
    "StyleTTS2 LJSpeech: style, 5 steps": partial(style, config=LJSPEECH, scale=1.0),
    "StyleTTS2: durations, F0, energy": acoustics,
    "StyleTTS2 LibriTTS: decoder, 5 s": partial(
        decoder, config=LIBRITTS, module="styletts2.Modules.hifigan"
    ),
    "Kokoro: decoder, 5 s": partial(decoder, config=KOKORO, module="kokoro.istftnet"),
}
