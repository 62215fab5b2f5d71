"""Making clips on the page, and hearing them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.server import StudioServer
from tests.serve_app.recordings import SPEECH
from tests.waiting import until

EXAMPLE = "Good evening"
LONG = "A sentence of some length, so that there are several parts of it. " * 10
FIRST_AUDIO = "performance.getEntriesByName('live:first-audio').length"
GAPS = "performance.getEntriesByName('live:gap').map((gap) => gap.detail)"
HOSTILE = '<img src=x onerror="window.struck = true"> & <b>bold</b>'


def player(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Player")


def played(page: Page) -> float:
    """Seconds, as the seek bar tells."""
    return float(player(page).get_by_role("slider", name="Position").input_value())


def seconds_pass(page: Page, seconds: float = 0.3) -> None:
    """Waits until the playback has gone on by some seconds."""
    begin = played(page)
    bar = "[...document.querySelectorAll('.playbar .wave input')].at(-1)?.valueAsNumber ?? 0"
    page.wait_for_function(f"() => {bar} > {begin + seconds}")


def newest(visitor: Visitor, service: str) -> dict[str, Any]:
    found = visitor.api(f"/api/clips?service={service}&limit=1").json()["items"]
    return dict(found[0])


def ready(visitor: Visitor, count: int = 1) -> None:
    expect(visitor.page.locator("li.clip.succeeded")).to_have_count(count)


def test_first_visit_hears_something_within_two_clicks(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name=EXAMPLE).click()
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(player(page)).to_contain_text(EXAMPLE)
    page.wait_for_function(f"() => {FIRST_AUDIO} > 0")
    seconds_pass(page)
    ready(visitor)
    assert visitor.origins <= {
        visitor.url,
        newest(visitor, "styletts2")["audio"]["url"].split("/studio-")[0],
    }


def test_file_of_a_clip_plays_and_is_saved_as_the_api_has_it(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_label("Text", exact=True).fill(LONG)
    page.get_by_label("Format", exact=True).select_option("flac")
    page.get_by_label("Play at once").uncheck()
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_enabled()
    page.keyboard.press("Control+Enter")
    ready(visitor)
    card = page.locator("li.clip")
    card.get_by_role("button", name="Play").click()
    seconds_pass(page)
    with page.expect_download() as saving:
        card.get_by_role("button", name="Download").click()
    clip = newest(visitor, "styletts2")
    assert saving.value.suggested_filename == f"{clip['id']}.flac"
    assert Path(saving.value.path()).read_bytes() == httpx.get(clip["audio"]["url"]).content


def test_live_playback_has_no_gap_and_ends_in_the_file(
    visitor: Visitor, studio: StudioServer
) -> None:
    page = visitor.page
    studio.stages.pause = 0.2
    try:
        page.get_by_label("Text", exact=True).fill(LONG[:150])
        page.get_by_role("button", name="Speak", exact=True).click()
        page.wait_for_function(f"() => {FIRST_AUDIO} > 0")
        expect(player(page)).to_contain_text("Heard while it is made")
        ready(visitor)
    finally:
        studio.stages.pause = 0
    assert page.evaluate(GAPS) == []
    clip = newest(visitor, "styletts2")
    expect(player(page)).not_to_contain_text("Heard while it is made", timeout=60_000)
    assert played(page) == pytest.approx(clip["audio"]["seconds"], abs=0.2)
    player(page).get_by_role("button", name="Play", exact=True).click()
    seconds_pass(page)


def test_conversion_of_a_file(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("changer")
    page.locator("#file").set_input_files(SPEECH)
    expect(page.get_by_text(SPEECH.name)).to_be_visible()
    page.get_by_role("button", name="Change the voice", exact=True).click()
    ready(visitor)
    clip = newest(visitor, "seedvc")
    upload = clip["original_voice_s3_key"].split("/")[-1].split(".")[0]
    assert visitor.api(f"/api/uploads/{upload}").json()["bytes"] == SPEECH.stat().st_size


def test_conversion_of_a_recording_arrives_as_wav(visitor: Visitor, studio: StudioServer) -> None:
    page = visitor.page
    visitor.go("changer")
    page.get_by_text("Microphone", exact=True).click()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".recorder .time")).to_contain_text("0:01 / 5:00")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Change the voice", exact=True).click()
    ready(visitor)
    key = newest(visitor, "seedvc")["original_voice_s3_key"]
    assert key.endswith(".wav")
    found = soundfile.info(io.BytesIO(studio.store.get(key)))
    assert (found.channels, found.subtype) == (1, "PCM_16")
    assert 0.9 < found.duration < 10


def test_conversion_of_a_clip_from_its_card(visitor: Visitor) -> None:
    page = visitor.page
    body = {"text": "Something to convert.", "voice": "af_heart"}
    source = visitor.api("/api/speech", method="POST", data=body).json()
    visitor.go("history")
    ready(visitor)
    page.get_by_role("button", name="Change the voice of this clip").click()
    expect(page.get_by_label("Clip", exact=True)).to_have_value(source["id"])
    page.get_by_role("radio", name="Michael").check()
    page.get_by_role("button", name="Change the voice", exact=True).click()
    ready(visitor)
    clip = newest(visitor, "seedvc")
    assert (clip["voice"], clip["original_voice_s3_key"]) == (
        "am_michael",
        visitor.api(f"/api/clips/{source['id']}").json()["s3_key"],
    )


def test_file_that_is_no_sound_is_refused_in_words(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    visitor.go("changer")
    file = tmp_path / "notes.wav"
    file.write_bytes(b"Dear diary, today I made no sound. " * 100)
    page.locator("#file").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("cannot be read as sound")


def test_refusal_of_the_server_is_shown_with_advice(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    visitor.go("voices")
    file = tmp_path / "silence.wav"
    soundfile.write(file, [0.0] * 48_000, 24_000)
    page.get_by_text("File", exact=True).click()
    page.locator("#file").set_input_files(file)
    expect(page.get_by_text("It is very quiet")).to_be_visible()
    page.get_by_label("Name").fill("Nobody")
    page.get_by_label("I may use this voice").check()
    visitor.allowed.append("422")
    page.get_by_role("button", name="Add the voice").click()
    expect(page.get_by_role("alert")).to_contain_text("closer to the microphone")


def test_variants_of_a_sound_are_clips_with_other_seeds(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("effects")
    page.get_by_role("button", name="A dog barks twice.").click()
    page.get_by_label("Variants", exact=True).first.fill("3")
    expect(page.get_by_text("150 credits of 10,000")).to_be_visible()
    page.get_by_role("button", name="Make 3 sounds").click()
    ready(visitor, 3)
    made = visitor.api("/api/clips?service=make-an-audio").json()["items"]
    assert len({clip["seed"] for clip in made}) == 3


def test_double_click_submits_once(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name=EXAMPLE).click()
    page.get_by_role("button", name="Speak", exact=True).dblclick()
    ready(visitor)
    assert len(visitor.api("/api/clips").json()["items"]) == 1


def test_hostile_texts_come_out_as_text(visitor: Visitor) -> None:
    page = visitor.page
    for method, path, body in (
        ("POST", "/api/speech", {"text": HOSTILE, "voice": "af_heart"}),
        ("POST", "/api/keys", {"name": HOSTILE}),
    ):
        assert visitor.api(path, method=method, data=body).ok
    visitor.go("history")
    expect(page.locator("li.clip .title")).to_contain_text(HOSTILE)
    ready(visitor)
    page.get_by_role("button", name="Play").click()
    expect(player(page).locator(".title")).to_contain_text("<img src=x")
    visitor.go("keys")
    expect(page.locator(".line .title").first).to_contain_text(HOSTILE)
    assert page.evaluate("window.struck") is None


def test_deleted_clip_comes_back_within_five_seconds(visitor: Visitor) -> None:
    page = visitor.page
    body = {"text": "Keep me.", "voice": "af_heart"}
    visitor.api("/api/speech", method="POST", data=body)
    visitor.go("history")
    ready(visitor)
    page.get_by_role("button", name="Delete").click()
    ready(visitor, 0)
    page.get_by_role("button", name="Undo").click()
    ready(visitor)
    page.clock.install()
    page.get_by_role("button", name="Delete").click()
    ready(visitor, 0)
    page.clock.fast_forward(5_000)
    until(lambda: visitor.api("/api/clips").json()["items"] == [], 30, "the clip is deleted")


def test_expired_link_is_renewed_and_a_deleted_clip_says_so(
    visit: Callable[..., Visitor], serve: Callable[..., StudioServer]
) -> None:
    with serve(presign_seconds=2) as server:
        visitor = visit(server)
        visitor.sign_up()
        page = visitor.page
        body = {"text": LONG, "voice": "af_heart"}
        clip = visitor.api("/api/speech", method="POST", data=body).json()
        visitor.go("history")
        ready(visitor)
        page.wait_for_timeout(2_500)
        page.get_by_role("button", name="Play").click()
        seconds_pass(page)
        player(page).get_by_role("button", name="Pause").click()
        assert visitor.api(f"/api/clips/{clip['id']}", method="DELETE").status == 204
        visitor.allowed += ["404", "403"]
        page.wait_for_timeout(2_500)
        player(page).get_by_role("button", name="Play", exact=True).click()
        expect(player(page).get_by_role("alert")).to_have_text("This clip was deleted.")
        visitor.leave()


@pytest.mark.parametrize("name", ["speech", "history"])
def test_page_is_ready_soon(visitor: Visitor, name: str) -> None:
    """One round of requests: the page, and then all that it needs at once."""
    visitor.go(name)
    visitor.page.reload()
    expect(visitor.page.locator("h1")).to_be_visible()
    chains = visitor.page.evaluate(
        "performance.getEntriesByType('resource').filter((each) => each.name.includes('/studio/'))"
        ".map((each) => each.initiatorType)"
    )
    assert set(chains) <= {"link", "script", "img", "other", "css"}
