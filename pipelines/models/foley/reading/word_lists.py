"""Lists of words, written as text."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """The words of a text, which spaces part."""
    return tuple(text.split())


SMALL_WORDS = frozenset(
    words(
        "a an the it its is are of in on at to by for that which this there sound sounds noise "
        "very slowly gradually suddenly and or all whole everything then from with they them he "
        "she again"
    )
)
"""Words that name no sound."""
