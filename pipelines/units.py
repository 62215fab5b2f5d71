"""The units in which the length of a segment is counted.

All are whole numbers; the names say of what. Each kind of segment names its own.
"""

from __future__ import annotations

from typing import TypeAlias

Tokens: TypeAlias = int
"""Phoneme symbols, with the padding that the model reads."""

AlignmentFrames: TypeAlias = int
"""StyleTTS2's and Revoice's frames: 25 ms, 600 samples at 24 kHz, two F0 values each."""

MelFrames: TypeAlias = int
"""Columns of a mel spectrogram, one hop each: 11.6 ms with Seed-VC, 16 ms with Make-An-Audio."""

LatentColumns: TypeAlias = int
"""Columns of Make-An-Audio's latent: eight mel frames, 128 ms."""

Samples: TypeAlias = int
"""At the sample rate of the pipeline."""
