from decimal import Decimal

import pytest

from tests.pipelines.english.spoken_numbers import heard


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("one hundred and five people", [105]),
        ("one hundred five", [105]),
        ("two million three thousand and one", [2003001]),
        ("nineteen eighty-four and two thousand", [1984, 2000]),
        ("nineteen oh five", [1905]),
        ("minus three point one four", [Decimal("-3.14")]),
        ("zero zero seven", [7]),
        ("five to ten dollars", [5, 10]),
        ("one point five times ten to the power of minus three", [Decimal("0.0015")]),
        ("twelve lakh thirty-four thousand five hundred and sixty-seven", [1234567]),
        ("three dollars and fifty cents", [3, 50]),
        ("point five", [Decimal("0.5")]),
        ("nothing here", []),
    ],
)
def test_numbers_are_read_back(text: str, numbers: list[Decimal | int]):
    assert heard(text) == numbers
