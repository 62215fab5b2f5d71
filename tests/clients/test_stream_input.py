"""ElevenLabs' WebSocket: by its Python client, which takes TLS only, and as bare messages."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from elevenlabs import ElevenLabs
from elevenlabs.core.api_error import ApiError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pipelines.protocol import SpeechRequest
from serve_app.db.models import Clip, ClipState
from tests.clients.server import Server
from tests.clients.test_elevenlabs import LONG, RACHEL, TEXT, check_format
from tests.waiting import until

HELLO = {"text": " ", "generation_config": {"chunk_length_schedule": [50]}}


@pytest.fixture(scope="module")
def tls(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An address with TLS, and the certificate that clients have to trust."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), address])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    with server.over_tls(folder / "cert.pem", folder / "key.pem") as url:
        yield url, folder / "cert.pem"


def opened(
    server: Server, key: str | None, query: str = "", call: str = "stream-input"
) -> ClientConnection:
    url = server.url.replace("http", "ws")
    headers = {"xi-api-key": key} if key else {}
    address = f"{url}/v1/text-to-speech/{RACHEL}/{call}?output_format=pcm_16000{query}"
    return connect(address, additional_headers=headers)


def send(socket: ClientConnection, *messages: dict[str, Any]) -> None:
    for message in messages:
        socket.send(json.dumps(message))


def rest(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All further messages, and the code of the end."""
    found: list[dict[str, Any]] = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=30)))
    except ConnectionClosed as closed:
        return found, closed.rcvd.code if closed.rcvd else 1006


def known(server: Server) -> set[str]:
    """The ids of the clips there are. Their number may fall: those of other tests are removed."""
    return {clip.id for clip in server.clips()}


def clips_since(server: Server, before: set[str]) -> list[Clip]:
    """Those that were made since, newest first."""
    return [clip for clip in server.clips() if clip.id not in before]


def seconds_since(server: Server, before: set[str]) -> float:
    return sum(clip.audio_seconds or 0.0 for clip in clips_since(server, before))


def audio_of(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(each["audio"]) for each in messages if each.get("audio"))


@pytest.mark.filterwarnings("ignore:ConnectionClosed.(code|reason) is:DeprecationWarning")
def test_convert_realtime(
    server: Server, tls: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = ElevenLabs(base_url=url, api_key=server.account())
    before = known(server)
    text = client.text_to_speech.convert_realtime(
        RACHEL, text=iter(f"{word} " for word in LONG.split()), output_format="pcm_16000"
    )
    audio = b"".join(text)
    check_format("pcm_16000", audio, seconds_since(server, before))
    said = [clip.text or "" for clip in reversed(clips_since(server, before))]
    assert " ".join(" ".join(said).split()) == LONG.strip()
    client = ElevenLabs(base_url=url, api_key="bk_wrong")
    with pytest.raises(ApiError) as caught:
        list(client.text_to_speech.convert_realtime(RACHEL, text=iter([TEXT])))
    assert "invalid_api_key" in str(caught.value.body)


def test_pieces_are_spoken_while_others_come(server: Server) -> None:
    key, before = server.account(), known(server)
    with opened(server, key) as socket:
        send(socket, HELLO, {"text": LONG[:60]})
        first = json.loads(socket.recv(timeout=30))
        assert first["audio"]
        send(socket, {"text": LONG[60:], "flush": True}, {"text": ""})
        others, code = rest(socket)
    assert code == 1000
    messages = [first, *others]
    assert messages[-1]["isFinal"] is True
    check_format("pcm_16000", audio_of(messages), seconds_since(server, before))
    times = [each["alignment"] for each in messages if each.get("alignment")]
    assert len(times) >= 2
    letters = "".join("".join(each["chars"]) for each in times)
    assert letters.replace(" ", "") == LONG.replace(" ", "")
    for each in times:
        assert each["charStartTimesMs"][0] == 0
        assert len(each["chars"]) == len(each["charStartTimesMs"]) == len(each["charDurationsMs"])


def test_the_key_may_come_in_the_first_message(server: Server) -> None:
    with opened(server, None) as socket:
        send(socket, HELLO | {"xi_api_key": server.account()}, {"text": TEXT}, {"text": ""})
        messages, code = rest(socket)
    assert code == 1000
    check_format("pcm_16000", audio_of(messages), 2.25)


def test_several_contexts_as_pipecat_sends_them(server: Server) -> None:
    query = "&model_id=eleven_flash_v2_5&auto_mode=true&enable_logging=true"
    with opened(server, server.account(), query, "multi-stream-input") as socket:
        for name in ("one", "two"):
            send(
                socket,
                {"text": " ", "context_id": name, "voice_settings": {"speed": 1.1}},
                {"text": TEXT + " ", "context_id": name},
                {"text": "", "context_id": name},
            )
        send(socket, {"text": "And more", "context_id": "one"})
        send(socket, *({"context_id": name, "close_context": True} for name in ("one", "two")))
        send(socket, {"close_socket": True})
        messages, code = rest(socket)
    assert code == 1000
    for name, seconds in (("one", 2.25 + 1), ("two", 2.25)):
        own = [each for each in messages if each["contextId"] == name]
        assert own[-1]["isFinal"] is True
        check_format("pcm_16000", audio_of(own), seconds)
        letters = [c for each in own if each.get("alignment") for c in each["alignment"]["chars"]]
        assert "".join(letters).startswith(TEXT + " ")
    asked = server.stages["styletts2"].requests[-1]
    assert isinstance(asked, SpeechRequest)
    assert asked.speed == 1.1


@pytest.mark.parametrize(
    ("query", "first", "error"),
    [
        ("", {"text": "x" * 6000}, "invalid_input"),
        ("&output_format=wav_8000", HELLO, "invalid_input"),
        ("&inactivity_timeout=999", HELLO, "invalid_input"),
        ("&model_id=whisper-1", {"text": "Hello there. ", "flush": True}, "model_not_found"),
        ("", {"text": 7}, "invalid_input"),
        ("", {"text": " ", "generation_config": {"chunk_length_schedule": [5]}}, "invalid_input"),
    ],
)
def test_what_is_wrong_is_said(
    server: Server, query: str, first: dict[str, Any], error: str
) -> None:
    with opened(server, server.account(), query) as socket:
        with suppress(ConnectionClosed):  # a query is refused before anything is said
            send(socket, first)
        messages, code = rest(socket)
    assert code == 1008
    assert messages[-1]["error"] == error
    assert messages[-1]["message"]


def test_who_says_nothing_is_disconnected(server: Server) -> None:
    with opened(server, server.account(), "&inactivity_timeout=1") as socket:
        send(socket, HELLO)
        messages, code = rest(socket)
    assert (messages[-1]["error"], code) == ("input_timeout_exceeded", 1008)


def test_no_credits_are_said_in_its_words(server: Server) -> None:
    with opened(server, server.account(credits=0)) as socket:
        send(socket, HELLO, {"text": TEXT, "flush": True})
        messages, code = rest(socket)
    assert (messages[-1]["error"], code) == ("quota_exceeded", 1008)


def test_who_goes_away_cancels_the_clip(server: Server) -> None:
    server.stages["styletts2"].hold.clear()
    before = known(server)
    with opened(server, server.account()) as socket:
        send(socket, HELLO, {"text": TEXT, "flush": True})
        until(lambda: clips_since(server, before) != [], 10, "the clip is made")
        time.sleep(0.1)
    until(lambda: server.newest().state is ClipState.CANCELLED, 10, "the clip is cancelled")
