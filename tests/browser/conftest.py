"""The studio in Debian's or any other Chromium, over a real server."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from serve_app.storage.seaweedfs import SeaweedFS
from tests.browser.server import StudioServer, studio_server

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
PASSWORD = "analytical engine"
REPORT = """
window.reports = [];
document.addEventListener("securitypolicyviolation", (report) => {
  window.reports.push(`${report.violatedDirective}: ${report.blockedURI}`);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium: install `chromium`"))


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture(scope="package")
def serve(
    seaweed: SeaweedFS, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., StudioServer]:
    """Makes a server with other settings, not yet started."""

    def make(**changes: Any) -> StudioServer:
        return studio_server(seaweed, tmp_path_factory.mktemp("studio"), **changes)

    return make


@pytest.fixture(scope="package")
def studio(serve: Callable[..., StudioServer]) -> Iterator[StudioServer]:
    """One server for all tests that do not stop it."""
    with serve() as server:
        yield server


@dataclass
class Visitor:
    """A browser window of its own, and what went wrong in it. `allowed`: parts of messages on the
    console that a test brings about, such as the status of an answer."""

    context: BrowserContext
    page: Page
    url: str
    email: str
    problems: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    left: bool = False

    def open(self, hash_path: str = "") -> None:
        self.page.goto(f"{self.url}/studio/{hash_path}")

    def sign_up(self) -> None:
        self.open()
        self.page.get_by_role("button", name="Create an account").click()
        self.page.get_by_label("E-mail address").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Create the account").click()
        expect(self.page.get_by_role("heading", name="Speech", level=1)).to_be_visible()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out").first.click()
        expect(self.page.get_by_text("You are signed out.")).to_be_visible()

    def go(self, screen: str) -> None:
        self.page.evaluate(f"location.hash = '#/{screen}'")

    def token(self) -> str:
        return str(self.page.evaluate("sessionStorage.getItem('bernie-token')"))

    def api(self, path: str, **options: Any) -> Any:
        """An answer of the API, asked with the token of the page."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.context.request.fetch(f"{self.url}{path}", headers=headers, **options)

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", lambda said: said.type == "error" and self.problems.append(said.text))
        page.on("request", lambda asked: self.origins.add("/".join(asked.url.split("/")[:3])))

    def leave(self) -> None:
        """Checks and closes the window, before its server ends."""
        if not self.left:
            self.check()
            self.left = True
            self.context.close()

    def check(self) -> None:
        """Nothing on the console, no report of the policy, no cookie, no token kept."""
        found = [each for each in self.problems if not any(part in each for part in self.allowed)]
        assert found == []
        assert self.context.cookies() == []
        for page in self.context.pages:
            assert page.evaluate("window.reports ?? []") == []
            kept = page.evaluate("Object.entries(localStorage).flat().join(' ')")
            assert "bs_" not in kept


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors of a server; what went wrong in any of them fails the test."""
    visitors: list[Visitor] = []

    def make(server: StudioServer, **options: Any) -> Visitor:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 860}, "permissions": ["microphone"], **options}
        )
        context.set_default_timeout(30_000)
        context.add_init_script(REPORT)
        page = context.new_page()
        visitor = Visitor(context, page, server.url, f"{secrets.token_hex(6)}@example.com")
        context.on("page", visitor.watch)
        visitor.watch(page)
        visitors.append(visitor)
        return visitor

    expect.set_options(timeout=30_000)
    yield make
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def visitor(visit: Callable[..., Visitor], studio: StudioServer) -> Visitor:
    """Somebody who has just signed up."""
    made = visit(studio)
    made.sign_up()
    return made
