"""torchaudio beside any torch: import its parts, or transformers, by way of this module.

The published torchaudio links its native extension to CUDA and fails to load beside a torch built
for CPU only. What is used here is written in Python and does not need the extension, so where the
real one fails an inert one stands in. transformers imports torchaudio wherever it is installed.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def _make_importable() -> None:
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        extension = ModuleType("torchaudio._extension")
        vars(extension).update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            _check_cuda_version=lambda: None,
            fail_if_no_align=lambda function: function,
        )
        sys.modules[extension.__name__] = extension
        importlib.import_module("torchaudio")


_make_importable()

from torchaudio import functional  # noqa: E402
from torchaudio.compliance import kaldi  # noqa: E402

__all__ = ["functional", "kaldi"]
