"""What the two ends of a window over a WebSocket tell each other."""

from __future__ import annotations

import asyncio

from starlette.types import Message

from serve_app.http.socket_window import WINDOW, Acknowledging, SocketWindow

QUARTER = WINDOW // 4


def sending(characters: int) -> Message:
    return {"type": "websocket.send", "text": "a" * characters}


def coming(**content: bytes | str) -> Message:
    return {"type": "websocket.receive", **content}


class Client:
    """The far end, whose messages come from a queue and which takes what `room` allows."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.room = asyncio.Semaphore(0)
        self.acknowledging = Acknowledging(self.messages.get, self._take)

    async def _take(self, _message: Message) -> None:
        await self.room.acquire()


def test_acknowledging_tells_what_the_client_took_before_its_messages() -> None:
    async def go() -> None:
        client, window = Client(), SocketWindow(acknowledged=True)
        link = client.acknowledging
        sends = []
        while window.is_open:
            window.sent(QUARTER)
            sends.append(asyncio.create_task(link.send(sending(QUARTER))))
        assert len(sends) == 4
        client.messages.put_nowait(coming(text="hello"))
        client.room.release()
        await sends[0]
        acknowledgement = await link.receive()
        assert window.took(acknowledgement)
        assert window.is_open
        window.sent(QUARTER)
        assert not window.is_open, "one quarter was taken"
        said = await link.receive()
        assert (said["text"], window.took(said)) == ("hello", False)
        waiting = asyncio.create_task(link.receive())
        await asyncio.sleep(0)
        assert not waiting.done(), "nothing was taken since"
        client.room.release()
        assert window.took(await waiting)
        for each in sends:
            each.cancel()
        link.close()

    asyncio.run(go())


def test_acknowledging_loses_no_message_where_the_application_stops_waiting() -> None:
    async def go() -> None:
        client = Client()
        waiting = asyncio.create_task(client.acknowledging.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        client.messages.put_nowait(coming(text="hello"))
        assert (await client.acknowledging.receive())["text"] == "hello"

    asyncio.run(go())


def test_acknowledging_takes_the_word_of_no_client() -> None:
    async def go() -> None:
        client, window = Client(), SocketWindow(acknowledged=True)
        link = client.acknowledging
        client.room.release()
        await link.send(sending(QUARTER))
        acknowledgement = await link.receive()
        assert acknowledgement["bytes"]
        client.messages.put_nowait(acknowledgement)
        assert not window.took(await link.receive())

    asyncio.run(go())


def test_window_without_acknowledgements_is_always_open() -> None:
    window = SocketWindow(acknowledged=False)
    window.sent(2 * WINDOW)
    assert window.is_open
