"""Kokoro's weights from its int8 ONNX export, under this package's parameter names.

A quantised weight is found through the node that consumes it: the node's path is the module's, and
its inputs name the scale and zero point (zero points are shared between tensors, so names alone do
not lead to them). Weight norm is folded already in the export. Nothing in the file is executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[np.generic]
Floats = NDArray[np.float32]
Named = Iterator[tuple[str, Floats]]

_PLAIN = re.compile(r"(encoder|decoder)\.(.+\.(?:bias|weight|gamma|beta|alpha[12]\.\d+))")
_TRANSPOSED = ("pool", "ups.0", "ups.1", "conv_post")


def convert(source: Path) -> dict[str, NDArray[np.float16]]:
    """All parameters of the model, float16, from the export at `source`."""
    graph = onnx.load(source).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    named = {}
    for name, array in arrays.items():
        if match := _PLAIN.fullmatch(name):
            named[match[2]] = array
    used: set[str] = set()
    for node in graph.node:
        read = _READERS.get(node.op_type)
        weight = node.input[1] if len(node.input) > 1 else ""
        # ALBERT's one layer is consumed twelve times: the first consumer names its module.
        if read is None or weight not in arrays or weight in used:
            continue
        used.add(weight)
        named.update(read(_module_path(node.name), node, arrays))
    return {name: np.ascontiguousarray(array, np.float16) for name, array in named.items()}


def _module_path(node: str) -> str:
    """`/encoder/text_encoder/cnn.0/cnn.0.0/Conv_quant` is the module `text_encoder.cnn.0.0`."""
    parts: list[str] = []
    for part in node.split("/")[2:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(part)
    path = ".".join(parts)
    if re.match(r"(F0|N)\.|(F0|N)_proj$|shared$", path) and node.startswith("/encoder/"):
        return f"predictor.{path}"
    return path


def _matrix(path: str, node: onnx.NodeProto, arrays: dict[str, Array]) -> Named:
    """int8 `[in, out]`, one scale per output."""
    yield f"{path}.weight", _dequantised(node.input[1], node.input[3], arrays).T


def _convolution(path: str, node: onnx.NodeProto, arrays: dict[str, Array]) -> Named:
    yield f"{path}.weight", _dequantised(node.input[1], node.input[3], arrays)


def _embedding(path: str, node: onnx.NodeProto, arrays: dict[str, Array]) -> Named:
    """Rows are gathered first and dequantised after, so the table is named by its scale."""
    table = node.input[1].replace("_scale", "_quantized")
    yield f"{path}.weight", _dequantised(table, node.input[2], arrays)


def _lstm(path: str, node: onnx.NodeProto, arrays: dict[str, Array]) -> Named:
    """Both directions, as torch names them."""
    for kind, name, zero in (("ih", 1, 9), ("hh", 2, 11)):
        weights = _dequantised(node.input[name], node.input[zero], arrays, per_direction=True)
        for suffix, weight in zip(("", "_reverse"), weights, strict=True):
            yield f"{path}.weight_{kind}_l0{suffix}", _torch_gates(weight.T)
    for suffix, biases in zip(("", "_reverse"), arrays[node.input[3]], strict=True):
        for kind, bias in zip(("ih", "hh"), np.split(biases, 2), strict=True):
            yield f"{path}.bias_{kind}_l0{suffix}", _torch_gates(bias)


def _folded(path: str, node: onnx.NodeProto, arrays: dict[str, Array]) -> Named:
    if path.endswith(_TRANSPOSED):
        yield f"{path}.weight", arrays[node.input[1]].astype(np.float32)


def _float_matrix(path: str, node: onnx.NodeProto, arrays: dict[str, Array]) -> Named:
    if path.endswith("l_linear"):
        yield f"{path}.weight", arrays[node.input[1]].astype(np.float32).T


_READERS: dict[str, Callable[[str, onnx.NodeProto, dict[str, Array]], Named]] = {
    "MatMulInteger": _matrix,
    "ConvInteger": _convolution,
    "DequantizeLinear": _embedding,
    "DynamicQuantizeLSTM": _lstm,
    "ConvTranspose": _folded,
    "Conv": _folded,
    "MatMul": _float_matrix,
}


def _dequantised(
    name: str, zero_point: str, arrays: dict[str, Array], per_direction: bool = False
) -> Floats:
    scale = arrays[name.replace("_quantized", "_scale")].astype(np.float32)
    zero = arrays[zero_point].astype(np.float32)
    if per_direction:
        scale, zero = scale.reshape(-1, 1, 1), zero.reshape(-1, 1, 1)
    return np.asarray((arrays[name].astype(np.float32) - zero) * scale, np.float32)


def _torch_gates(gates: Array) -> Floats:
    """ONNX orders gates input, output, forget, cell; torch input, forget, cell, output."""
    i, o, f, c = np.split(gates, 4)
    return np.concatenate([i, f, c, o])
