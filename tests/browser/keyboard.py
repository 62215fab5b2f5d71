"""A visitor without a pointer: Tab, Enter, Space and arrows, and where the focus is."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import FileChooser, Page, expect

from tests.waiting import until

FOCUS = """(() => {
    const at = document.activeElement, bar = document.querySelector(".playbar");
    const name = at === document.body ? "Nothing"
        : at.ariaLabel ?? at.labels?.[0]?.innerText ?? at.innerText ?? "";
    const box = at.getBoundingClientRect();
    const free = !bar || bar.contains(at) || at.closest(".side, .bottom, .skip, dialog");
    const around = [at, at.closest("label"), at.closest(".wave")].filter(Boolean);
    const ring = around.map((each) => getComputedStyle(each)).some((style) =>
        style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
    return JSON.stringify({
        name: `${name} ${at.id}`,
        covered: !free && box.top >= bar.getBoundingClientRect().top && box.top < innerHeight,
        ring,
    });
})()"""
"""The name of what has the focus, whether the playbar covers it, and whether it is to be seen."""
SOMEWHERE = "() => document.activeElement !== document.body"


class Keyboard:
    """Every step by Tab asserts that what has the focus is to be seen, and not under the playbar;
    every press that it is not lost."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._choosers: list[FileChooser] = []
        page.on(
            "filechooser", lambda chooser: self._choosers.append(chooser)
        )  # ahead of the first key that opens one

    def focus(self) -> dict[str, Any]:
        return dict(json.loads(self.page.evaluate(FOCUS)))

    def top(self) -> None:
        """To the heading of the screen."""
        self.page.evaluate("document.querySelector('h1').focus()")

    def to(self, name: str, key: str = "Tab", most: int = 60) -> None:
        """To the next whose name contains `name`."""
        passed = []
        for _ in range(most):
            self.page.keyboard.press(key)
            focus = self.focus()
            assert not focus["covered"], f"{focus['name']} has the focus under the playbar"
            assert focus["ring"], f"{focus['name']} has the focus unseen, after {passed}"
            if name in focus["name"]:
                return
            passed.append(focus["name"].strip())
        raise AssertionError(f"{key} does not lead to {name}, but to {passed}")

    def back(self, name: str) -> None:
        self.to(name, "Shift+Tab")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_function(SOMEWHERE)

    def use(self, name: str, key: str = "Enter") -> None:
        self.to(name)
        self.press(key)

    def open(self, screen: str, title: str = "") -> None:
        """By the link of the navigation, which lies ahead of the screen."""
        self.top()
        self.back(screen)
        self.press("Enter")
        heading = self.page.get_by_role("heading", name=title or screen, level=1)
        expect(heading).to_be_focused()

    def choose_file(self, path: Any, name: str = "Choose a file") -> None:
        self.to(name)
        self.page.keyboard.press("Enter")
        until(lambda: self.page.evaluate("1") and self._choosers, 30, "a file can be chosen")
        self._choosers.pop().set_files(path)
