"""What the studio takes in a browser: its size, when it is ready, when a clip is first heard, and
how evenly a long history scrolls.

    python -m benchmarks.studio

The server, the worker and the object store run in this process, with stages that compute nothing
(a tone), so that the times are those of the page and of what is between it and the worker.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from serve_app.routes.studio import studio_files
from serve_app.storage.seaweedfs import SeaweedFS
from tests.browser.conftest import CHROMIUM, FLAGS, Visitor
from tests.browser.server import StudioServer, studio_server
from tests.browser.test_history import COUNT, add_clips, show_all

READY = """() => performance.getEntriesByName("studio:ready")[0].startTime
    - performance.getEntriesByType("navigation")[0].responseStart"""
HEARD = """() => { const [mark] = performance.getEntriesByName("live:first-audio");
    return mark && (performance.timeOrigin + mark.startTime) / 1000 + mark.detail; }"""
SCROLL = """async () => {
    const frames = []; let last = performance.now(), going = true;
    const tick = (now) => {
        frames.push(now - last);
        last = now;
        if (going) requestAnimationFrame(tick);
    };
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(tick); });
    for (let y = 0; y < document.documentElement.scrollHeight; y += 240) {
        scrollTo(0, y);
        await new Promise(requestAnimationFrame);
    }
    going = false;
    return frames;
}"""
TEXT = "A sentence of some length, so that there are several parts of it. " * 4


def visit(browser: Browser, server: StudioServer) -> Visitor:
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    return Visitor(context, context.new_page(), server.url, "")


def signed_up(browser: Browser, server: StudioServer, email: str) -> Visitor:
    visitor = visit(browser, server)
    visitor.email = email
    visitor.sign_up()
    return visitor


def ready(browser: Browser, server: StudioServer, runs: int) -> list[float]:
    """Milliseconds from the server's first byte, nothing cached."""
    times = []
    for _ in range(runs):
        visitor = visit(browser, server)
        visitor.open()
        expect(visitor.page.locator("h1")).to_be_visible()
        times.append(float(visitor.page.evaluate(READY)))
        visitor.context.close()
    return times


def first_audio(page: Page, server: StudioServer, runs: int) -> list[float]:
    """Seconds from the first computed segment to its sound."""
    times = []
    for _ in range(runs):
        page.evaluate("performance.clearMarks()")
        server.stages.made.clear()
        page.get_by_label("Text", exact=True).fill(TEXT)
        page.get_by_role("button", name="Speak", exact=True).click()
        heard: Any = page.wait_for_function(HEARD).json_value()
        times.append(heard - server.stages.made[0])
        page.get_by_role("button", name="Close the player").click()
        expect(page.locator("li.clip.pending")).to_have_count(0)
    return times


def scrolling(visitor: Visitor, server: StudioServer) -> list[float]:
    """Milliseconds of each frame of a way through all clips."""
    page = visitor.page
    add_clips(server, visitor.api("/api/me").json()["id"])
    visitor.go("history")
    show_all(page)
    return list(page.evaluate(SCROLL))


def tell(what: str, values: list[float], unit: str) -> None:
    print(f"{what:42} median {statistics.median(values):6.2f} most {max(values):6.2f} {unit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    files = studio_files()
    for how, contents in (("plain", files.files), ("by gzip", files.packed)):
        page = len(files.page) + sum(len(contents[name]) for name in files.at_once)
        later = sum(map(len, contents.values())) + len(files.page) - page
        print(f"page {how}: {page:,} bytes in {len(files.at_once) + 1} files; later {later:,}")
    with (
        tempfile.TemporaryDirectory() as folder,
        SeaweedFS(Path(folder) / "store") as seaweed,
        studio_server(seaweed, Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        expect.set_options(timeout=30_000)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tell("ready after the server's first byte", ready(browser, server, runs), "ms")
        visitor = signed_up(browser, server, "first@example.com")
        tell("heard after the first segment", first_audio(visitor.page, server, runs), "s")
        visitor = signed_up(browser, server, "second@example.com")
        frames = scrolling(visitor, server)
        tell(f"frame while {COUNT} clips scroll by", frames, "ms")
        late = sum(frame > 50 for frame in frames)
        print(f"frames over 50 ms: {late} of {len(frames)}")
        browser.close()


if __name__ == "__main__":
    main()
