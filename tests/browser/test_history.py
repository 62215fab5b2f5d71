"""The history with many clips."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sqlalchemy import insert

from serve_app.db.models import Clip
from serve_app.ids import new_id
from tests.browser.conftest import Visitor
from tests.browser.server import StudioServer

COUNT = 1_000


def add_clips(studio: StudioServer, user_id: str) -> None:
    """Clips that succeeded, one a second."""
    with studio.database.transaction() as session:
        now = studio.database.now(session)
        rows = [
            {
                "id": new_id(),
                "user_id": user_id,
                "service": "styletts2",
                "text": f"Clip number {number}.",
                "voice": "af_heart",
                "options": {"speed": 1.0, "seed": 1, "format": "wav", "sample_rate": None},
                "s3_key": f"styletts2-output/{number}.wav",
                "created_at": now - number,
                "start_at": now - number,
                "credits": 50,
                "turn": 0,
                "bytes": 48_044,
                "audio_seconds": 1.0,
            }
            for number in range(COUNT)
        ]
        session.execute(insert(Clip), rows)


def show_all(page: Page) -> None:
    """Asks for page after page of the history, until all clips are there."""
    for shown in range(50, COUNT, 50):
        expect(page.locator("li.clip")).to_have_count(shown)
        page.get_by_role("button", name="Show more").click()
    expect(page.locator("li.clip")).to_have_count(COUNT)


def test_history_of_a_thousand_clips_shows_each_once_and_finds_one(
    visitor: Visitor, studio: StudioServer
) -> None:
    page = visitor.page
    add_clips(studio, visitor.api("/api/me").json()["id"])
    visitor.go("history")
    show_all(page)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    titles = [title.strip() for title in page.locator("li.clip .title").all_text_contents()]
    assert titles == [f"Clip number {number}." for number in range(COUNT)]
    # Cards outside of the window are not laid out: what a frame of scrolling costs is bounded.
    drawn = page.evaluate(
        "[...document.querySelectorAll('li.clip .body')].filter((each) => "
        "each.checkVisibility({ contentVisibilityAuto: true })).length"
    )
    assert 0 < drawn < 100
    page.get_by_role("searchbox", name="Search the texts").fill("number 777")
    expect(page.locator("li.clip")).to_have_count(1)
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_text("No clip matches")).to_be_visible()
