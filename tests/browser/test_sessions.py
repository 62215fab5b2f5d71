"""Sessions, tabs, interruptions: what is kept and what is told."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import expect

from serve_app.cli.common import sign_in_link
from tests.browser.conftest import PASSWORD, Visitor
from tests.browser.server import StudioServer
from tests.serve_app.api_harness import bearer

UNDER_THE_PLAYBAR = """(() => {
    const bar = document.querySelector(".playbar"), at = document.activeElement;
    if (!bar || bar.contains(at) || at.closest(".side, .skip")) return false;
    const top = at.getBoundingClientRect().top;
    return top >= bar.getBoundingClientRect().top && top < innerHeight;
})()"""
FOCUSED = """(() => {
    const at = document.activeElement;
    return `${at.ariaLabel ?? at.innerText ?? ""} ${at.id}`;
})()"""
TEXT = "A sentence that takes a while. " * 12


def test_operators_link_signs_in_and_leaves_the_address(
    visit: Callable[..., Visitor], studio: StudioServer
) -> None:
    visitor = visit(studio)
    link = sign_in_link(studio.settings)
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("heading", name="Speech", level=1)).to_be_visible()
    assert "link=" not in visitor.page.url
    visitor.allowed.append("401")
    second = visit(studio)
    second.allowed.append("401")
    second.page.goto(link)
    expect(second.page.get_by_role("status").first).to_contain_text("was used or is too old")


def test_expired_session_returns_to_sign_in_and_keeps_the_draft(visitor: Visitor) -> None:
    page = visitor.page
    visitor.allowed.append("401")
    page.get_by_label("Text", exact=True).fill(TEXT)
    httpx.post(f"{visitor.url}/api/sign-out", headers=bearer(visitor.token()))
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(page.get_by_text("what you wrote is still here")).to_be_visible()
    page.get_by_label("E-mail address").fill(visitor.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)


def test_second_tab_asks_takes_over_and_ends_with_the_first(visitor: Visitor) -> None:
    second = visitor.context.new_page()
    second.goto(f"{visitor.url}/studio/")
    expect(second.get_by_role("heading", name="Sign in to Bernie")).to_be_visible()
    second.get_by_role("button", name="Use that session here").click()
    expect(second.get_by_role("heading", name="Speech", level=1)).to_be_visible()
    expect(second.locator(".side .email")).to_have_text(visitor.email)
    second.get_by_role("button", name="Sign out").first.click()
    for page in (second, visitor.page):
        expect(page.get_by_role("heading", name="Sign in to Bernie")).to_be_visible()


def test_pending_clip_is_found_again_after_a_reload(visitor: Visitor, studio: StudioServer) -> None:
    page = visitor.page
    studio.stages.held = True
    try:
        page.get_by_label("Text", exact=True).fill(TEXT)
        page.get_by_label("Play at once").uncheck()
        page.get_by_role("button", name="Speak", exact=True).click()
        expect(page.locator("li.clip.pending")).to_have_count(1)
        page.reload()
        expect(page.locator("li.clip.pending")).to_contain_text("Working")
        page.get_by_label("Text", exact=True).fill("Another text, while the first is made.")
    finally:
        studio.stages.held = False
    expect(page.locator("li.clip.succeeded")).to_have_count(1)


def test_server_that_ends_amid_events_is_followed_again(
    visit: Callable[..., Visitor], serve: Callable[..., StudioServer]
) -> None:
    with serve() as server:
        visitor = visit(server)
        visitor.sign_up()
        visitor.allowed += ["ERR_", "Failed to fetch"]
        page = visitor.page
        asked: list[str | None] = []
        page.on(
            "request",
            lambda sent: (
                sent.url.endswith("/events") and asked.append(sent.headers.get("last-event-id"))
            ),
        )
        server.stages.held = True
        page.get_by_label("Text", exact=True).fill(TEXT)
        page.get_by_label("Play at once").uncheck()
        page.get_by_role("button", name="Speak", exact=True).click()
        expect(page.locator("li.clip.pending")).to_contain_text("Working")
        server.stop()
        server.start()
        server.stages.held = False
        expect(page.locator("li.clip.succeeded")).to_have_count(1)
        assert asked[0] is None
        assert int(asked[-1] or 0) >= 1
        visitor.leave()


def test_refused_stream_is_replaced_by_asking(visitor: Visitor) -> None:
    page = visitor.page
    page.route("**/events", lambda route: route.fulfill(status=429, body="{}"))
    visitor.allowed.append("429")
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_label("Play at once").uncheck()
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(page.locator("li.clip.succeeded")).to_have_count(1)


def test_clip_is_made_and_heard_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page

    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            under = page.evaluate(UNDER_THE_PLAYBAR)
            assert not under, f"{focused} has the focus under the playbar"
            if name in focused:
                return
        raise AssertionError(f"Tab does not lead to {name}")

    tab_to("Good evening")
    page.keyboard.press("Enter")
    page.evaluate("document.querySelector('h1').focus()")
    tab_to("Speak")
    page.keyboard.press("Enter")
    expect(page.locator("li.clip.succeeded")).to_have_count(1)
    page.evaluate("document.querySelector('h1').focus()")
    tab_to("Delete")
    page.keyboard.press("Space")
    expect(page.locator("li.clip")).to_have_count(0)


def test_text_at_four_times_its_size_fits(
    visit: Callable[..., Visitor], studio: StudioServer
) -> None:
    """A window of 1280 px at 400 % is one of 320 px."""
    visitor = visit(studio, viewport={"width": 320, "height": 256})
    visitor.sign_up()
    assert not visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
