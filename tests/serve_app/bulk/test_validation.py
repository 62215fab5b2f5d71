"""The whole manifest is looked at; ids come once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serve_app.bulk.validation import MAX_PROBLEMS, LineIds, validate
from serve_app.media.batches.lines import Rejection
from serve_app.media.batches.manifest import ManifestLine


@given(st.lists(st.text("abc", min_size=1, max_size=3)))
def test_line_ids_finds_what_a_set_finds(ids: list[str]) -> None:
    found, seen = LineIds(), set[str]()
    for each in ids:
        assert found.add(each) == (each not in seen)
        seen.add(each)


def test_line_ids_grows() -> None:
    found = LineIds()
    assert all(found.add(str(number)) for number in range(5_000))
    assert not any(found.add(str(number)) for number in range(5_000))


def test_validate_counts_everything_and_keeps_the_first_problems() -> None:
    lines = [ManifestLine(n, f"{n % 1_000}", {}) for n in range(1, 1_301)]
    bad = Rejection("bad", "Bad.")
    found = validate(lines, lambda line: bad if line.number == 7 else None)
    assert (found.lines, found.invalid) == (1_300, 301)
    assert len(found.problems) == MAX_PROBLEMS
    assert [why.code for _, why in found.problems[:2]] == ["bad", "duplicate_id"]


def test_nobody_can_choose_ids_that_meet_in_one_place() -> None:
    tables = [LineIds(), LineIds()]
    for table in tables:
        table.add("an-id")
    places = [[at for at, value in enumerate(table._slots) if value] for table in tables]
    values = [table._slots[at] for table, [at] in zip(tables, places, strict=True)]
    assert values[0] != values[1]
