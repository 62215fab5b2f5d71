from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from pipelines.threads import one_thread_each, share_out, use_threads


def test_a_thread_keeps_the_number_that_it_was_given() -> None:
    """torch gives a thread, when it first computes, the number that another has set last."""
    with ThreadPoolExecutor(1, initializer=use_threads, initargs=(1,)) as one:
        one.submit(int).result()
        with ThreadPoolExecutor(1) as other:
            other.submit(torch.set_num_threads, 3).result()
        assert one.submit(torch.get_num_threads).result() == 1


@pytest.mark.parametrize(("threads", "count"), [(1, 5), (3, 5), (3, 2), (4, 1), (2, 0)])
def test_work_is_shared_out_whole_and_once(threads: int, count: int) -> None:
    found: list[int] = []

    def go() -> None:
        use_threads(threads)
        share_out(found.extend, count)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(go).result()
    assert sorted(found) == list(range(count))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_part_is_one_threads(threads: int) -> None:
    def work(part: str) -> tuple[str, int]:
        return part.upper(), torch.get_num_threads()

    def go() -> list[tuple[str, int]]:
        use_threads(threads)
        return one_thread_each(work, ["a", "b", "c"])

    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(go).result()
    assert found == [("A", 1), ("B", 1), ("C", 1)]


@pytest.mark.parametrize("inference", [False, True])
def test_gradients_are_as_they_are_for_the_caller(inference: bool) -> None:
    def work(_: int) -> tuple[bool, bool]:
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def go() -> list[tuple[bool, bool]]:
        use_threads(2)
        with torch.inference_mode(inference):
            return one_thread_each(work, [1, 2])

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(go).result() == [(inference, not inference)] * 2
