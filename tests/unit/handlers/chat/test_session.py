"""A connection's commands are carried out one after the other, in the order they came, also when it was held up in between."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import pytest

from handlers.chat.session import COMMAND_TIMEOUT_S, QUEUE_MAX_BYTES, Session
from handlers.pacing import Paced
from handlers.wire.link import Link, OutboxBudget, Traffic
from monitor.hooks import Observer
from tests.support.frames import client_frame, server_frame


class Held:
    """Commands that are noted; `hold` keeps the next from beginning, as a full outbox does."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.hold = False

    async def carry_out(self, session: Session, envelope: Any) -> bytes:
        self.begun.append(envelope.id)
        await asyncio.sleep(0)
        return b"{}"

    async def count_other(self, session: Session) -> None:
        """Nothing is limited here."""

    def name_of(self, event: str) -> str:
        return event

    def must_wait(self, session: Session) -> bool:
        return self.hold


def texts(sock: socket.socket) -> list[bytes]:
    """The payloads of what has come."""
    data = sock.recv(65_536)
    found = []
    while (frame := server_frame(data)) is not None:
        _, payload, data = frame
        found.append(payload)
    return found


def command(number: int, size: int = 0) -> bytes:
    """A frame; its payload has `size` bytes at least."""
    payload = json.dumps({"event": "do", "id": str(number), "data": {}}).encode().ljust(size)
    return client_frame(1, payload, final=True, mask=b"\0\0\0\0")


class Stuck(Held):
    """The first command never ends; the others note whether a cancellation is still asked of the task that carries them out."""

    def __init__(self) -> None:
        super().__init__()
        self.cancellations: list[int] = []

    async def carry_out(self, session: Session, envelope: Any) -> bytes:
        if envelope.id == "1":
            self.begun.append(envelope.id)
            await asyncio.get_running_loop().create_future()
        task = asyncio.current_task()
        assert task is not None
        self.cancellations.append(task.cancelling())
        async with asyncio.timeout(60):
            return await super().carry_out(session, envelope)


def session_on(ours: socket.socket, commands: Held) -> tuple[Session, Link]:
    """A session that carries out `commands`, on one end of a pair of sockets; it reads already."""
    loop = asyncio.get_running_loop()
    ours.setblocking(False)
    link = Link(
        ours,
        loop=loop,
        owner=None,
        max_message_bytes=QUEUE_MAX_BYTES,
        outbox_max_bytes=1_000_000,
        budget=OutboxBudget(1_000_000),
        traffic=Traffic(),
        paced=Paced(loop=loop),
        clock=loop.time,
        deflater=None,
    )
    session = Session(
        link=link,
        connection_id="c",
        address="192.0.2.1",
        commands=commands,  # type: ignore[arg-type]
        observer=Observer(),
        loop=loop,
        on_closed=lambda session, code: None,
        opened_at=0.0,
    )
    link.owner = session
    link.start()
    return session, link


@pytest.mark.gen_test
async def test_what_reading_on_brings_comes_after_what_waited() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    held = Held()
    session, link = session_on(ours, held)
    held.hold = True
    with theirs:
        # The second fills the queue, so that the link keeps the others; when it is taken up the link hands them over at once.
        sent = loop.run_in_executor(None, theirs.sendall, b"".join(command(n, QUEUE_MAX_BYTES if n == 2 else 0) for n in range(1, 6)))
        while held.begun != ["1"] or session.is_busy is False or not link.reading_paused:
            await asyncio.sleep(0)
        await sent
        while session._task is not None:
            await asyncio.sleep(0)
        held.hold = False
        session.go_on()
        while len(held.begun) < 5:
            await asyncio.sleep(0)
        assert held.begun == ["1", "2", "3", "4", "5"]
        link.abort()


@pytest.mark.gen_test
async def test_a_command_that_took_too_long_leaves_no_cancellation_to_the_next() -> None:
    ours, theirs = socket.socketpair()
    stuck = Stuck()
    session, link = session_on(ours, stuck)
    with theirs:
        theirs.sendall(command(1) + command(2) + command(3))
        while stuck.begun != ["1"]:
            await asyncio.sleep(0)
        session.give_up_command(time.monotonic() + COMMAND_TIMEOUT_S + 1)
        while session.is_busy:
            await asyncio.sleep(0)
        assert (stuck.begun, stuck.cancellations) == (["1", "2", "3"], [0, 0])
        told = [json.loads(text) for text in texts(theirs)]
        assert [(one["event"], one["id"]) for one in told] == [("error", "1"), ("ack", "2"), ("ack", "3")]
        assert told[0]["data"]["code"] == "timeout"
        link.abort()


@pytest.mark.gen_test
async def test_a_connection_that_ends_while_its_command_is_given_up_begins_no_other() -> None:
    ours, theirs = socket.socketpair()
    stuck = Stuck()
    session, link = session_on(ours, stuck)
    with theirs:
        theirs.sendall(command(1) + command(2))
        while stuck.begun != ["1"]:
            await asyncio.sleep(0)
        session.give_up_command(time.monotonic() + COMMAND_TIMEOUT_S + 1)
        link.abort()
        while session.is_busy:
            await asyncio.sleep(0)
        assert stuck.begun == ["1"]
