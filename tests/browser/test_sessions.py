"""Sessions, tabs, interruptions: what is kept and what is told."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import Route, expect

from serve_app.cli.common import sign_in_link
from tests.browser.conftest import PASSWORD, Visitor
from tests.browser.server import StudioServer
from tests.serve_app.api_harness import bearer
from tests.waiting import until

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


def test_streams_that_are_refused_or_say_no_more_are_replaced_by_asking(
    visitor: Visitor, studio: StudioServer
) -> None:
    """429 and 204 end a stream for good, also where the clip goes on."""
    page = visitor.page
    visitor.allowed.append("429")
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=204 if len(asked) == 1 else 429)

    page.route("**/events", answer)
    page.clock.install()
    studio.stages.held = True
    try:
        for text in (TEXT, "Another."):
            visitor.api("/api/speech", method="POST", data={"text": text, "voice": "af_heart"})
        page.reload()
        expect(page.locator("li.clip.pending")).to_have_count(2)
        until(lambda: page.evaluate("1") and len(asked) == 2, 10, "both streams are asked for")
    finally:
        studio.stages.held = False
    until(
        lambda: len(visitor.api("/api/clips?state=succeeded").json()["items"]) == 2,
        30,
        "the clips are made",
    )
    page.clock.fast_forward(5_000)
    expect(page.locator("li.clip.succeeded")).to_have_count(2)
    assert len(set(asked)) == len(asked) == 2


def test_text_at_four_times_its_size_fits(
    visit: Callable[..., Visitor], studio: StudioServer
) -> None:
    """A window of 1280 px at 400 % is one of 320 px."""
    visitor = visit(studio, viewport={"width": 320, "height": 256})
    visitor.sign_up()
    assert not visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
