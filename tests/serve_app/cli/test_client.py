"""The client of the commands, and servers that do not answer as they should."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serve_app.cli.client import Client, RequestFailed
from tests.serve_app.api_harness import Api
from tests.serve_app.cli.running import PASSWORD, run
from tests.serve_app.served import served

pytestmark = pytest.mark.usefixtures("data_dir")


def test_client_wait_explains_a_server_that_ended(sqlite_api: Api) -> None:
    with served(sqlite_api) as url:
        client = Client(url)
        client.sign_up("ada@example.com", PASSWORD)
        clip = client.speak("Hello.", "af_heart")
    with client, pytest.raises(RequestFailed, match=f"bernie up.*{clip['id']} goes on"):
        client.wait(clip["id"], 10, lambda _: None)


class ForeignServer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>Welcome!")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), ForeignServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_client_refuses_a_foreign_server() -> None:
    with stranger() as url:
        code, output = run("say", "Hello.", "--key", "bk_x", "--url", url)
    assert code == 1
    assert "did not answer as a Bernie server (HTTP 200)" in output
