from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipelines.runtime.lengths import Lengths, padded, run_lstm


def test_lengths_clear_zeroes_what_is_not_real() -> None:
    lengths = Lengths.of([3, 1])
    cleared = lengths.clear(torch.full((2, 2, 3), torch.nan).nan_to_num(7))
    assert cleared.tolist() == [[[7, 7, 7]] * 2, [[7, 0, 0]] * 2]


def test_lengths_unpadded_batch_is_left_as_it_is() -> None:
    x = torch.randn(2, 2, 3)
    assert Lengths.of([3, 3]).clear(x) is x


def test_lengths_infinities_in_the_padding_do_not_leak() -> None:
    x = torch.tensor([[[1.0, 2.0]], [[1.0, torch.inf]]])
    assert Lengths.of([2, 1]).clear(x).tolist() == [[[1, 2]], [[1, 0]]]


def test_lengths_follow_a_layer() -> None:
    assert Lengths.of([3, 1]).map(lambda steps: 2 * steps + 1).values == (7, 3)


@torch.inference_mode()
def test_lengths_lstm_sees_each_member_alone() -> None:
    torch.manual_seed(0)
    lstm = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
    x, sizes = torch.randn(3, 9, 4), [4, 9, 1]
    batch = run_lstm(lstm, x, Lengths.of(sizes))
    assert batch.shape == (3, 9, 6)
    for i, size in enumerate(sizes):
        alone = run_lstm(lstm, x[i : i + 1, :size], Lengths.of([size]))
        torch.testing.assert_close(batch[i, :size], alone[0])
        assert not batch[i, size:].any()


def test_lengths_arrays_are_padded_at_their_ends() -> None:
    batch = padded([np.array([[1, 2]]), np.array([[3]])], torch.device("cpu"))
    assert batch.tolist() == [[[1, 2]], [[3, 0]]]
