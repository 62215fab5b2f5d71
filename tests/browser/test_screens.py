"""Every screen, in both themes and at three widths: axe finds nothing, nothing is wider than the
window, nothing that has the focus lies under the playbar.

With `STUDIO_SCREENSHOTS=FOLDER` each screen is saved there as well, to be looked at by a person."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from serve_app.db.models import Clip
from serve_app.ids import new_id
from tests.browser.conftest import Visitor
from tests.browser.keyboard import Keyboard
from tests.browser.server import StudioServer
from tests.browser.test_making import player
from tests.serve_app.recordings import SPEECH

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that depend on the theme."""
SCREENS = (
    "speech",
    "changer",
    "effects",
    "history",
    "voices",
    "credits",
    "keys",
    "system",
)
WIDTHS = (320, 375, 768, 1280)
THEMES = ("light", "dark")
SPACED = """() => {
    const [sheet] = document.styleSheets, last = sheet.cssRules.length;
    sheet.insertRule(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
        word-spacing: .16em !important; }`, last);
    const wide = document.documentElement.scrollWidth > innerWidth;
    sheet.deleteRule(last);
    return wide;
}"""
SEEN = r"""() => {
    const parts = (style) => style.backgroundColor.match(/\d+/g).slice(0, 3).map(Number);
    const paper = parts(getComputedStyle(document.body));
    const differs = (colour) => paper.some((value, at) => Math.abs(value - colour[at]) > 60);
    const canvas = document.querySelector(".playbar canvas"), { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let drawn = 0;
    for (let i = 0; i < data.length; i += 4) {
        drawn += data[i + 3] > 200 && differs(data.slice(i, i + 3));
    }
    const all = (name) => [...document.querySelectorAll(name)];
    return {
        drawn,
        marks: all(".mark").map((each) => differs(parts(getComputedStyle(each, "::before")))),
        bars: all(".bar").map((each) => getComputedStyle(each).borderTopStyle),
    };
}"""
"""Pixels of the waveform, and what marks the states of clips, beside the colour of the page."""
FOLDER = os.environ.get("STUDIO_SCREENSHOTS")


