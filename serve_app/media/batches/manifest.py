"""Manifests: JSON lines (UTF-8, one object a line) or CSV (RFC 4180, with a header), perhaps
gzipped. They are read line by line and never held as a whole.

A line that cannot be read is a `Rejection` in its place, so that every other line keeps its number.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from serve_app.errors import invalid
from serve_app.media.batches.lines import Rejection

MAX_LINE_BYTES = 1024 * 1024
MAX_CELLS = 100
"""Columns of a CSV file."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_BLOCK = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_INTEGERS = frozenset({"seed", "sample_rate", "steps"})
_NUMBERS = frozenset({"speed", "duration", "guidance", "length_adjust", "semitones"})
_TRUTHS = frozenset({"literal", "match_pitch"})
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """Line `number`, from 1. `id` is the given one, else the number with nine digits."""

    number: int
    id: str
    fields: dict[str, Any] | Rejection
    """Without the id."""


def digest(stream: BinaryIO) -> str:
    """SHA-256 of a manifest as it is stored, in hex."""
    found = hashlib.sha256()
    while block := stream.read(_BLOCK):
        found.update(block)
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Measure:
    """What a manifest is before its lines are looked at."""

    sha256: str
    lines: int


class TooLarge(Exception):
    """The manifest has more bytes than it may have."""


class TooManyLines(Exception):
    """The manifest has more lines than it may have."""


def measure(stream: BinaryIO, name: str, kind: str, max_lines: int, max_bytes: int) -> Measure:
    """Digest and number of lines, in one pass that ends where either is too much. `max_bytes` are
    those of the unpacked text. Raises TooLarge, TooManyLines, and ApiError 422 as `read` does."""
    digesting = _Digesting(stream)
    found = _Bounded(_unpacked(io.BufferedReader(digesting, _BLOCK), name), max_bytes)
    with _whole_gzip():
        count = _count_rows if kind == "csv" else _count_ends
        lines = count(found, max_lines)
        while digesting.read(_BLOCK):
            pass
    return Measure(digesting.sha256.hexdigest(), lines)


