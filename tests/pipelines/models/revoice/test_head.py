from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.models.revoice.checkpoint import load_head, save_head
from pipelines.models.revoice.head import ContentHead, HeadConfig, at_frames
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings

SMALL = HeadConfig(heard=12, width=16, blocks=2, kernel=5, symbols=7, spoken=10)


@pytest.fixture
def head() -> ContentHead:
    torch.manual_seed(3)
    return ContentHead(SMALL).eval()


@torch.inference_mode()
def test_head_member_of_a_batch_is_spoken_as_it_is_alone(head: ContentHead) -> None:
    frames = (30, 11)
    heard, levels = torch.randn(2, 30, SMALL.heard), torch.randn(2, 30, 2)
    heard[1, 11:], levels[1, 11:] = 0, 0
    together = head(heard, levels, Lengths.of(frames))
    for member, length in enumerate(frames):
        one = slice(member, member + 1)
        alone = head(heard[one, :length], levels[one, :length], Lengths.of([length]))
        torch.testing.assert_close(together.asr[one, :, :length], alone.asr)
        torch.testing.assert_close(together.energy[one, : 2 * length], alone.energy)
    assert (together.asr[1, :, 11:] == 0).all()
    assert (together.energy[1, 22:] == 0).all()


def test_a_head_is_read_as_it_was_written(head: ContentHead, tmp_path: Path) -> None:
    (tmp_path / "revoice").mkdir()
    save_head(head, tmp_path / "revoice" / "head.safetensors")
    read = load_head(PipelineSettings(checkpoints=tmp_path))
    assert read.config == SMALL
    for name, tensor in head.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


def test_head_features_are_taken_at_the_middles_of_frames() -> None:
    seconds = torch.arange(100)[:, None] * 0.02
    torch.testing.assert_close(
        at_frames(seconds, 70)[:, 0], (torch.arange(70) + 0.5) * 0.025, atol=1e-5, rtol=0
    )
    slower = at_frames(seconds, 100, start=0.3, stretch=2.0)[:, 0]
    torch.testing.assert_close(slower, 0.3 + (torch.arange(100) + 0.5) * 0.0125, atol=1e-5, rtol=0)
    assert at_frames(seconds, 200)[-1, 0] == seconds[-1, 0], "beyond the end it is the last"
