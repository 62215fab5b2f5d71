from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.config import KOKORO
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.kokoro_weights import convert
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import load
from pipelines.weights.state_dicts import load_strict


def test_kokoro_weights_every_parameter_of_the_model_is_there(settings: PipelineSettings) -> None:
    tensors = load("kokoro", [""], settings)
    assert len(tensors) == 457
    assert sum(tensor.numel() for tensor in tensors.values()) == 81_140_664
    with torch.device("meta"):
        wanted = AcousticModel(KOKORO).state_dict()
        wanted |= {f"decoder.{name}": value for name, value in Decoder(KOKORO).state_dict().items()}
    assert {name: value.shape for name, value in wanted.items()} == {
        name: value.shape for name, value in tensors.items()
    }


@torch.inference_mode()
def test_lstm_weights_compute_what_onnx_defines(tmp_path: Path) -> None:
    """Against ONNX's LSTM equations, written out, for both directions."""
    rng = np.random.default_rng(0)
    size, hidden, steps = 3, 2, 5
    w = rng.integers(-127, 128, (2, size, 4 * hidden), np.int8)
    r = rng.integers(-127, 128, (2, hidden, 4 * hidden), np.int8)
    bias = rng.normal(size=(2, 8 * hidden)).astype(np.float32)
    w_scale, r_scale = np.array([0.01, 0.02], np.float32), np.array([0.03, 0.01], np.float32)
    zeros = np.zeros(2, np.int8)
    arrays = {"w_quantized": w, "w_scale": w_scale, "r_quantized": r, "r_scale": r_scale}
    arrays |= {"b": bias, "zero": zeros}
    inputs = ["x", "w_quantized", "r_quantized", "b", "", "", "", ""]
    inputs += ["w_scale", "zero", "r_scale", "zero"]
    node = helper.make_node(
        "DynamicQuantizeLSTM", inputs, ["y"], name="/encoder/predictor/lstm/LSTM_quant"
    )
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    x_info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, 1, size])
    path = tmp_path / "lstm.onnx"
    onnx.save(onnx.ModelProto(graph=helper.make_graph([node], "lstm", [x_info], [], tensors)), path)

    lstm = nn.LSTM(size, hidden, bidirectional=True)
    named = convert(path)
    load_strict(
        lstm,
        {n.removeprefix("predictor.lstm."): torch.from_numpy(a) for n, a in named.items()},
        "the export",
    )
    x = rng.normal(size=(steps, size)).astype(np.float32)
    expected = [
        _onnx_lstm(x[::step], w[d] * w_scale[d], r[d] * r_scale[d], bias[d])[::step]
        for d, step in enumerate((1, -1))
    ]
    ours = lstm(torch.from_numpy(x)[:, None])[0][:, 0]
    np.testing.assert_allclose(ours, np.concatenate(expected, axis=1), atol=2e-3)


def _onnx_lstm(x: np.ndarray, w: np.ndarray, r: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`w` `[in, 4H]`, `r` `[H, 4H]`, gates input, output, forget, cell."""

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    input_bias, recurrent_bias = np.split(bias, 2)
    h = c = np.zeros(r.shape[0])
    outputs = []
    for step in x:
        i, o, f, g = np.split(step @ w + h @ r + input_bias + recurrent_bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize("zero", [0, 128, 200])
def test_kokoro_weights_convolutions_subtract_their_zero_point(tmp_path: Path, zero: int) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    arrays = {"k_quantized": values, "k_scale": np.float32(0.1), "other": np.uint8(zero)}
    node = helper.make_node(
        "ConvInteger",
        ["x", "k_quantized", "x_zero", "other"],
        ["y"],
        name="/encoder/F0.0/conv1/Conv_quant",
    )
    tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 2, 9])
    path = tmp_path / "conv.onnx"
    onnx.save(onnx.ModelProto(graph=helper.make_graph([node], "conv", [x], [], tensors)), path)
    [(name, weight)] = convert(path).items()
    assert name == "predictor.F0.0.conv1.weight"
    np.testing.assert_allclose(weight, (values.astype(float) - zero) * 0.1, rtol=1e-3)
