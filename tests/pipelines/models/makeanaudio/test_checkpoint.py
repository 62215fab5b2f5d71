"""The modules have the tensors of the official checkpoints, no more and no fewer."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from parity.sizes.makeanaudio import OFFICIAL, VOCODER
from pipelines.models.makeanaudio.checkpoint import (
    AUTOENCODER,
    TEXT,
    UNET,
    UNUSED,
    MakeAnAudioFiles,
    load_constants,
    load_decoder,
    load_text_encoder,
    load_unet,
)
from pipelines.models.makeanaudio.description_encoder import DescriptionEncoder
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig
from pipelines.weights.state_dicts import fold_weight_norm
from pipelines.weights.torch_files import CheckpointError
from tests.pipelines.models.makeanaudio.goldens import full_keys

Shapes = dict[str, tuple[int, ...]]


def shapes(module: nn.Module, prefix: str = "") -> Shapes:
    return {prefix + name: tuple(value.shape) for name, value in module.state_dict().items()}


def listed(group: str) -> Shapes:
    parts = full_keys()["groups"][group].values()
    return {name: tuple(entry["shape"]) for part in parts for name, entry in part.items()}


def test_makeanaudio_checkpoint_full_size_names_and_shapes() -> None:
    config = OFFICIAL
    with torch.device("meta"):
        modules = {
            TEXT: DescriptionEncoder(config.bert, config.unet.context),
            UNET: UNet(config.unet),
            AUTOENCODER: LatentDecoder(config.decoder),
        }
    ours: Shapes = {}
    for prefix, module in modules.items():
        ours |= shapes(module, prefix)
    everything = listed("maa1_full.ckpt:state_dict")
    parts = {name: shape for name, shape in everything.items() if name.startswith(tuple(modules))}
    assert ours == {name: shape for name, shape in parts.items() if not name.startswith(UNUSED)}
    assert {"scale_factor", "alphas_cumprod"} < everything.keys() - parts.keys()


def test_makeanaudio_checkpoint_full_size_vocoder(files: MakeAnAudioFiles) -> None:
    fields = yaml.safe_load(files.vocoder_config.read_text())
    config = BigVGANConfig.from_mapping(fields | {"upsample_initial_channel": 1536})
    assert config == VOCODER
    with torch.device("meta"):
        model = BigVGAN(config)
        listing = listed("best_netG.pt:generator")
        stored = {name: torch.empty(shape) for name, shape in listing.items()}
    folded = fold_weight_norm(stored)
    assert shapes(model) == {name: tuple(value.shape) for name, value in folded.items()}


def test_makeanaudio_published_sizes_differ_from_recorded_ones_in_width_only(
    files: MakeAnAudioFiles,
) -> None:
    small = files.read_config()
    unet = replace(small.unet, width=OFFICIAL.unet.width, context=OFFICIAL.unet.context)
    assert unet == OFFICIAL.unet
    sizes = OFFICIAL.decoder
    assert replace(small.decoder, width=sizes.width, multipliers=sizes.multipliers) == sizes
    assert small.schedule == OFFICIAL.schedule


def changed(
    files: MakeAnAudioFiles, tmp_path: Path, **changes: torch.Tensor | None
) -> MakeAnAudioFiles:
    """The files with tensors of the checkpoint replaced, added, or (None) removed."""
    tree = torch.load(files.weights, weights_only=True)
    for name, value in changes.items():
        if value is None:
            del tree["state_dict"][name]
        else:
            tree["state_dict"][name] = value
    target = tmp_path / files.weights.name
    torch.save(tree, target)
    return replace(files, weights=target)


def test_makeanaudio_checkpoint_what_the_checkpoint_lacks_is_named(
    files: MakeAnAudioFiles, tmp_path: Path
) -> None:
    lacking = changed(files, tmp_path, **{UNET + "out.2.bias": None})
    with pytest.raises(CheckpointError, match=r"maa1_full\.ckpt does not fit UNet:\n.*out\.2"):
        load_unet(lacking, tmp_path)


def test_makeanaudio_checkpoint_what_it_has_too_much_within_a_part_is_named(
    files: MakeAnAudioFiles, tmp_path: Path
) -> None:
    odd = changed(files, tmp_path, **{AUTOENCODER + "decoder.extra": torch.ones(1)})
    with pytest.raises(CheckpointError, match=r"1 unexpected: decoder\.extra"):
        load_decoder(odd, tmp_path)


def test_makeanaudio_checkpoint_parts_that_are_not_used_do_not_matter(
    files: MakeAnAudioFiles, tmp_path: Path
) -> None:
    extra = {
        AUTOENCODER + "loss.discriminator.weight": torch.ones(1),
        AUTOENCODER + "encoder.conv_in.weight": torch.ones(1),
        "model_ema.decay": torch.ones(1),
    }
    odd = changed(files, tmp_path, **extra)
    ours, theirs = load_decoder(odd, tmp_path), load_decoder(files, tmp_path)
    assert shapes(ours) == shapes(theirs)


def test_makeanaudio_checkpoint_schedule_of_the_checkpoint_counts(
    files: MakeAnAudioFiles, tmp_path: Path
) -> None:
    stored, scale = load_constants(files, tmp_path)
    without = changed(files, tmp_path, alphas_cumprod=None)
    computed, _ = load_constants(without, tmp_path)
    assert torch.equal(stored, computed)
    other, _ = load_constants(changed(files, tmp_path, alphas_cumprod=stored / 2), tmp_path)
    assert torch.equal(other, stored / 2)
    assert scale == pytest.approx(0.813)
    with pytest.raises(CheckpointError, match="scale_factor"):
        load_constants(changed(files, tmp_path, scale_factor=None), tmp_path)


def test_makeanaudio_checkpoint_clap_file_is_not_taken_for_the_checkpoint(
    files: MakeAnAudioFiles, tmp_path: Path
) -> None:
    torch.save({"model": {"caption_encoder.x": torch.ones(1)}}, tmp_path / "clap.pth")
    with pytest.raises(CheckpointError, match="state_dict is not in the checkpoint"):
        load_text_encoder(replace(files, weights=tmp_path / "clap.pth"), tmp_path)


@pytest.mark.parametrize("content", ["", "model: 3", "model: {params: {}}", "[", "{a: b"])
def test_makeanaudio_checkpoint_other_configurations_are_refused(
    files: MakeAnAudioFiles, tmp_path: Path, content: str
) -> None:
    wrong = tmp_path / "config.yaml"
    wrong.write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.yaml"):
        replace(files, config=wrong).read_config()
    shutil.copy(files.config, wrong)
    assert replace(files, config=wrong).read_config() == files.read_config()
