"""What libraries cost a process that imports them, beside torch.

    python -m benchmarks.imports

Each row is a fresh process that has imported torch: the CPU seconds and the resident memory that
the import adds, in MB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

IMPORTS = {
    "torchaudio": "from pipelines.runtime.torchaudio_import import functional, kaldi",
    "librosa.filters": "import librosa.filters",
    "librosa.effects.trim": "import librosa, numpy; librosa.effects.trim(numpy.ones(24000, 'f'))",
    "transformers.BertModel": "import pipelines.runtime.torchaudio_import; "
    "from transformers import BertModel",
    "our own BERT": "import pipelines.networks.bert",
}
PROGRAM = """
import resource, time, torch
def used(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds, memory = time.process_time(), used()
{}
print(time.process_time() - seconds, used() - memory)
"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for name, statement in IMPORTS.items():
        command = [sys.executable, "-c", PROGRAM.format(statement)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, memory = map(float, done.stdout.split())
        print(f"{name:24} {seconds:5.2f} CPU-s {memory:5.0f} MB")


if __name__ == "__main__":
    main()
