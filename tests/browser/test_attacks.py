"""What people and servers do to a page: two accounts in one tab, markup as text, a whole book, a
large file, an old link, going back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from serve_app.cli.common import sign_in_link
from tests.browser.conftest import PASSWORD, Visitor
from tests.browser.server import StudioServer
from tests.browser.test_making import HOSTILE, player, ready
from tests.serve_app.api_harness import bearer
from tests.waiting import until

SECRET = "The treasure lies under the third oak."


def make(visitor: Visitor, text: str) -> str:
    body = {"text": text, "voice": "af_heart"}
    return str(visitor.api("/api/speech", method="POST", data=body).json()["id"])


def sign_up_here(visitor: Visitor) -> None:
    """Another account, in the same tab."""
    page = visitor.page
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("E-mail address").fill("second" + visitor.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Create an account")


@pytest.mark.parametrize("way", ["sign out", "session ended"])
def test_second_account_in_one_tab_sees_nothing_of_the_first(visitor: Visitor, way: str) -> None:
    page = visitor.page
    clip = make(visitor, SECRET)
    kept = make(visitor, SECRET + " Or the fourth.")
    visitor.go("history")
    ready(visitor, 2)
    page.get_by_role("button", name="Play").first.click()
    expect(player(page)).to_contain_text("treasure")
    page.clock.install()
    page.get_by_role("button", name="Delete").last.click()
    visitor.go("speech")
    page.get_by_label("Text", exact=True).fill(SECRET)
    visitor.allowed += ["401", "404"]
    if way == "sign out":
        visitor.sign_out()
    else:
        visitor.api("/api/sign-out", method="POST")
        visitor.go("credits")
        expect(page.get_by_text("Your session has ended")).to_be_visible()
    sign_up_here(visitor)
    visitor.go("speech")
    expect(page.get_by_label("Text", exact=True)).to_have_value("")
    visitor.go("history")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    page.clock.fast_forward(5_500)  # the undo of the first account is over by now
    assert "treasure" not in page.locator("body").inner_text()
    assert "oak" not in str(page.evaluate("Object.entries(sessionStorage).flat().join(' ')"))
    if way == "sign out":  # what was asked for before is done
        page.goto(f"{visitor.url}/studio/icon")
        sign_in = {"email": visitor.email, "password": PASSWORD}
        token = visitor.context.request.post(f"{visitor.url}/api/sign-in", data=sign_in).json()
        headers = {"Authorization": f"Bearer {token['token']}"}
        listed = visitor.context.request.get(f"{visitor.url}/api/clips", headers=headers).json()
        assert [each["id"] for each in listed["items"]] == [kept]
        assert clip != kept


def test_deletion_is_done_when_the_page_is_left(visitor: Visitor) -> None:
    page = visitor.page
    make(visitor, "Away with it.")
    headers = bearer(visitor.token())
    visitor.go("history")
    ready(visitor)
    page.get_by_role("button", name="Delete").click()
    ready(visitor, 0)
    page.goto(f"{visitor.url}/healthz")

    def listed() -> object:
        return httpx.get(f"{visitor.url}/api/clips", headers=headers).json()["items"]

    until(lambda: listed() == [], 4, "the clip is deleted")


def test_names_with_markup_are_text(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    file = tmp_path / "<img src=x onerror='window.struck=1'>.wav"
    soundfile.write(file, 0.3 * np.sin(np.arange(24_000) / 20), 24_000)
    visitor.go("changer")
    page.locator("#file").set_input_files(file)
    expect(page.locator(".chosen-file .title")).to_contain_text("<img src=x")
    visitor.go("voices")
    page.get_by_text("File", exact=True).click()
    page.locator("#file").set_input_files(
        Path(__file__).parents[1] / "goldens/speech/am_michael.flac"
    )
    page.get_by_label("Name").fill(HOSTILE)
    page.get_by_label("I may use this voice").check()
    visitor.allowed.append("422")
    page.get_by_role("button", name="Add the voice").click()
    expect(
        page.locator(".title, [role=alert]").filter(has_text="<img").or_(page.get_by_role("alert"))
    ).not_to_have_count(0)
    visitor.go("batches")
    lines = tmp_path / "<b>lines.jsonl"
    lines.write_text('{"text": "One line."}\n')
    page.get_by_label("File").set_input_files(lines)
    page.get_by_role("button", name="Start the batch").click()
    expect(page.get_by_text("<b>lines.jsonl")).to_be_visible()
    assert page.evaluate("window.struck") is None


def test_page_lets_nobody_frame_it(visit: Callable[..., Visitor], studio: StudioServer) -> None:
    visitor = visit(studio)
    page = visitor.page
    visitor.allowed.append("frame-ancestors 'none'")
    page.set_content(
        f'<iframe name="studio" src="{studio.url}/studio/"></iframe>'
        f'<iframe name="other" src="{studio.url}/openapi.json"></iframe>'
    )
    page.wait_for_load_state()
    urls = {frame.name: frame.url for frame in page.frames}
    assert urls["other"] == f"{studio.url}/openapi.json"
    assert urls["studio"].startswith("chrome-error://")
    page.goto(f"{studio.url}/healthz")


def test_book_is_counted_and_refused_in_words(visitor: Visitor) -> None:
    page = visitor.page
    page.evaluate(
        "const box = document.getElementById('text'); box.value = '🌊ab '.repeat(150000);"
        "box.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    expect(page.get_by_text("The text is 594,999 characters too long.")).to_be_visible()
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Text", exact=True).fill("Short.")
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_enabled()


def test_upload_can_be_stopped_and_the_recording_outlives_the_screen(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.page
    file = tmp_path / "long.wav"
    soundfile.write(file, np.zeros((48_000 * 210, 2), np.int16) + 900, 48_000)
    assert file.stat().st_size > 40_000_000
    visitor.go("changer")
    page.locator("#file").set_input_files(file)
    expect(page.locator(".chosen-file")).to_contain_text("3:30 min · 40.3 MB")
    visitor.go("voices")
    page.go_back()
    expect(page.locator(".chosen-file")).to_contain_text("long.wav")
    page.route(lambda url: "seed-vc-audio-uploads" in url, lambda _route: None)  # never answered
    page.get_by_role("button", name="Change the voice", exact=True).click()
    page.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_role("button", name="Change the voice", exact=True)).to_be_enabled()
    assert visitor.api("/api/clips").json()["items"] == []


def test_old_link_does_not_end_a_session(
    visit: Callable[..., Visitor], studio: StudioServer
) -> None:
    visitor = visit(studio)
    link = sign_in_link(studio.settings)
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("heading", name="Speech", level=1)).to_be_visible()
    visitor.allowed.append("401")
    visitor.page.goto("about:blank")
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("heading", name="Speech", level=1)).to_be_visible()


def test_back_and_forward_go_from_screen_to_screen(visitor: Visitor) -> None:
    page = visitor.page
    for screen in ("history", "voices"):
        visitor.go(screen)
        expect(page.locator("h1")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="History", level=1)).to_be_focused()
    page.go_forward()
    expect(page.get_by_role("heading", name="Voices", level=1)).to_be_focused()
    for nothing in ("nowhere", "constructor", "__proto__"):
        visitor.go("voices")
        expect(page.get_by_role("heading", name="Voices", level=1)).to_be_focused()
        visitor.go(nothing)
        expect(page.get_by_role("heading", name="Speech", level=1)).to_be_visible()


def test_words_written_offline_are_sent_later(visitor: Visitor) -> None:
    page = visitor.page
    visitor.allowed += ["ERR_INTERNET_DISCONNECTED"]
    page.get_by_label("Text", exact=True).fill("Offline words.")
    visitor.context.set_offline(True)
    expect(page.get_by_text("You are offline")).to_be_visible()
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    expect(player(page)).to_have_count(0)
    visitor.context.set_offline(False)
    expect(page.get_by_text("You are offline")).to_have_count(0)
    page.get_by_role("button", name="Speak", exact=True).click()
    ready(visitor)


def test_page_outlives_its_server(
    visit: Callable[..., Visitor], serve: Callable[..., StudioServer]
) -> None:
    with serve() as server:
        visitor = visit(server)
        visitor.sign_up()
        visitor.allowed += ["ERR_", "Failed to fetch"]
        page = visitor.page
        expect(page.get_by_text("What you make appears here")).to_be_visible()
        server.stop()
        visitor.go("voices")
        expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
        server.start()
        expect(page.get_by_text("Heart", exact=True)).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
        visitor.leave()
