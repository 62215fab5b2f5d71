"""Manifests are read line by line, and a bad line costs nobody else its place."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from serve_app.errors import ApiError
from serve_app.media.batches import manifest
from serve_app.media.batches.lines import Rejection
from serve_app.media.batches.manifest import MAX_LINE_BYTES, ManifestLine


def read(content: bytes, name: str = "lines.jsonl") -> list[ManifestLine]:
    return list(manifest.read(io.BytesIO(content), name, manifest.format_of(name)))


def codes(lines: list[ManifestLine]) -> list[str | None]:
    return [line.fields.code if isinstance(line.fields, Rejection) else None for line in lines]


def test_json_lines_with_bom_and_crlf() -> None:
    lines = read(b'\xef\xbb\xbf{"id": "a", "text": "One."}\r\n{"text": "Zwei \xc3\xbc."}')
    assert lines == [
        ManifestLine(1, "a", {"text": "One."}),
        ManifestLine(2, "000000002", {"text": "Zwei ü."}),
    ]


def test_bad_lines_keep_their_numbers() -> None:
    content = b'{"text": 1}\n\n[1]\n{"text"\n{"text": "\xff"}\n{"id": "a/b"}\n{"id": "last"}\n'
    lines = read(content)
    assert codes(lines) == [
        None,
        "blank_line",
        "not_an_object",
        "not_json",
        "not_utf8",
        "invalid_input",
        None,
    ]
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert lines[-1].id == "last"


def test_deeply_nested_line_is_not_json() -> None:
    assert codes(read(b"[" * 200_000 + b"\n" + b'{"text": "x"}\n')) == ["not_json", None]


def test_long_line_is_refused_without_reading_it_whole() -> None:
    class Counting(io.BytesIO):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            found = super().readline(-1 if size is None else size)
            self.longest = max(self.longest, len(found))
            return found

    stream = Counting(b'{"text": "' + b"x" * 10_000_000 + b'"}\n{"id": "next"}\n')
    lines = list(manifest.read(stream, "lines.jsonl", "jsonl"))
    assert codes(lines) == ["line_too_long", None]
    assert lines[1].id == "next"
    assert stream.longest <= MAX_LINE_BYTES + 1


def test_csv_with_quotes_newlines_and_types() -> None:
    content = '\ufeffid,text,speed,seed,literal,voice\r\na,"Say ""hi"",\nplease.",1.5,7,true,\r\n'
    (line,) = read(content.encode(), "lines.CSV")
    assert line == ManifestLine(
        1, "a", {"text": 'Say "hi",\nplease.', "speed": 1.5, "seed": 7, "literal": True}
    )


def test_csv_rows_that_do_not_fit_the_header() -> None:
    lines = read(b"id,text\na,One,more\n,\nb,Two\nc,\xff\n", "lines.csv")
    assert codes(lines) == ["not_csv", "blank_line", None, "not_utf8"]
    assert lines[2] == ManifestLine(3, "b", {"text": "Two"})


class Taken(io.BytesIO):
    """Counts what was read of it."""

    bytes = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        found = super().readline(size)
        self.bytes += len(found)
        return found


@pytest.mark.parametrize("row", [b"," * 3_000_000, b'"\n",' * 600_000], ids=["line", "lines"])
def test_row_of_csv_ends_where_it_is_too_long(row: bytes) -> None:
    stream = Taken(b"id,text\na,One\n" + row + b"\nb,Two\n")
    lines = list(manifest.read(stream, "lines.csv", "csv"))
    assert codes(lines) == [None, "not_csv"]
    assert stream.bytes <= MAX_LINE_BYTES + 1_000


def test_csv_has_a_bounded_number_of_columns() -> None:
    assert codes(read(b"id" + b",x" * 100 + b"\na\nb\n", "lines.csv")) == ["not_csv"]
    assert read(b"id,text\ra,One\rb,Two\r", "lines.csv")[1].fields == {"text": "Two"}


def test_gzip() -> None:
    whole = gzip.compress(b"".join(json.dumps({"id": str(n)}).encode() + b"\n" for n in range(50)))
    for name in ("lines.jsonl.gz", "LINES.JSONL.GZ"):
        assert [line.id for line in read(whole, name)] == [str(n) for n in range(50)]
    for broken in (whole[:-9], b"plain text"):
        with pytest.raises(ApiError) as refused:
            read(broken, "lines.jsonl.gz")
        assert refused.value.code == "not_gzip"


def test_format_of_names() -> None:
    assert manifest.format_of("a/B.JSONL.GZ") == "jsonl"
    assert manifest.format_of("a.txt", "csv") == "csv"
    with pytest.raises(ApiError):
        manifest.format_of("a.parquet")


def test_digest_is_that_of_the_stored_bytes() -> None:
    assert manifest.digest(io.BytesIO(b"abc")).startswith("ba7816bf8f01cfea")


@pytest.mark.parametrize(
    ("content", "name", "lines"),
    [
        (b"", "a.jsonl", 0),
        (b"{}\n{}", "a.jsonl", 2),
        (b"{}\n\n{}\n", "a.jsonl", 3),
        (gzip.compress(b"{}\n" * 7, mtime=0), "a.jsonl.gz", 7),
        (b'id,text\na,"two\nlines"\nb,one\n', "a.csv", 2),
    ],
)
def test_measure_counts_what_read_gives(content: bytes, name: str, lines: int) -> None:
    kind = manifest.format_of(name)
    found = manifest.measure(io.BytesIO(content), name, kind, 100, 1_000)
    assert found.lines == lines == len(read(content, name))
    assert found.sha256 == manifest.digest(io.BytesIO(content))


def test_measure_ends_where_it_is_too_much() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(-1 if size is None else size)
            self.taken += len(found)
            return found

    stream = Counting(gzip.compress(b"x" * 50_000_000) + bytes(20_000_000))
    with pytest.raises(manifest.TooLarge):
        manifest.measure(stream, "a.jsonl.gz", "jsonl", 100, 3_000_000)
    assert stream.taken < 5_000_000
    with pytest.raises(manifest.TooManyLines):
        manifest.measure(io.BytesIO(b"\n" * 200), "a.jsonl", "jsonl", 100, 1_000)
    with pytest.raises(ApiError):
        manifest.measure(io.BytesIO(b"plain"), "a.jsonl.gz", "jsonl", 100, 1_000)
