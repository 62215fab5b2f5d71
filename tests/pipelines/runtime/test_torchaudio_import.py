from __future__ import annotations

import subprocess
import sys


def test_torchaudio_imports_beside_a_cpu_torch() -> None:
    code = (
        "from pipelines.runtime.torchaudio_import import functional;"
        "import torch, torchaudio.functional as F;"
        "assert F is functional;"
        "assert F.resample(torch.ones(1, 480), 24000, 16000).shape == (1, 320)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
