"""The numbers that the texts give."""

from __future__ import annotations

from pathlib import Path

from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.phrases import PHRASES
from pipelines.registry import NOTES

ROOT = Path(__file__).parents[4]


def test_foley_docs_texts_count_as_the_code_does() -> None:
    models = (ROOT / "docs/models.md").read_text()
    card = (ROOT / "checkpoints/foley/README.md").read_text()
    assert f"its {len(SOUNDS)} kinds of sound" in models
    assert f"with {len(PHRASES)} phrases" in models
    assert f"the {len(PHRASES)} phrases" in card
    assert f"of {len(SOUNDS)} kinds" in NOTES["foley"]


def test_foley_docs_page_lists_every_kind() -> None:
    models = (ROOT / "docs/models.md").read_text()
    listed = models.split("### The kinds of sound")[1].split("\n#")[0]
    assert {name for name in SOUNDS if f"`{name}`" not in listed} == set()
