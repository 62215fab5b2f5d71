from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pipelines.runtime.lengths import Lengths, padded, run_lstm

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)


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


@given(SIZES)
def test_shares_of_a_member_add_up_to_one(sizes: list[int]) -> None:
    lengths = Lengths.of(sizes)
    torch.testing.assert_close(lengths.share.sum(2), torch.ones(len(sizes), 1))
    assert not lengths.share[:, 0][~lengths.real].any()


@given(SIZES, st.integers(0, 6))
def test_every_member_is_reflected_at_its_own_ends(sizes: list[int], reach: int) -> None:
    lengths = Lengths.of(sizes)
    for found, size in zip(lengths.reflected(reach), sizes, strict=True):
        if size > reach:
            expected = np.pad(np.arange(size), reach, mode="reflect")
            assert found[: size + 2 * reach].tolist() == expected.tolist()
        assert found.min() >= 0
        assert found.max() < lengths.longest
