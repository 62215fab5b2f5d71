import pytest

from pipelines.english.stretched import unstretch


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Nooooo! Haaaaaa! Whaaat?", "No! Ha! What?"),
        ("goooood and coooool", "good and cool"),
        ("sooo hellooo yesss", "so hello yes"),
        ("www AAA III (iii) XXX", "www AAA III (iii) XXX"),
        ("a bookkeeper", "a bookkeeper"),
    ],
)
def test_letters_that_are_held_on_to(written: str, said: str):
    assert unstretch(written) == said
