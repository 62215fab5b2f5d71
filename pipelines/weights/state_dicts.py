"""From the tensors of a checkpoint to the parameters of a module.

A state dict is a flat mapping of names to tensors. The functions here take one and return another;
`load_strict` ends the chain. `converted` keeps the result of a chain in the cache as safetensors,
so that the checkpoint itself is read once.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.weights.torch_files import CheckpointError, read_torch

StateDict = dict[str, Tensor]

LISTED_NAMES = 12
"""Names that one section of a report lists before it only counts."""


def tensors_of(tree: object, what: str) -> StateDict:
    """The tensors of a mapping read from a checkpoint; entries that are no tensors are dropped.

    Raises `CheckpointError` naming `what` if there is no such mapping.
    """
    if not isinstance(tree, Mapping):
        raise CheckpointError(f"{what} is not in the checkpoint")
    return {name: value for name, value in tree.items() if isinstance(value, Tensor)}


def under(state: Mapping[str, Tensor], prefix: str) -> StateDict:
    """The entries whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def without_module_prefix(state: Mapping[str, Tensor]) -> StateDict:
    """The names without the `module.` that data-parallel training puts before every one of them."""
    if all(name.startswith("module.") for name in state):
        return under(state, "module.")
    return dict(state)


def fold_weight_norm(state: Mapping[str, Tensor]) -> StateDict:
    """`weight_g`, `weight_v` become `weight` = g v / ‖v‖, the norm over all dimensions but 0.

    Dimension 0 holds the output channels of a convolution, but the input channels of a transposed
    one. Weight normalisation: Salimans and Kingma, 2016.
    """
    folded: StateDict = {}
    for name, value in state.items():
        if name.endswith("weight_g"):
            continue
        base = name.removesuffix("_v")
        gain = state.get(base + "_g") if name.endswith("weight_v") else None
        if gain is None:
            folded[name] = value
            continue
        norm = torch.linalg.vector_norm(value, dim=tuple(range(1, value.ndim)), keepdim=True)
        if gain.shape != norm.shape:
            raise CheckpointError(f"{base}_g has shape {_shape(gain)}, not {_shape(norm)}")
        folded[base] = value * (gain / norm)
    return folded


def fold_spectral_norm(state: Mapping[str, Tensor]) -> StateDict:
    """`weight_orig`, `weight_u`, `weight_v` become `weight` = W / (uᵀ W v).

    W is flattened to `[out, rest]`; u and v are the stored vectors, which inference does not
    refine. For convolutions and linear layers. Spectral normalisation: Miyato et al., 2018.
    """
    folded = dict(state)
    for name in [name for name in state if name.endswith("weight_orig")]:
        base = name.removesuffix("_orig")
        weight = folded.pop(name)
        try:
            u, v = folded.pop(base + "_u"), folded.pop(base + "_v")
        except KeyError as error:
            raise CheckpointError(f"{name} comes without its vectors u and v") from error
        folded[base] = weight / torch.dot(u, weight.flatten(1) @ v)
    return folded


def load_strict(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Make `state` the parameters and buffers of `module`, which may live on the meta device.

    The tensors themselves are used, floating point ones as float32; the module is set to inference.
    Raises `CheckpointError` with one report of all names that are missing or unexpected and all
    shapes that differ; `source` says in it where the tensors come from.
    """
    expected = module.state_dict()
    shared = [name for name in expected if name in state]
    sections = {
        "missing": [name for name in expected if name not in state],
        "unexpected": [name for name in state if name not in expected],
        "of another shape": [
            f"{name} ({_shape(state[name])}, the model has {_shape(expected[name])})"
            for name in shared
            if state[name].shape != expected[name].shape
        ],
    }
    lines = [_section(title, names) for title, names in sections.items() if names]
    if lines:
        kind = type(module).__name__
        raise CheckpointError("\n".join([f"{source} does not fit {kind}:", *lines]))
    floats = {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }
    module.load_state_dict(floats, assign=True)
    module.eval().requires_grad_(False)


def converted(
    source: Path, cache: Path, convert: Callable[[object], StateDict], variant: str
) -> StateDict:
    """`convert(read_torch(source))`, kept in `cache` as safetensors and mapped from there.

    `variant` names the conversion: the same file may be converted for several purposes, and a
    changed conversion needs a new name. A changed source is converted again. Raises
    `CheckpointError` as `read_torch` and `convert` do.
    """
    facts = source.stat()
    identity = f"{source.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}\n{variant}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    target = cache / f"{source.stem}-{variant}-{digest}.safetensors"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _write(convert(read_torch(source)), target)
    return load_file(target)


def _write(state: StateDict, target: Path) -> None:
    """All or nothing: several processes may convert the same file at once."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.stem, suffix=".partial")
    os.close(handle)
    partial = Path(name)
    try:
        # safetensors stores no two tensors that share memory.
        save_file({key: value.contiguous().clone() for key, value in state.items()}, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def _section(title: str, names: list[str]) -> str:
    more = [f"… and {len(names) - LISTED_NAMES} more"] if len(names) > LISTED_NAMES else []
    return f"  {len(names)} {title}: " + ", ".join(names[:LISTED_NAMES] + more)


def identity(described: object, *modules: nn.Module) -> str:
    """A name for what `modules` compute: SHA-256 of their parameters and buffers, and of the text
    of all else that it depends on. Modules of other weights have another name."""
    digest = hashlib.sha256(str(described).encode())
    for module in modules:
        for name, tensor in module.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