def violations(page: Page, rules: list[str] = RULES) -> list[str]:
    """What axe finds: rule and place."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = json.dumps({"runOnly": rules, "resultTypes": ["violations"]})
    found: dict[str, Any] = page.evaluate(f"axe.run({options})")
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def is_too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def is_too_wide_with_spaced_text(page: Page) -> bool:
    """With the spacing of WCAG 1.4.12."""
    return bool(page.evaluate(SPACED))


def shown(page: Page) -> None:
    """Waits for a screen and for what it loads."""
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator(".waiting")).to_have_count(0)


def look(visitor: Visitor, name: str, widths: tuple[int, ...] = WIDTHS) -> None:
    """Checks what is shown, in both themes and at all widths."""
    page = visitor.page
    for theme in THEMES:
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        for width in widths:
            page.set_viewport_size({"width": width, "height": 860 if width > 400 else 760})
            assert not is_too_wide(page), f"{name} at {width} px scrolls sideways"
            if FOLDER and width > 320:
                page.wait_for_timeout(350)
                page.screenshot(path=Path(FOLDER) / f"{name}-{width}-{theme}.png")
            if width == 320 and theme == "light":
                assert not is_too_wide_with_spaced_text(page), f"{name} has no room for spacing"
            if width != 375:
                # What the playbar covers can be scrolled from under it; axe takes it for covered.
                tall = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({"width": width, "height": tall})
                rules = RULES if theme == "light" else COLOURS
                assert violations(page, rules) == [], f"{name} at {width} px, {theme}"
    page.set_viewport_size({"width": widths[-1], "height": 860})


def look_in_forced_colours(visitor: Visitor) -> None:
    """What is drawn by colours of ours is seen in those of the reader too: the waveform, states of
    clips, progress. The focus and what is chosen have an outline."""
    page = visitor.page
    page.emulate_media(forced_colors="active")
    page.wait_for_function(f"() => ({SEEN})().drawn > 50")
    seen = page.evaluate(SEEN)
    assert seen["marks"] == [True, True]
    assert seen["bars"] == ["solid"]
    keys = Keyboard(page)
    keys.top()
    for name in ("Search", "Select", "Cancel", "Position"):
        keys.to(name)
    if FOLDER:
        page.screenshot(path=Path(FOLDER) / "forced-colours.png")
    page.emulate_media(forced_colors="none")


def fill(visitor: Visitor) -> None:
    """Makes a few clips, a failure and a key, so that the screens have something to show."""
    texts = [
        "The kettle is on, and the kitchen is warm.",
        "Once upon a time, a lighthouse keeper taught the gulls to sing. " * 3,
        "Good evening, and welcome to the eight o'clock news.",
    ]
    for text in texts:
        body = {"text": text, "voice": "af_heart"}
        assert visitor.api("/api/speech", method="POST", data=body).status == 202
    for prompt in ("Heavy rain, thunder far away.", "A dog barks twice."):
        body = {"prompt": prompt, "duration": 2.0}
        assert visitor.api("/api/sound-effects", method="POST", data=body).status == 202
    visitor.api("/api/keys", method="POST", data={"name": "build server"})


def add_failure(studio: StudioServer, user_id: str) -> None:
    """A clip that failed."""
    with studio.database.transaction() as session:
        now = studio.database.now(session)
        options = {"speed": 1.0, "seed": 1, "format": "wav", "sample_rate": None}
        session.add(
            Clip(
                id=new_id(),
                user_id=user_id,
                service="styletts2",
                text="A text that no one could say.",
                voice="am_michael",
                options=options,
                failed=True,
                error_code="generation_failed",
                error="The model gave up three times.",
                created_at=now,
                start_at=now,
                finished_at=now,
                credits=50,
                turn=0,
                attempts=3,
            )
        )


def test_states_of_clips_and_forms(visitor: Visitor, studio: StudioServer) -> None:
    """What waits, failed, is selected, is being renamed; no connection."""
    page = visitor.page
    visitor.allowed.append("ERR_INTERNET_DISCONNECTED")
    body = {"text": "One that is ready.", "voice": "af_heart:0.5+am_puck:0.5"}
    visitor.api("/api/speech", method="POST", data=body)
    add_failure(studio, visitor.api("/api/me").json()["id"])
    visitor.go("history")
    expect(page.locator("li.clip.succeeded")).to_have_count(1)
    visitor.go("speech")
    studio.stages.held = True
    try:
        page.get_by_label("Text", exact=True).fill("One that is being made, and that is awaited.")
        page.get_by_role("button", name="Speak", exact=True).click()
        expect(page.locator("li.clip.pending")).to_contain_text("Working")
        expect(page.get_by_text("Waiting for the first audio")).to_be_visible()
        visitor.go("history")
        expect(
            page.get_by_text("The model gave up three times. Nothing was charged.")
        ).to_be_visible()
        expect(page.get_by_text("Speech · Heart and Puck")).to_be_visible()
        page.get_by_label("Select", exact=True).nth(0).check()
        page.get_by_label("Select", exact=True).nth(1).check()
        expect(page.get_by_text("2 selected")).to_be_visible()
        look(visitor, "states")
        page.locator("li.clip.succeeded").get_by_role("button", name="Play").click()
        expect(player(page)).to_contain_text("One that is ready.")
        look_in_forced_colours(visitor)
        visitor.go("speech")
        expect(page.locator("li.clip.failed")).to_be_visible()
        visitor.context.set_offline(True)
        expect(page.get_by_text("You are offline")).to_be_visible()
        look(visitor, "offline")
    finally:
        visitor.context.set_offline(False)
        studio.stages.held = False


def test_sign_in_screens(visit: Callable[..., Visitor], studio: StudioServer) -> None:
    visitor = visit(studio)
    visitor.open()
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    look(visitor, "sign-in")
    visitor.page.get_by_role("button", name="Create an account").click()
    visitor.page.get_by_role("button", name="Create the account").click()
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    visitor.allowed.append("422")
    look(visitor, "sign-up")


def test_empty_screens(visitor: Visitor) -> None:
    for screen in ("speech", "changer", "history", "batches", "credits"):
        visitor.go(screen)
        shown(visitor.page)
        assert violations(visitor.page) == []


@pytest.mark.timeout(600)
def test_filled_screens(visitor: Visitor) -> None:
    page = visitor.page
    fill(visitor)
    visitor.go("voices")
    page.get_by_text("File", exact=True).click()
    page.locator("#file").set_input_files(SPEECH)
    page.get_by_label("Name").fill("My voice")
    page.get_by_label("I may use this voice").check()
    page.get_by_role("button", name="Add the voice").click()
    expect(page.get_by_text("My voice", exact=True)).to_be_visible()
    visitor.go("history")
    expect(page.locator("li.clip.succeeded")).to_have_count(5)
    page.locator("li.clip").last.get_by_role("button", name="Play").click()
    expect(page.get_by_role("complementary", name="Player")).to_be_visible()
    for screen in SCREENS:
        visitor.go(screen)
        shown(page)
        if screen == "speech":
            page.get_by_label("Text").fill("Your table for two is booked for 7:30 on March 4th.")
        look(visitor, screen)
    visitor.go("speech")
    for name in ("More", "Voice and settings"):
        page.set_viewport_size({"width": 375, "height": 760})
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        look(visitor, name.split()[0].lower(), (320, 375, 768))
        page.set_viewport_size({"width": 375, "height": 760})
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name=name)).to_be_focused()
