"""Written forms by group: `spoken/*.tsv` says how each is read in both dialects."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.english.characters import NO_BREAK
from pipelines.english.normalize import normalize
from tests.pipelines.english.spoken_numbers import heard

TABLES = sorted((Path(__file__).parent / "spoken").glob("*.tsv"))


def rows() -> list[tuple[str, str, str, str]]:
    found = []
    for table in TABLES:
        for line in table.read_text("utf-8").splitlines():
            if line and not line.startswith("# "):
                written, american, *british = line.split("\t")
                found.append((table.stem, written, american, british[0] if british else american))
    return found


ROWS = rows()


def said(text: str, language: str) -> str:
    return normalize(text, language).replace(NO_BREAK, " ")


def test_the_tables_are_large():
    assert len(ROWS) >= 300
    assert len({written for _, written, _, _ in ROWS}) >= 0.98 * len(ROWS)


@pytest.mark.parametrize(("group", "written", "american", "british"), ROWS)
def test_written_forms_are_said_as_a_reader_would(
    group: str, written: str, american: str, british: str
):
    assert said(written, "en-us") == american
    assert said(written, "en-gb") == british


LANGUAGES = st.sampled_from(["en-us", "en-gb"])
WHOLE = st.integers(0, 10**12)
DECIMAL = st.decimals(min_value=0, max_value=10**6, places=2).map(lambda d: d.normalize())
CONTEXTS = st.sampled_from(
    [
        ("There are {} people.", False),
        ("It weighs {} kg.", False),
        ("about {}% of them", False),
        ("{} km² of land", False),
        ("a {} ml bottle", False),
        ("{} MB left", False),
        ("the sum of {} and nothing", False),
        ("-{} degrees", True),
        ("it fell to -{} °C", True),
        ("{}, or more", False),
        ("({})", False),
        ("x = {}", False),
        ("¥{} in cash", False),
        ("{} JPY in cash", False),
        ("is {}? Yes", False),
    ]
)


def written(value: Decimal | int) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [f"{value:f}" if isinstance(value, Decimal) else str(value), f"{value:,}"]
    )


@given(WHOLE.flatmap(lambda v: st.tuples(st.just(Decimal(v)), written(v))), CONTEXTS, LANGUAGES)
@example((Decimal(10_000_000), "10.000.000"), ("There are {} people.", False), "en-us")
@example((Decimal(10_000), "10.000"), ("There are {} people.", False), "en-us")
@example((Decimal(100_000), "1,00,000"), ("There are {} people.", False), "en-gb")
@example((Decimal("0.5"), ".5"), ("It weighs {} kg.", False), "en-gb")
@example((Decimal("1.5"), "1,5"), ("It weighs {} kg.", False), "en-gb")
def test_no_value_is_changed(number: tuple[Decimal, str], context: tuple[str, bool], language: str):
    (value, text), (template, negative) = number, context
    spoken = said(template.format(text), language)
    assert heard(spoken) == [-value if negative and value else value], spoken


@given(DECIMAL, CONTEXTS, LANGUAGES)
def test_no_decimal_is_changed(value: Decimal, context: tuple[str, bool], language: str):
    template, negative = context
    spoken = said(template.format(f"{value:f}"), language)
    assert heard(spoken) == [-value if negative and value else value], spoken


@given(st.integers(0, 10**9), st.integers(0, 99), st.sampled_from(["$", "£", "€", "A$"]), LANGUAGES)
def test_no_amount_of_money_is_changed(whole: int, cents: int, sign: str, language: str):
    spoken = said(f"It costs {sign}{whole:,}.{cents:02}.", language)
    parts = [whole] * (whole > 0 or cents == 0) + [cents] * (cents > 0)
    assert heard(spoken) == parts, spoken


@given(st.integers(0, 5000), st.integers(0, 5000), LANGUAGES)
@example(0, 83, "en-us")
@example(100, 1000, "en-gb")
def test_no_range_or_sum_is_changed(low: int, high: int, language: str):
    assert heard(said(f"from {low} km to {high} km", language)) == [low, high]
    assert heard(said(f"{low}–{high} kg", language)) == [low, high]
    assert heard(said(f"{low}+{high}={low + high}", language)) == [low, high, low + high]
    difference = said(f"{low}-{high}={low - high}", language)
    assert difference.split(" equals ")[0].count("minus") == 1
    assert heard(difference.replace("minus", "less", 1)) == [low, high, low - high]


SMALL = st.integers(2, 60)


@given(SMALL, SMALL, SMALL, LANGUAGES)
@example(12, 3, 1, "en-us")
def test_no_value_of_a_notation_is_changed(a: int, b: int, c: int, language: str):
    forms = {
        f"They are {a}-{b % 10}-{c} this season": [a, b % 10, c],
        f"India were {a + 90}/{b % 10} all day at stumps": [a + 90, b % 10],
        f"The odds were {a}/{b % 30 + 61} then": [a, b % 30 + 61],
        f"He weighs {a}st {b % 14}lb": [a, b % 14],
        f"It rose to {a}.{b % 10}p a litre": [Decimal(f"{a}.{b % 10}")],
        f"at {a}°{b % 60}′N": [a, b % 60],
        f"It costs £{a}.{b + 10}–£{c + 60}.50": [a, b + 10, c + 60, 50],
        f"Article {a}({b}) holds": [a, b],
        f"y = {a}x + {b}": [a, b],
        f"about {a}.{b % 10}pc of it": [Decimal(f"{a}.{b % 10}")],
    }
    for written, values in forms.items():
        spoken = said(written, language)
        assert heard(spoken.replace(",", " then")) == values, (written, spoken)


@given(st.integers(1, 999), st.integers(-30, 30), LANGUAGES)
def test_no_power_of_ten_is_changed(mantissa: int, exponent: int, language: str):
    for form in (f"{mantissa}e{exponent}", f"{mantissa} × 10^{exponent}"):
        if exponent in (2, 3) and "^" in form:
            continue  # said as squared and cubed
        assert heard(said(form, language)) == [mantissa * Decimal(10) ** exponent]