class _Digesting(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        block = self._stream.read(len(buffer))
        self.sha256.update(block)
        buffer[: len(block)] = block
        return len(block)


class _Bounded(io.RawIOBase):
    """Raises TooLarge behind so many bytes."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream, self._left = stream, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        block = self._stream.read(len(buffer))
        self._left -= len(block)
        if self._left < 0:
            raise TooLarge
        buffer[: len(block)] = block
        return len(block)


def _count_ends(stream: io.RawIOBase, most: int) -> int:
    lines, last = 0, b"\n"
    while block := stream.read(_BLOCK):
        lines += block.count(b"\n")
        last = block[-1:]
        if lines > most:
            raise TooManyLines
    return lines + (last != b"\n")


def _count_rows(stream: io.RawIOBase, most: int) -> int:
    lines = 0
    for _ in _csv(io.BufferedReader(stream, _BLOCK)):
        lines += 1
        if lines > most:
            raise TooManyLines
    return lines


def format_of(name: str, given: str | None = None) -> str:
    """`jsonl` or `csv`, from the name of the file unless given. Raises ApiError 422."""
    stem = name.lower().removesuffix(".gz")
    if given is None:
        given = next((each for each in ("jsonl", "csv") if stem.endswith(f".{each}")), None)
    if given not in ("jsonl", "csv"):
        raise invalid("manifest", "manifest must end in .jsonl or .csv, with or without .gz.")
    return given


def read(stream: BinaryIO, name: str, kind: str) -> Iterator[ManifestLine]:
    """The lines of a manifest. Raises ApiError 422 `not_gzip` where the stream is no gzip although
    its name ends in .gz."""
    unpacked = _unpacked(stream, name)
    with _whole_gzip():
        yield from (_csv if kind == "csv" else _json_lines)(unpacked)


def _unpacked(stream: BinaryIO, name: str) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if name.lower().endswith(".gz") else stream


@contextmanager
def _whole_gzip() -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise invalid("manifest", "manifest is no whole gzip file.", "not_gzip") from error


def _json_lines(stream: BinaryIO) -> Iterator[ManifestLine]:
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(_BLOCK)
            yield _line(number, _too_long())
            continue
        yield _line(number, _object(raw.removeprefix(_BOM) if number == 1 else raw))


def _object(raw: bytes) -> dict[str, Any] | Rejection:
    if not raw.strip():
        return Rejection("blank_line", "The line is blank.")
    try:
        found = json.loads(raw.decode())
    except UnicodeDecodeError:
        return Rejection("not_utf8", "The line is not UTF-8.")
    except (ValueError, RecursionError):
        return Rejection("not_json", "The line is no JSON.")
    if not isinstance(found, dict):
        return Rejection("not_an_object", "The line must be a JSON object.")
    return found


def _csv(stream: BinaryIO) -> Iterator[ManifestLine]:
    csv.field_size_limit(MAX_LINE_BYTES)
    text = _Text(stream)
    rows = csv.reader(text, strict=True)
    number = 0
    header: list[str] | None = None
    while True:
        text.begin_row()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield _line(number, Rejection("not_csv", f"The row cannot be read: {error}."))
            return
        if header is None:
            header = [name.strip() for name in row]
            if len(header) > MAX_CELLS:
                message = f"The header has {len(header)} cells; {MAX_CELLS} are allowed."
                yield _line(1, Rejection("not_csv", message))
                return
            continue
        number += 1
        yield _line(number, _record(header, row))


class _Text:
    """The lines of a file for `csv.reader`, which gathers those of a row. Raises csv.Error where a
    row has too many bytes: it may have as many cells, and be of many lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines = self._read()
        self._row_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def begin_row(self) -> None:
        self._row_bytes = 0

    def _read(self) -> Iterator[str]:
        before = _BOM
        while raw := self._stream.readline(MAX_LINE_BYTES + 1):
            self._row_bytes += len(raw)
            if self._row_bytes > MAX_LINE_BYTES:
                raise csv.Error(f"it has more than {MAX_LINE_BYTES} bytes")
            yield from _LINE.findall(raw.removeprefix(before).decode(errors="surrogateescape"))
            before = b""


def _record(header: list[str], row: list[str]) -> dict[str, Any] | Rejection:
    if not any(row):
        return Rejection("blank_line", "The row is blank.")
    if len(row) != len(header):
        message = f"The row has {len(row)} cells and the header {len(header)}."
        return Rejection("not_csv", message)
    if any("\udc80" <= letter <= "\udcff" for cell in row for letter in cell):
        return Rejection("not_utf8", "The row is not UTF-8.")
    return {name: cell(name, text) for name, text in zip(header, row, strict=True) if text}


def cell(name: str, text: str) -> Any:
    """The value of a cell, of the field's type. What has not this type is refused later."""
    try:
        if name in _INTEGERS:
            return int(text)
        if name in _NUMBERS:
            return float(text)
    except ValueError:
        return text
    return _WORDS.get(text.lower(), text) if name in _TRUTHS else text


def _line(number: int, found: dict[str, Any] | Rejection) -> ManifestLine:
    own = f"{number:09d}"
    if isinstance(found, Rejection):
        return ManifestLine(number, own, found)
    given = found.pop("id", None)
    if given is None:
        given = found.pop("custom_id", own)
    if not isinstance(given, str) or _ID.fullmatch(given) is None:
        message = "id must have 1 to 128 characters of A-Z a-z 0-9 . _ -."
        return ManifestLine(number, own, Rejection("invalid_input", message, "id"))
    return ManifestLine(number, given, found)


def _too_long() -> Rejection:
    return Rejection("line_too_long", f"The line has more than {MAX_LINE_BYTES} bytes.")
