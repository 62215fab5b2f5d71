"""Every task of the page by keyboard alone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.keyboard import Keyboard
from tests.browser.server import StudioServer
from tests.browser.test_batches import write
from tests.browser.test_making import played, player, ready
from tests.serve_app.recordings import SPEECH


def test_clips_are_made_and_heard_by_keyboard_alone(visitor: Visitor) -> None:
    page, keys = visitor.page, Keyboard(visitor.page)
    keys.use("Good evening")
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_focused()
    keys.press("Enter")
    ready(visitor)
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_focused()

    keys.open("Voice changer")
    keys.to("File")
    keys.choose_file(SPEECH)
    expect(page.locator(".chosen-file")).to_contain_text(SPEECH.name)
    keys.use(f"Listen to {SPEECH.name}")
    keys.use(f"Remove {SPEECH.name}")
    expect(page.locator(".chosen-file")).to_have_count(0)
    expect(page.get_by_role("button", name="Choose a file")).to_be_focused()
    keys.back("File")
    keys.choose_file(SPEECH)
    expect(page.locator(".chosen-file")).to_be_visible()
    keys.to("Heart")
    keys.press("ArrowDown")
    expect(page.get_by_role("radio", name="Heart")).not_to_be_checked()
    keys.back("Change the voice")
    keys.press("Enter")
    ready(visitor)
    assert visitor.api("/api/clips?limit=1").json()["items"][0]["voice"] != "af_heart"

    keys.open("Sound effects")
    keys.use("A dog barks twice.")
    keys.to("Duration")
    keys.press("Home")
    expect(page.get_by_label("Duration", exact=True)).to_have_value("0.5")
    keys.back("Make the sound")
    keys.press("Space")
    ready(visitor)


def test_history_and_player_by_keyboard_alone(visitor: Visitor, studio: StudioServer) -> None:
    page, keys = visitor.page, Keyboard(visitor.page)
    for text in ("The first of three. " * 8, "The second of three.", "The third of three."):
        visitor.api("/api/speech", method="POST", data={"text": text, "voice": "af_heart"})
    keys.open("History")
    ready(visitor, 3)
    keys.use("Play: The first")
    expect(player(page)).to_contain_text("The first")
    keys.to("Download")
    with page.expect_download():
        keys.press("Enter")
    keys.use("Delete")
    ready(visitor, 2)
    expect(page.locator("li.clip").last.locator("input, button").first).to_be_focused()
    keys.press("Control+z")
    ready(visitor, 3)
    keys.to("Pause ")
    keys.press("Enter")
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_focused()
    keys.to("Position")
    before = played(page)
    keys.press(*["ArrowRight"] * 5)
    assert played(page) > before
    keys.use("Close the player")
    expect(player(page)).to_have_count(0)
    assert keys.focus()["name"].strip() != "History", "it goes back to where it was in the list"

    keys.top()
    keys.to("Service")
    keys.press("ArrowDown")
    expect(page.get_by_label("Service")).to_have_value("styletts2")
    keys.use("Select", "Space")
    expect(page.get_by_text("1 selected")).to_be_visible()
    keys.back("Clear")
    keys.press("Enter")
    expect(page.get_by_text("1 selected")).to_have_count(0)
    studio.stages.held = True
    try:
        visitor.api("/api/speech", method="POST", data={"text": "Never.", "voice": "af_heart"})
        keys.open("Speech")
        expect(page.locator("li.clip.pending")).to_have_count(1)
        keys.use("Cancel")
        expect(page.locator("li.clip.cancelled")).to_have_count(1)
    finally:
        studio.stages.held = False


def test_what_one_owns_is_managed_by_keyboard_alone(
    visitor: Visitor, studio: StudioServer, tmp_path: Path
) -> None:
    page, keys = visitor.page, Keyboard(visitor.page)
    keys.open("Voices")
    keys.to("Record")
    keys.press("ArrowRight")
    keys.choose_file(SPEECH)
    expect(page.locator(".chosen-file")).to_contain_text(SPEECH.name)
    keys.to("Name")
    page.keyboard.type("Mine")
    keys.use("I may use this voice", "Space")
    keys.use("Add the voice")
    expect(page.get_by_text("Mine", exact=True)).to_be_visible()
    keys.press()
    keys.back("Rename Mine")
    keys.press("Enter")
    expect(page.get_by_label("New name")).to_be_focused()
    page.keyboard.type("Yours")
    keys.press("Enter")
    expect(page.get_by_text("Yours", exact=True)).to_be_visible()
    keys.press()
    keys.use("Hear ")
    expect(player(page)).to_contain_text("a sample")
    keys.top()
    keys.use("Delete Yours")
    expect(page.get_by_text("Yours", exact=True)).to_have_count(0)
    keys.use("Undo")
    expect(page.get_by_text("Yours", exact=True)).to_be_visible()
    keys.press()

    clip = visitor.api(
        "/api/speech", method="POST", data={"text": "A clip.", "voice": "af_heart"}
    ).json()["id"]
    visitor.api(f"/api/clips/{clip}?wait=20")
    keys.open("Credits")
    expect(page.get_by_text(clip[-8:])).to_be_visible()
    keys.use(clip[-8:])
    expect(player(page)).to_contain_text("A clip.")

    sign_in = {"email": visitor.email, "password": "analytical engine"}
    visitor.context.request.post(f"{visitor.url}/api/sign-in", data=sign_in)
    keys.open("Keys", "Keys and sessions")
    keys.to("Name")
    page.keyboard.type("laptop")
    keys.use("Make the key")
    expect(page.get_by_text("shown this once")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke laptop")).to_be_visible()
    keys.press()
    keys.use("Revoke laptop")
    expect(page.get_by_text("No keys yet.")).to_be_visible()
    keys.press()
    keys.use("End the session of")
    expect(page.get_by_role("button", name="End the session of")).to_have_count(0)
    keys.press()

    studio.stages.held = True
    try:
        keys.open("Batches")
        keys.choose_file(write(tmp_path / "june.jsonl"), "File")
        expect(page.get_by_text("12 lines")).to_be_visible()
        keys.use("Start the batch")
        expect(page.get_by_text("Running")).to_be_visible()
        keys.press()
        keys.use("Stop june.jsonl")
        expect(page.get_by_text("Stopping")).to_be_visible()
        keys.press()
    finally:
        studio.stages.held = False
    keys.open("System")
    expect(page.get_by_text("Text to speech")).to_be_visible()
    keys.to("Metrics for Prometheus")
