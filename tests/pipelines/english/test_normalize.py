import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.english.characters import NO_BREAK
from pipelines.english.normalize import normalize


def said(text: str, language: str = "en-us") -> str:
    return normalize(text, language).replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("7 or 12", "seven or twelve"),
        ("10,000 and 1,234,567.", "ten thousand and one million two hundred thirty-four "
         "thousand five hundred sixty-seven."),
        ("10\u202f000", "ten thousand"),
        ("10 000 people, 1 234 567 and -250 000.5", "ten thousand people, one million two hundred "
         "thirty-four thousand five hundred sixty-seven and "
         "minus two hundred fifty thousand point five"),
        ("€10 500 or 10 500 €", "ten thousand five hundred euros or ten thousand five hundred "
         "euros"),
        ("10 000 – 20 000", "ten thousand to twenty thousand"),
        ("3 500 ml bottles", "three five hundred millilitre bottles"),
        ("555 123 000 9", "five hundred fifty-five one hundred twenty-three zero zero zero "
         "nine"),
        ("3.14, .5 and 0.05", "three point one four, point five and zero point zero five"),
        ("-5 to +3", "minus five to plus three"),
        ("−5", "minus five"),
        ("007", "zero zero seven"),
        ("21st, 2nd, 1,000th", "twenty-first, second, one thousandth"),
        ("1/2, 3/4, 2 1/2, 2½, 7/8", "one half, three quarters, two and a half, two and a half, "
         "seven eighths"),
        ("24/7", "twenty-four seven"),
        ("3–5 or 10-20", "three to five or ten to twenty"),
        ("5% or 10-20%", "five percent or ten to twenty percent"),
        ("3 × 4 = 12", "three times four equals twelve"),
        ("5% - 10%, 5%–10%, 2 km - 3 km", "five percent to ten percent, five percent to ten "
         "percent, two kilometres to three kilometres"),
        ("5% - 10 people", "five percent — ten people"),
        ("16:9", "sixteen to nine"),
        ("v1.2.3 and 1.2,3", "v one point two point three and one point two, three"),
        ("12345678901234567", "one two three, four five six, seven eight nine, zero one two, "
         "three four five, six seven"),
        ("٣ ４ 𝟓", "three four five"),
        ("٣٫١٤ and ١٬٠٠٠", "three point one four and one thousand"),
        ("x² and 10⁵", "x squared and ten to the power of five"),
    ],
)  # fmt: skip
def test_numbers(written: str, spoken: str):
    assert said(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("$5, $1, $1.01", "five dollars, one dollar, one dollar and one cent"),
        ("£3.50", "three pounds and fifty pence"),
        ("€5 million or 5€", "five million euros or five euros"),
        ("$5bn and $10-20", "five billion dollars and ten to twenty dollars"),
        ("-$5 and US$3.20", "minus five dollars and three US dollars and twenty cents"),
        ("$-5 and US$-.50", "minus five dollars and minus fifty US cents"),
        ("₿5, ₿1 and 0.5₿", "five bitcoin, one bitcoin and zero point five bitcoin"),
        ("¥500", "five hundred yen"),
        (
            "20°C, 5 km, 1 kg, 2ft",
            "twenty degrees Celsius, five kilometres, one kilogram, two feet",
        ),
        ("60 mph and 3 m/s", "sixty miles per hour and three metres per second"),
        ("5'11\" or 6'2\"", "five foot eleven or six foot two"),
        ("$20/hour", "twenty dollars per hour"),
        ("5 in a row", "five in a row"),
        ("MP3, 4K, F-16", "MP three, four K, F-sixteen"),
    ],
)
def test_money_and_measures(written: str, spoken: str):
    assert said(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("in 1984, 2005 and 2024", "in nineteen eighty-four, two thousand five and "
         "twenty twenty-four"),
        ("1900, 1905, 2010-2015", "nineteen hundred, nineteen oh five, "
         "twenty ten to twenty fifteen"),
        ("the 1990s and '80s", "the nineteen nineties and eighties"),
        ("March 3, 2024", "March third, twenty twenty-four"),
        ("the 4th of July", "the fourth of July"),
        ("3 May 2024", "the third of May, twenty twenty-four"),
        ("2024-03-15", "March fifteenth, twenty twenty-four"),
        ("He may 5 times", "He may five times"),
        ("3:45pm", "three forty-five PM"),
        ("3:05, 15:30, 3:00", "three oh five, fifteen thirty, three o'clock"),
        ("9am-5pm, 9:30–10:15, 3-5 p.m. now", "nine AM to five PM, nine thirty to ten fifteen, "
         "three to five PM now"),
        ("At 9 p.m. we left. It was 9 a.m. The end.",
         "At nine PM we left. It was nine AM. The end."),
    ],
)  # fmt: skip
def test_dates_and_times(written: str, spoken: str):
    assert said(written) == spoken


