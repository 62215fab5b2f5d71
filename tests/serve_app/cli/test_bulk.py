"""`bernie bulk` against a server whose lines are made by a stand-in for workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from serve_app.api import set_settings
from serve_app.cli import bulk
from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.main import app
from serve_app.db.engine import Database
from serve_app.db.models import RecordingUpload
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.batches import AUDIO, LINES, Batches
from tests.serve_app.recordings import speech
from tests.serve_app.served import served


@pytest.fixture
def server(
    api_settings: Settings,
    sqlite_database: Database,
    api_store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Batches]:
    batches = Batches(api_settings, sqlite_database, api_store)
    headers = batches.sign_up()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bulk, "_LOOK_SECONDS", 0.1)
    monkeypatch.setenv("BERNIE_API_KEY", batches.create_key(headers)["key"])
    with served(batches) as url, batches.feeding():
        monkeypatch.setenv("BERNIE_URL", url)
        yield batches


@contextmanager
def working(batches: Batches) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            batches.work(bad="line-7")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["bulk", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def write(path: Path, lines: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_bulk_makes_every_line_and_goes_on_where_it_was(server: Batches, tmp_path: Path) -> None:
    file, folder = write(tmp_path / "lines.jsonl", LINES), tmp_path / "out"
    with working(server):
        code, output = run(file, "-o", str(folder), "--format", "opus")
    assert code == 3, output
    assert f"Why lines failed is in {folder / 'results.jsonl'}" in output
    found = results(folder)
    assert [each["id"] for each in found] == [each["id"] for each in LINES]
    assert all("url" not in each for each in found)
    assert {path.name for path in folder.glob("line-*")} == {
        f"line-{at}.opus" for at in range(1, 31) if at != 7
    }
    assert (folder / "line-1.opus").read_bytes() == AUDIO
    # As if it had been killed while it wrote the result of line 21.
    kept = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    (folder / "results.jsonl").write_text("".join(kept[:20]) + kept[20][:9])
    assert run(file, "-o", str(folder), "--format", "opus")[0] == 3
    assert results(folder) == found
    assert len(server.states()) == 1, "it is the same batch"
    assert run(file, "-o", str(folder), "--format", "wav")[0] == 2


def test_refused_batch_says_why(server: Batches, tmp_path: Path) -> None:
    file = write(tmp_path / "lines.jsonl", [*LINES[:3], {"id": "bad", "text": ""}])
    code, output = run(file, "-o", str(tmp_path / "out"))
    assert (code, "1 of 4 lines" in output) == (4, True), output
    assert f"The lines at fault are in {tmp_path / 'out' / 'results.jsonl'}" in output
    assert [each["id"] for each in results(tmp_path / "out")] == ["bad"]


def test_left_batch_goes_on_and_a_stopped_one_ends(
    server: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = write(tmp_path / "lines.jsonl", LINES), tmp_path / "out"
    looks: list[int] = []

    def interrupted(self: bulk._Following) -> dict[str, object]:
        looks.append(1)
        if len(looks) == 2:
            raise KeyboardInterrupt
        return step(self)

    step = bulk._Following.step
    monkeypatch.setattr(bulk._Following, "step", interrupted)
    monkeypatch.setattr(bulk, "_asked_to_stop", lambda: False)
    code, output = run(file, "-o", str(folder))
    assert (code, "the same command" in output) == (130, True)
    monkeypatch.setattr(bulk, "_asked_to_stop", lambda: True)
    looks.clear()
    code, output = run(file, "-o", str(folder))
    assert code == 130, output
    assert server.states() == ["cancelled"]


def test_recordings_beside_the_file_are_sent(server: Batches, tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(speech())
    line = {"id": "a", "source": "a.flac", "service": "conversion"}
    file = write(tmp_path / "lines.jsonl", [line, {**line, "id": "b"}])
    code, output = run(file, "-o", str(tmp_path / "out"))
    assert code == 4, output  # conversions are turned off here
    assert json.loads((tmp_path / "out" / "batch.json").read_text())["uploads"] == {}
    assert uploads(server) == (2, 0), "one recording and one manifest, given back"
    assert [each["error"]["code"] for each in results(tmp_path / "out")] == [
        "service_not_installed"
    ] * 2
    code, output = run(write(tmp_path / "more.jsonl", [{**line, "source": "none.wav"}]), "-o", "b")
    assert (code, "none.wav cannot be read" in output) == (1, True), output
    outside = [line, {**line, "source": "../b.flac"}]
    code, output = run(write(tmp_path / "outside.jsonl", outside), "-o", "c")
    assert (code, "Line 2" in output) == (1, True), output
    assert uploads(server) == (2, 0), "nothing was sent before all names were looked at"
    set_settings(server.app, server.settings.model_copy(update={"max_uploads": 3}))
    (tmp_path / "b.flac").write_bytes(speech())
    two = [line, {**line, "source": "b.flac"}]
    code, output = run(write(tmp_path / "two.jsonl", two), "-o", "d")
    assert (code, "Split it" in " ".join(output.split())) == (1, True), output
    assert uploads(server) == (3, 0), "what was sent is given back"


def uploads(server: Batches) -> tuple[int, int]:
    """How many there were, and how many are kept."""
    with server.database.reading() as session:
        kept = func.count().filter(RecordingUpload.deleted_at.is_(None))
        found = session.execute(select(func.count(), kept).select_from(RecordingUpload)).one()
    return found[0], found[1]


@pytest.fixture
def following(tmp_path: Path) -> Callable[..., bulk._Following]:
    def make(client: object) -> bulk._Following:
        return bulk._Following(cast(Client, client), bulk._Folder(tmp_path, "", ""), "b")

    return make


class Deleted:
    """A server whose first 450 lines have ended, of which the first 400 were deleted since."""

    def batch(self, _batch_id: str) -> dict[str, Any]:
        return {"settled": 450}

    def batch_results(self, _batch_id: str, after: int, limit: int) -> list[dict[str, Any]]:
        return [{"line": line} for line in range(after + 1, min(after + limit, 450) + 1)][
            max(400 - after, 0) :
        ]


def test_lines_whose_clips_were_deleted_are_passed_over(
    following: Callable[..., bulk._Following], tmp_path: Path
) -> None:
    found = following(Deleted())
    for _ in range(4):
        assert not found.complete
        found.step()
    assert found.complete
    assert [each["line"] for each in results(tmp_path)] == list(range(401, 451))


def test_interrupted_step_leaves_no_download_under_way(
    following: Callable[..., bulk._Following], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, under_way = threading.Barrier(2), []

    def download(_self: bulk._Following, line: dict[str, Any]) -> None:
        if line["line"] == 1:
            begun.wait(10)
            raise KeyboardInterrupt
        under_way.append(line)
        begun.wait(10)
        time.sleep(0.1)
        under_way.clear()

    monkeypatch.setattr(bulk._Following, "_download", download)
    with pytest.raises(KeyboardInterrupt):
        following(None)._fetch([{"line": 1}, {"line": 2}])
    assert under_way == []


def test_message_of_a_refused_batch_is_shown_as_it_is(tmp_path: Path) -> None:
    error = {"message": "There is no voice [/b]."}
    batch = {"state": "refused", "lines": {}, "error": error}
    with bulk.console.capture() as shown:
        assert bulk._told(bulk._Folder(tmp_path, "", ""), batch) == 4
    assert "[/b]" in shown.get()


def test_results_of_no_server_are_a_failed_request() -> None:
    class BadGateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), BadGateway) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with Client(url) as client, pytest.raises(RequestFailed, match="HTTP 502") as failed:
            client.batch_results("b", 0, 9)
        thread.join()
    assert failed.value.status == 502
    with Client(url) as client, pytest.raises(RequestFailed, match="Nothing answers"):
        client.batch_results("b", 0, 9)
