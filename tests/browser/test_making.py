"""Making clips on the page, and hearing them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visitor

TITLE = "Good evening"


def test_first_visit_hears_something_within_two_clicks(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name=TITLE).click()
    page.get_by_role("button", name="Speak", exact=True).click()
    player = page.get_by_role("complementary", name="Player")
    expect(player).to_contain_text(TITLE)
    page.wait_for_function("() => performance.getEntriesByName('live:first-audio').length > 0")
    expect(page.locator("li.clip.succeeded")).to_have_count(1)
