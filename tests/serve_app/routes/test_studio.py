"""What is served under `/studio/`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from serve_app.routes.studio import (
    FOLDER,
    TYPES,
    StudioFiles,
    studio_files,
    without_comments,
)
from tests.serve_app.api_harness import Api, error_of

VENDORED = {
    "preact.js": "225d7a773766e6fb2cfcc45274fe41d2059f5782f3f2c4569aa5132a2d3a2902",
    "hooks.js": "5c65ab263688d0805862fd0807c779af02c2799c44fda0873dfcb870d0da70a0",
    "htm.js": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
}
LATER = ["pages/batches.js", "pages/keys.js"]
"""Fetched when the page is ready."""
MOST_BYTES = 150_000
MOST_BYTES_SENT = 62_000
"""By gzip, each file on its own."""
FILES = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in TYPES
)


def test_every_file_has_its_type_and_the_policy(sqlite_api: Api) -> None:
    version = studio_files().version
    assert len(FILES) > 30
    for name in FILES:
        path = "/studio/" if name == "index.html" else f"/studio/{version}/{name}"
        answer = sqlite_api.client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["Content-Type"] == TYPES[Path(name).suffix]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "trusted-types 'none'" in policy
        assert "unsafe" not in policy
        assert f"connect-src 'self' {sqlite_api.settings.s3_endpoint};" in policy
        kept = "no-cache" if name == "index.html" else "public, max-age=31536000, immutable"
        assert answer.headers["Cache-Control"] == kept


@pytest.mark.parametrize(
    "path",
    [
        "/studio/{version}/index.html",
        "/studio/{version}/none.js",
        "/studio/{version}/../api.py",
        "/studio/{version}/%2e%2e/api.py",
        "/studio/{version}/..%2fapi.py",
        "/studio/{version}//etc/passwd",
        "/studio/0123456789abcdef/app.js",
        "/studio/app.js",
        "/studio/{version}/",
    ],
)
def test_nothing_else_is_served(sqlite_api: Api, path: str) -> None:
    answer = sqlite_api.client.get(path.replace("{version}", studio_files().version))
    assert error_of(answer, 404)["code"] == "not_found"


def test_index_sends_browsers_to_the_studio(sqlite_api: Api) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = sqlite_api.client.get("/", headers=browser, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/studio/")
    assert answer.headers["Vary"] == "Accept"
    assert sqlite_api.client.get("/").json()["studio"] == "/studio/"
    assert sqlite_api.client.get("/studio", follow_redirects=False).status_code == 308


def test_page_names_every_module_once() -> None:
    page = (FOLDER / "index.html").read_text()
    named = re.findall(r'(?:href|src)="\{version\}/([^"]+)"', page)
    assert sorted(studio_files().at_once) == sorted(named)
    assert sorted([*named, *LATER]) == sorted(name for name in FILES if name != "index.html")


def test_version_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("{version}")
    (tmp_path / "app.js").write_text("1")
    first = StudioFiles(tmp_path)
    (tmp_path / "app.js").write_text("2")
    assert first.page == first.version.encode()
    assert StudioFiles(tmp_path).version != first.version


def test_vendored_files_are_those_that_were_reviewed() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (FOLDER / "vendor").glob("*.js")
    }
    assert found == VENDORED


def test_page_stays_small(sqlite_api: Api) -> None:
    served = studio_files()
    for files, most in ((served.files, MOST_BYTES), (served.packed, MOST_BYTES_SENT)):
        assert len(served.page) + sum(len(files[name]) for name in served.at_once) < most
    path = f"/studio/{served.version}/studio.css"
    for encoding, sent in (("gzip, br", served.packed), ("identity", served.files)):
        headers = {"Accept-Encoding": encoding}
        answer = sqlite_api.client.get(path, headers=headers)
        assert int(answer.headers["Content-Length"]) == len(sent["studio.css"])
        assert answer.content == served.files["studio.css"]
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_comments_and_indentation_are_not_sent() -> None:
    module = (
        "// What.\nexport const a = `//x`; // stays\n/**\n * Text.\n */\n  f(\n    a);\n/** 1 */\n"
    )
    assert without_comments(module, ".js") == (
        "\nexport const a = `//x`; // stays\n\n\n\nf(\na);\n\n"
    )
    sheet = "/* What */\na:hover { color: red; margin: 0 1px }\nb, c > d { e: f(1, 2) }\n"
    assert without_comments(sheet, ".css") == "\na:hover{color:red;margin:0 1px}b,c > d{e:f(1,2)}"


def test_modules_use_nothing_that_turns_text_into_code_or_markup() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|document\.write"
    )
    own = [path for path in FOLDER.rglob("*.js") if path.parent.name != "vendor"]
    assert {path.name for path in own if forbidden.search(path.read_text())} == set()


def test_modules_ask_only_for_paths_that_are_documented(sqlite_api: Api) -> None:
    documented = {
        re.sub(r"\{\w+\}", "X", path)
        for path in sqlite_api.client.get("/openapi.json").json()["paths"]
    }
    placeholder = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
    asked = {
        found
        for path in FOLDER.rglob("*.js")
        for found in re.findall(r"[\"`](/api/[^\"`?]*)", placeholder.sub("X", path.read_text()))
    }
    assert len(asked) > 12
    assert asked - documented == set()
