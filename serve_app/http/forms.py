"""Multipart forms. They are read in the routes, behind the check of credentials. Of a file up to
1 MiB is in memory and the rest on the disk, until a thread of the bulkhead of recordings works on
it: so there are as many whole files in memory as there are such threads."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from serve_app.errors import ApiError, invalid

MAX_FILES = 25
_MAX_FIELDS = 50
_MAX_FIELD_BYTES = 32 * 1024
_BLOCK = 1024 * 1024
_RAW_RATE = 16_000


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """The form of a request. Raises ApiError 415 where it has none, and 400 where it is broken."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(415, "unsupported_media_type", "Send multipart/form-data.")
    try:
        form = await request.form(
            max_files=MAX_FILES, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
        )
    except MultiPartException as error:
        raise ApiError(400, "malformed_form", "The form is not well-formed.") from error
    try:
        yield form
    finally:
        await form.close()


def file_of(form: FormData, name: str) -> UploadFile:
    """A file of the form. Raises ApiError 422 where there is none."""
    found = form.get(name)
    if not isinstance(found, UploadFile):
        raise invalid(name, f"{name} is missing: send it as a file.")
    return found


def files_of(form: FormData, name: str) -> list[UploadFile]:
    return [each for each in form.getlist(name) if isinstance(each, UploadFile)]


def digest_of(file: UploadFile) -> bytes:
    """SHA-256 of its content, block by block. The file is at its start before and after."""
    digest = hashlib.sha256()
    while block := file.file.read(_BLOCK):
        digest.update(block)
    file.file.seek(0)
    return digest.digest()


def text_of(form: FormData, name: str) -> str:
    """A field of the form, empty where there is none."""
    found = form.get(name, "")
    return found if isinstance(found, str) else ""


def whole_number(form: FormData, name: str, most: int) -> int | None:
    """A number from 0 to `most`. Raises ApiError 422 for another one."""
    given = text_of(form, name)
    if given in ("", "null"):
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 20 and int(given) <= most):
        raise invalid(name, f"{name} must be between 0 and {most}.")
    return int(given)


def raw_as_wav(samples: bytes) -> bytes:
    """A WAV file of 16-bit samples, mono, at 16 kHz."""
    size = len(samples)
    layout = struct.pack("<IHHIIHH", 16, 1, 1, _RAW_RATE, 2 * _RAW_RATE, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + layout
    return head + b"data" + struct.pack("<I", size) + samples