def test_slashed_dates_follow_the_voice():
    assert said("3/4/2024", "en-us") == "March fourth, twenty twenty-four"
    assert said("3/4/2024", "en-gb") == "the third of April, twenty twenty-four"
    assert said("25/12/2024", "en-gb") == "the twenty-fifth of December, twenty twenty-four"


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Dr. Smith met Mr. and Mrs. Jones.", "Doctor Smith met Mister and Missis Jones."),
        ("St. Andrew lives at 12 Main St.", "Saint Andrew lives at twelve Main Street."),
        ("e.g. this, i.e. that, etc.", "for example this, that is that, et cetera."),
        ("Pens, ink, etc. We left.", "Pens, ink, et cetera. We left."),
        ("Cats vs. dogs", "Cats versus dogs"),
        ("the U.S. Army", "the US Army"),
        ("I live in the U.S.A. He does too.", "I live in the USA. He does too."),
        ("J. K. Rowling", "J K Rowling"),
        ("No. 5, #5, pp. 3-5", "number five, number five, pages three to five"),
        ("See no. 5, no.6 and no. 7.", "See number five, number six and number seven."),
        ("no. 5", "number five"),
        ("She said no. 5 people left.", "She said no. five people left."),
        ("He said no. 5% agreed.", "He said no. five percent agreed."),
        ("AT&T", "AT and T"),
        ("World War II, Henry VIII", "World War two, Henry the eighth"),
        ("I like NASA.", "I like NASA."),
        ("STOP THE CAR RIGHT NOW!", "stop the car right now!"),
        ("#winning in C#", "hashtag winning in C sharp"),
        ("See https://example.com/a?b=c.", "See example dot com slash a question mark b equals c."),
        ("Write to me@x.org now", "Write to me at x dot org now"),
        ("TCP/IP and/or yes/no", "TCP IP and or yes or no"),
        ("Acme™", "Acme"),
        ("port :80", "port: eighty"),
        ("main.py", "main dot py"),
        ("555-0199", "five five five, zero one nine nine"),
    ],
)
def test_abbreviations_and_addresses(written: str, spoken: str):
    assert said(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Wait... what?! No!!!", "Wait… what? No!"),
        ("yes -- really - no", "yes — really — no"),
        ("fine—done", "fine — done"),
        ('"Go," he said, «now».', "“Go,” he said, “now”."),
        ("'twas the cats' toys, 'quoted'", "'twas the cats' toys, quoted"),
        ("don’t", "don't"),
        ("end.Next one", "end. Next one"),
        ("one , two ;three", "one, two; three"),
        ("*bold* _it_ `code`", "bold it code"),
        ("[x] {y}", "(x) (y)"),
        ("a () b", "a b"),
        ("Title\n\nText that\nwraps.", "Title. Text that wraps."),
        ("List:\n- one\n- two", "List: one. two"),
        ("# Head\nbody", "Head. body"),
        ("=====\ntext", "text"),
    ],
)
def test_punctuation_and_layout(written: str, spoken: str):
    assert said(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("a\x00b\x07 c\u200bd", "a b cd"),
        ("\u202eright\u202c", "right"),
        ("😀 hi 👨‍👩‍👧 there 🇬🇧 1️⃣ ok♥", "hi there one ok"),
        ("𝐇𝐞𝐥𝐥𝐨 ｆｕｌｌ ﬁne", "Hello full fine"),
        ("Nguyễn, Łódź, café", "Nguyen, Lódz, café"),
        ("e\u0336x\u0337", "ex"),
        ("cafe\u0301", "café"),
        ("नमस्ते", "नमस्ते"),
        ("你好。再见！二〇二四", "你好. 再见! 二零二四"),
        ("\ud800 lone", "lone"),
    ],
)
def test_characters(written: str, spoken: str):
    assert said(written) == spoken


@pytest.mark.parametrize("text", ["", " \n\t", "😀🎉", "...", "—", "()", "'", "\u0301", "\x00"])
def test_nothing_to_say(text: str):
    assert said(text) == ""


@given(st.lists(st.from_regex(r"(?!.*(.)\1\1)[a-z]{4,9}", fullmatch=True), max_size=30))
def test_plain_words_are_left_alone(words: list[str]):
    assert said(" ".join(words)) == " ".join(words)


@given(st.text(max_size=300), st.sampled_from(["en-us", "en-gb"]))
def test_any_text_becomes_words_and_known_marks(text: str, language: str):
    spoken = normalize(text, language)
    assert spoken == spoken.strip()
    assert not re.search(r"\d|  |\n", spoken)
    for character in spoken:
        assert unicodedata.category(character)[0] in "LMN" or (
            character in f"{NO_BREAK} '-;:,.!?—…“”()" or unicodedata.category(character) == "Sm"
        )


@given(st.text("0123456789.,:/-$%#'() ap\n", max_size=120))
def test_anything_with_digits_is_said_without_digits(text: str):
    assert not re.search(r"\d", normalize(text, "en-us"))


@given(st.lists(st.integers(0, 9999), min_size=1, max_size=12), st.sampled_from(".,:/-x%"))
def test_no_number_is_lost(numbers: list[int], mark: str):
    spoken = said(mark.join(map(str, numbers)))
    assert len(re.findall("[a-z]+", spoken)) >= len(numbers)


@given(st.integers(0, 10**15 - 1))
def test_a_number_is_one_unit(value: int):
    assert " " not in normalize(f"{value:,}", "en-us")


@pytest.mark.parametrize(
    "pattern",
    ["a b ", "1", "1 ", "1,", "1-", "1.", "1/", "1:", "$1-", "+1 ", "(1", "a.", "A. ", "a@", "a-a.",
     "http://", "\n", "\n-\n", "#\n", " \n", "' ", '"', "( ", "-", " . ", "I ", "AB ", "Xx XX ",
     "\u0301", "a\u0301", "🙂", "你", "9,999", "=", "- ", "VI ", "\\", "12:00", "1 1/",
     "12 345 ", "5% - ", "no. 5 "],
)  # fmt: skip
def test_no_text_takes_long(pattern: str):
    text = (pattern * 5000)[:5000]
    normalize("warm up 1", "en-us")
    started = time.process_time()
    normalize(text, "en-us")
    assert time.process_time() - started < 1
