from __future__ import annotations

from serve_app.media import removals
from serve_app.media.removals import Position, Removals
from serve_app.storage.store_errors import StoreError, StoreUnavailable

Row = tuple[float, str]


class Rows:
    """Rows to remove; `broken` ones raise."""

    def __init__(self, count: int, broken: dict[int, Exception]) -> None:
        self.left = [(float(number), f"{number:04}") for number in range(count)]
        self._broken = broken
        self.tried: list[int] = []

    def page(self, after: Position) -> list[Row]:
        return [row for row in self.left if row > after][: removals.PAGE_SIZE]

    def remove(self, row: Row) -> None:
        number = int(row[1])
        self.tried.append(number)
        if number in self._broken:
            raise self._broken[number]
        self.left.remove(row)

    def numbers(self) -> list[int]:
        return [int(name) for _, name in self.left]


def run(rows: Rows, kept: Removals) -> None:
    kept.each("row", rows.page, lambda row: row, rows.remove)


def test_each_passes_over_what_cannot_be_removed() -> None:
    refused = StoreError("AccessDenied")
    rows = Rows(5, {0: refused, 3: KeyError("no such service")})
    run(rows, Removals())
    assert rows.numbers() == [0, 3]
    run(rows, Removals())
    assert rows.tried == [0, 1, 2, 3, 4, 0, 3], "they are tried again in the next round"


def test_each_gets_past_any_number_that_cannot_be_removed() -> None:
    refused = StoreError("AccessDenied")
    count = 12 * removals.PAGE_SIZE
    rows = Rows(count + 1, dict.fromkeys(range(count), refused))
    kept = Removals()
    for _ in range(2):
        run(rows, kept)
    assert count not in rows.numbers()


def test_each_leaves_the_rest_to_the_next_round_while_the_store_is_away() -> None:
    away = StoreUnavailable("away")
    rows = Rows(10, dict.fromkeys(range(10), away))
    kept = Removals()
    run(rows, kept)
    assert rows.tried == [0, 1, 2]
    rows._broken.clear()
    run(rows, kept)
    assert rows.numbers() == [0, 1, 2]
    run(rows, kept)
    assert rows.left == []


def test_each_stops_when_it_is_told_to_and_goes_on_there() -> None:
    rows = Rows(4, {})
    stop = iter([False, False, True])
    kept = Removals(lambda: next(stop, False))
    run(rows, kept)
    assert rows.tried == [0, 1]
    run(rows, kept)
    assert rows.tried == [0, 1, 2, 3]
