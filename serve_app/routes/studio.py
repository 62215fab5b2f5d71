"""The studio: a page for people, of static files that use the HTTP API and nothing else.

The files are read once, and served without their comments and indentation. Those that the page
loads lie under a digest of all of them, and are kept by browsers for a year; the page itself is
asked for each time. The policy allows no script but the server's own files, and no way from text to
markup or code.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from serve_app.http.access import StateDep
from serve_app.http.app_state import AppState

FOLDER = Path(__file__).parent.parent / "studio"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGE = "index.html"
_VENDORED = "vendor"
_CSS_SPACE = re.compile(r"\s*([{};,])\s*|(:)\s+")
_READ = ["GET", "HEAD"]

router = APIRouter(include_in_schema=False)


def without_comments(source: str, suffix: str) -> str:
    """A module or stylesheet whose comments begin and end with lines. Lines keep their numbers, so
    that what the browser reports is found in the source."""
    if suffix == ".css":
        source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
        return _CSS_SPACE.sub(lambda found: found[1] or found[2], source)
    lines, inside = [], False
    for line in map(str.strip, source.split("\n")):
        inside = inside or line.startswith("/**")
        lines.append("" if inside or line.startswith("//") else line)
        inside = inside and not line.endswith("*/")
    return "\n".join(lines)


class StudioFiles:
    """The files of a folder by path, and a digest of them all."""

    def __init__(self, folder: Path) -> None:
        found = sorted(path for path in folder.rglob("*") if path.suffix in TYPES)
        self.files = {path.relative_to(folder).as_posix(): _served(path) for path in found}
        digest = hashlib.sha256()
        for name, content in self.files.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        self.version = digest.hexdigest()[:16]
        page = self.files.pop(_PAGE).decode()
        self.at_once = [name for name in self.files if f"{{version}}/{name}" in page]
        """What the page loads before it is ready."""
        self.page = page.replace("{version}", self.version).encode()
        self.packed = {
            name: gzip.compress(content, mtime=0) for name, content in self.files.items()
        }
        """By gzip: a third of their length."""


def _served(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix not in {".js", ".css"} or path.parent.name == _VENDORED:
        return content
    return without_comments(content.decode(), path.suffix).encode()


@lru_cache(maxsize=1)
def studio_files() -> StudioFiles:
    return StudioFiles(FOLDER)


def policy(store: str) -> str:
    """The Content-Security-Policy, with the origin of the object store."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {store}",
            f"media-src 'self' blob: {store}",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _headers(store: str) -> Mapping[str, str]:
    return {
        "Content-Security-Policy": policy(store),
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


@router.api_route("/", methods=_READ)
async def index(request: Request) -> Response:
    """Browsers are sent to the studio; programs get to know what this is."""
    vary = {"Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/studio/", 307, vary)
    about = {
        "name": "Bernie",
        "studio": "/studio/",
        "openapi": "/openapi.json",
        "guide": "docs/api.md",
    }
    return JSONResponse(about, headers=vary)


@router.api_route("/studio", methods=_READ)
async def without_slash() -> Response:
    return RedirectResponse("/studio/", 308)


@router.api_route("/studio/", methods=_READ)
async def page(state: StateDep) -> Response:
    headers = {**_headers(state.store.public_origin), "Cache-Control": "no-cache"}
    return Response(studio_files().page, media_type=TYPES[".html"], headers=headers)


@router.api_route("/studio/{version}/{name}", methods=_READ)
async def file(version: str, name: str, state: StateDep, request: Request) -> Response:
    return _file(version, name, state, request)


@router.api_route("/studio/{version}/{folder}/{name}", methods=_READ)
async def file_in_folder(
    version: str, folder: str, name: str, state: StateDep, request: Request
) -> Response:
    return _file(version, f"{folder}/{name}", state, request)


def _file(version: str, path: str, state: AppState, request: Request) -> Response:
    served = studio_files()
    content = served.files.get(path)
    if version != served.version or content is None:
        raise HTTPException(404)
    headers = {
        **_headers(state.store.public_origin),
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = served.packed[path]
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=TYPES[Path(path).suffix], headers=headers)
