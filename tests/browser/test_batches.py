"""Batches on the page: from a file to its results."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.server import StudioServer
from tests.browser.test_screens import look

LINES = 12


def write(path: Path, *more: dict[str, object]) -> Path:
    lines = [{"id": f"line-{at}", "text": f"Line {at}."} for at in range(LINES)]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *more]))
    return path


def test_batch_from_a_file_to_its_results(
    visitor: Visitor, studio: StudioServer, tmp_path: Path
) -> None:
    page = visitor.page
    visitor.go("batches")
    expect(page.get_by_text("No batches yet.")).to_be_visible()
    start = page.get_by_role("button", name="Start the batch")
    expect(start).to_be_disabled()
    page.get_by_label("File").set_input_files(write(tmp_path / "june.jsonl"))
    expect(page.get_by_text("12 lines · 600 credits")).to_be_visible()
    start.click()
    june = page.get_by_role("listitem").filter(has_text="june.jsonl")
    expect(june.get_by_text("Done")).to_be_visible()
    with page.expect_download() as saved:
        june.get_by_role("button", name="Save the results of june.jsonl").click()
    content = Path(saved.value.path()).read_text().splitlines()
    assert [json.loads(line)["line"] for line in content] == list(range(1, LINES + 1))

    page.get_by_label("File").set_input_files(write(tmp_path / "bad.jsonl", {"text": ""}))
    start.click()
    expect(page.get_by_text("1 of 13 lines cannot be used")).to_be_visible()
    expect(page.get_by_role("button", name="Save the failed lines of bad.jsonl")).to_be_visible()

    studio.stages.held = True
    try:
        page.get_by_label("File").set_input_files(write(tmp_path / "july.jsonl"))
        start.click()
        july = page.get_by_role("listitem").filter(has_text="july.jsonl")
        expect(july.get_by_text("Running")).to_be_visible()
        look(visitor, "batches")
        july.get_by_role("button", name="Stop july.jsonl").click()
        expect(july.get_by_text("Stopping")).to_be_visible()
    finally:
        studio.stages.held = False
    expect(july.get_by_text("Cancelled")).to_be_visible()
    expect(july.get_by_text("cancelled", exact=False).first).to_be_visible()
