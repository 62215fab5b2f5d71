"""The recorded tensors, through the comparisons of `python -m parity`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from parity import seedvc
from parity.comparison import table
from parity.seedvc_bench import outputs
from pipelines.audio.mel import log_mel
from pipelines.networks.campplus import CampPlus
from pipelines.networks.rmvpe import RMVPE, RMVPE_MEL, RMVPEConfig, decode
from tests.pipelines.models.seedvc.tiny import GOLDENS


@torch.inference_mode()
def test_compare_seedvc_every_recorded_tensor_is_met(complete: Path) -> None:
    rows = seedvc.compare(complete)
    assert len(rows) > 100
    assert all(row.passed for row in rows), table([row for row in rows if not row.passed])


@torch.inference_mode()
def test_a_wrong_tensor_one_without_comparison_and_an_encoder_without_weights_are_failures(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "goldens"
    shutil.copytree(complete, other, ignore=shutil.ignore_patterns("vc22k"))
    path = other / "svc44k" / "stages.safetensors"
    tensors = load_file(path)
    tensors["cond_target"] += 1e-3
    tensors["of_unknown_meaning"] = torch.zeros(1)
    save_file(tensors, path)
    monkeypatch.setattr(seedvc, "CHECKPOINTS", other)
    shutil.copyfile(other / "speaker.safetensors", other / "campplus.safetensors")
    failed = {row.tensor for row in seedvc.compare(other) if not row.passed}
    assert failed == {
        "svc44k.cond_target",
        "svc44k.vc_mel.steps4_cfg0.7",  # begins with it
        "of_unknown_meaning (not compared)",
        "campplus.safetensors (campplus_cn_common.bin is missing)",
    }


@torch.inference_mode()
def test_compare_seedvc_first_layers_of_the_speaker_encoder() -> None:
    golden = load_file(GOLDENS / "speaker.safetensors")
    model = CampPlus().eval()
    unknown = model.load_state_dict(load_file(GOLDENS / "speaker_weights.safetensors"), False)
    assert not unknown.unexpected_keys
    head = model.head(golden["fbank.target"].T[None])
    assert_close(head, golden["head.target"], 1e-4)
    assert_close(model.xvector.tdnn(head), golden["tdnn.target"], 1e-4)
    layer = model.get_submodule("xvector.block1.tdnnd1")(golden["tdnn.target"])
    assert_close(layer[:, 128:], golden["block1_layer0.target"], 1e-4)


@torch.inference_mode()
def test_compare_seedvc_pitch_network_up_to_its_recurrent_part() -> None:
    golden = load_file(GOLDENS / "pitch_unet.safetensors")
    model = RMVPE(RMVPEConfig(channels=2, blocks=1, bottleneck=2)).eval()
    unknown = model.load_state_dict(load_file(GOLDENS / "pitch_unet_weights.safetensors"), False)
    assert not unknown.unexpected_keys
    with outputs(model, {"unet": "unet", "cnn": "cnn"}) as found:
        model(golden["unit40.mel"])
    assert_close(found["cnn"], golden["unit40.cnn"], 2e-4)
    assert_close(found["unet"][:, :, :8], golden["unit40.unet"], 2e-4)
    assert_close(log_mel(golden["wave16k"][None], RMVPE_MEL), golden["log_mel"], 5e-4)
    assert_close(decode(golden["decode.salience"]), golden["decode.f0"], 5e-3)


def assert_close(ours: torch.Tensor, golden: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(ours, golden, rtol=0.0, atol=tolerance)
