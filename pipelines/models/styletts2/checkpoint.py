"""Where the weights of a StyleTTS2 model come from: the official files, or Kokoro's.

An official checkpoint holds `net`, module names to state dicts, with `module.` before every name,
weight norm and spectral norm unfolded, the denoiser twice, and modules of the training that
inference has no use for. What is kept in the cache has the names of the modules here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor, nn

from pipelines.models.styletts2.config import KOKORO, ModelConfig, PLBertConfig, StyleDenoiserConfig
from pipelines.networks.vocoders.generator_config import HifiganConfig, IstftnetConfig
from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints
from pipelines.weights.state_dicts import (
    StateDict,
    converted,
    fold_spectral_norm,
    fold_weight_norm,
    load_strict,
    tensors_of,
    under,
    without_module_prefix,
)
from pipelines.weights.torch_files import CheckpointError

MODULES = (
    "bert",
    "bert_encoder",
    "predictor",
    "decoder",
    "text_encoder",
    "predictor_encoder",
    "style_encoder",
    "diffusion",
)
"""The modules of an official checkpoint that inference uses."""

UNUSED = ("embeddings.position_ids", "pooler.")
"""Prefixes of PL-BERT's tensors that have no effect."""

DENOISERS = ("diffusion.net.", "unet.")
"""The two names of each tensor of the denoiser."""

PULSE, LONG_FORM_PULSE = 50, 100
"""Samples at the end of an utterance where the multi-speaker model leaves a click."""
BREATH_FRAMES = 5
"""Frames that an utterance of the single-speaker model is given to end in."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's description and its tensors: `read` gives those under any of some prefixes."""

    name: str
    config: ModelConfig
    read: Callable[[Sequence[str]], Mapping[str, Tensor]]

    def fill(self, module: nn.Module, prefix: str = "") -> None:
        """Give `module` its weights and set it to inference.

        Without a prefix its children are what the checkpoint calls them. Raises CheckpointError if
        names or shapes differ, WeightsMissing if there are no weights.
        """
        prefixes = [prefix] if prefix else [f"{name}." for name, _ in module.named_children()]
        load_strict(module, under(self.read(prefixes), prefix), self.name)


def kokoro(settings: PipelineSettings) -> Checkpoint:
    """The default voice model, as `bernie fetch` installs it."""
    name = "kokoro"
    return Checkpoint(name, KOKORO, lambda prefixes: checkpoints.load(name, prefixes, settings))


def published_checkpoint(folder: Path, settings: PipelineSettings) -> Checkpoint:
    """A folder with `config.yml`, one `.pth` and, where its sizes are not the published ones,
    PL-BERT's `plbert_config.yml`. Raises CheckpointError.
    """
    weights = sorted(folder.glob("*.pth"))
    if len(weights) != 1:
        raise CheckpointError(f"{folder.name} holds {len(weights)} .pth files instead of one")

    def read(prefixes: Sequence[str]) -> StateDict:
        state = converted(weights[0], settings.cache, convert, "styletts2")
        return {name: tensor for name, tensor in state.items() if name.startswith(tuple(prefixes))}

    return Checkpoint(weights[0].name, read_config(folder), read)


def convert(tree: object) -> StateDict:
    """All that inference uses of an official checkpoint, norms folded. Raises CheckpointError."""
    networks = tree.get("net") if isinstance(tree, dict) else None
    if not isinstance(networks, dict):
        raise CheckpointError("the file holds no `net`")
    state: StateDict = {}
    for module in MODULES:
        tensors = without_module_prefix(tensors_of(networks.get(module), f"net.{module}"))
        if module == "bert":
            tensors = {k: v for k, v in tensors.items() if not k.startswith(UNUSED)}
        if module == "diffusion":
            tensors = next((u for u in (under(tensors, p) for p in DENOISERS) if u), tensors)
        folded = fold_spectral_norm(fold_weight_norm(tensors))
        state.update({f"{module}.{name}": tensor for name, tensor in folded.items()})
    return state


def read_config(folder: Path) -> ModelConfig:
    """The model that `config.yml` and, if it is there, `plbert_config.yml` describe."""
    model = _section(folder / "config.yml")
    bert_file = folder / "plbert_config.yml"
    bert = _section(bert_file) if bert_file.exists() else {}
    try:
        return model_config(model, bert)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder.name}/config.yml does not describe a model") from error


def model_config(model: Mapping[str, Any], bert: Mapping[str, Any]) -> ModelConfig:
    """From the `model_params` of a model and of its PL-BERT.

    Raises KeyError, TypeError or ValueError where they are not such a description.
    """
    decoder, multispeaker = model["decoder"], bool(model["multispeaker"])
    transformer = model["diffusion"]["transformer"]
    return ModelConfig(
        symbols=model["n_token"],
        hidden=model["hidden_dim"],
        style=model["style_dim"],
        encoder_layers=model["n_layer"],
        max_duration=model["max_dur"],
        style_channels=model["dim_in"],
        trunk=decoder.get("decode_hidden_channels", KOKORO.trunk),
        trunk_residual=decoder.get("asr_res_channels", KOKORO.trunk_residual),
        bert=_bert_config(bert),
        generator=_generator_config(decoder),
        denoiser=StyleDenoiserConfig(
            layers=transformer["num_layers"],
            heads=transformer["num_heads"],
            head_features=transformer["head_features"],
            multiplier=transformer["multiplier"],
            sigma_data=model["diffusion"]["dist"]["sigma_data"],
        ),
        multispeaker=multispeaker,
        delayed_features=decoder["type"] == "hifigan",
        final_frames=0 if multispeaker else BREATH_FRAMES,
        cut=PULSE if multispeaker else 0,
        cut_long_form=LONG_FORM_PULSE if multispeaker else 0,
    )


def _bert_config(bert: Mapping[str, Any]) -> PLBertConfig:
    names = {
        "embedding": "embedding_size",
        "hidden": "hidden_size",
        "heads": "num_attention_heads",
        "intermediate": "intermediate_size",
        "layers": "num_hidden_layers",
        "positions": "max_position_embeddings",
    }
    return PLBertConfig(**{ours: bert[name] for ours, name in names.items() if name in bert})


def _generator_config(decoder: Mapping[str, Any]) -> HifiganConfig | IstftnetConfig:
    common = {
        "upsample_rates": tuple(decoder["upsample_rates"]),
        "upsample_kernels": tuple(decoder["upsample_kernel_sizes"]),
        "initial_channels": decoder["upsample_initial_channel"],
        "resblock_kernels": tuple(decoder["resblock_kernel_sizes"]),
        "resblock_dilations": tuple(map(tuple, decoder["resblock_dilation_sizes"])),
    }
    if decoder["type"] == "hifigan":
        return HifiganConfig(**common)
    if decoder["type"] == "istftnet":
        spectra = {"n_fft": decoder["gen_istft_n_fft"], "hop": decoder["gen_istft_hop_size"]}
        return IstftnetConfig(**common, **spectra)
    raise ValueError(f"an unknown decoder: {decoder['type']}")


def _section(file: Path) -> dict[str, Any]:
    fields = yaml.safe_load(file.read_text())
    section = fields.get("model_params") if isinstance(fields, dict) else None
    if not isinstance(section, dict):
        raise CheckpointError(f"{file.name} holds no `model_params`")
    return section
