"""One generator for both versions, on checkpoints of the published layouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig, load_bigvgan
from pipelines.weights.torch_files import CheckpointError
from tests.pipelines.models.makeanaudio.goldens import folder

GOLDENS = folder()
WEIGHTS = GOLDENS / "useful_ckpts" / "bigvgan" / "best_netG.pt"
FIELDS = yaml.safe_load(WEIGHTS.with_name("args.yml").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BigVGAN:
    torch.set_num_threads(1)
    return load_bigvgan(WEIGHTS, BigVGANConfig.from_mapping(FIELDS), tmp_path_factory.mktemp("c"))


def test_bigvgan_batch_equals_alone(model: BigVGAN) -> None:
    torch.manual_seed(0)
    mels = torch.randn(3, 80, 11)
    with torch.no_grad():
        together = model(mels)
        alone = torch.cat([model(mel[None]) for mel in mels])
    assert together.shape == (3, 11 * model.hop)
    torch.testing.assert_close(together, alone, rtol=0, atol=2e-6)


def test_bigvgan_reference_waveform(model: BigVGAN) -> None:
    golden = load_file(GOLDENS / "goldens" / "vocoder.safetensors")
    with torch.no_grad():
        wave = model(golden["mel_in"])
    torch.testing.assert_close(wave, golden["mel_in.wav"][:, 0], rtol=0, atol=5e-6)


def test_bigvgan_folded_checkpoints_load_too(model: BigVGAN, tmp_path: Path) -> None:
    torch.save({"generator": dict(model.state_dict())}, tmp_path / "folded.pt")
    again = load_bigvgan(tmp_path / "folded.pt", BigVGANConfig.from_mapping(FIELDS), tmp_path)
    mel = torch.randn(1, 80, 4)
    with torch.no_grad():
        assert torch.equal(again(mel), model(mel))


def test_bigvgan_version_two_has_no_final_bias_and_clamps() -> None:
    small = {
        "upsample_initial_channel": 8,
        "upsample_rates": [2, 2],
        "upsample_kernel_sizes": [4, 4],
    }
    fields = FIELDS | small | {"use_bias_at_final": False, "use_tanh_at_final": False}
    torch.manual_seed(0)
    model = BigVGAN(BigVGANConfig.from_mapping(fields))
    assert model.conv_post.bias is None
    with torch.no_grad():
        model.conv_post.weight.mul_(1e4)
        wave = model(torch.randn(1, 80, 50))
    assert wave.shape == (1, 200)
    assert wave.min() == -1
    assert wave.max() == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"resblock": "2"}, "type 1"),
        ({"activation": "relu"}, "type 1"),
        ({"num_mels": None}, "num_mels"),
    ],
)
def test_bigvgan_what_is_not_implemented_is_refused(
    change: dict[str, object], complaint: str
) -> None:
    fields = {key: value for key, value in (FIELDS | change).items() if value is not None}
    with pytest.raises(CheckpointError, match=complaint):
        BigVGANConfig.from_mapping(fields)


def test_bigvgan_wrong_configuration_is_reported(tmp_path: Path) -> None:
    config = BigVGANConfig.from_mapping(FIELDS | {"num_mels": 100})
    with pytest.raises(
        CheckpointError, match=r"conv_pre\.weight \(128×80×7, the model has 128×100×7\)"
    ):
        load_bigvgan(WEIGHTS, config, tmp_path)
