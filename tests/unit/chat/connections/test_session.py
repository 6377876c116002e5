"""A connection's commands are carried out one after the other, in the order they came, also when it was held up in
between.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from chat.connections.command_queue import QUEUE_MAX_BYTES
from chat.connections.connection_pool import Pool
from chat.connections.heartbeat_sweep import AUTHENTICATE_WITHIN_S, HeartbeatSweep
from chat.connections.session import COMMAND_TIMEOUT_S, Session
from common.paced_callbacks import PacedCallbacks
from handlers.codec.json_codec import JsonCodec
from handlers.wire.compression import Inflation
from handlers.wire.server_frames import close_frame
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic
from handlers.wire.websocket_link import WebSocketLink
from limits.frame_rate_limit import FrameBudget
from limits.limit_policy import Policy
from monitor.observer import Observer
from store.models import Status, User
from tests.support.frames import CLOSE, CONTINUATION, PING, TEXT, client_frame, close_payload, deflated, server_frame


class HeldCommands:
    """Commands that are noted; `hold` keeps the next from beginning, as a full outbox does; one named `hang` ends when
    it is cancelled.
    """

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.hold = False
        self.exempt = False

    async def execute(self, session: Session, envelope: Any) -> None:
        self.begun.append(envelope.id)
        await asyncio.sleep(0)
        if envelope.event == "hang":
            await asyncio.get_running_loop().create_future()

    async def count_other(self, session: Session) -> None:
        """Nothing is limited here."""

    def name_of(self, event: str) -> str:
        return event

    def prepare(self, session: Session, envelope: Any) -> None:
        """Every command has a task."""

    def must_wait(self, session: Session) -> bool:
        return self.hold

    def is_exempt(self, session: Session) -> bool:
        return self.exempt


def texts(sock: socket.socket) -> list[bytes]:
    """The payloads of what has come."""
    data = sock.recv(65_536)
    found = []
    while (frame := server_frame(data)) is not None:
        _, payload, data = frame
        found.append(payload)
    return found


def command(number: int, size: int = 0, event: str = "do") -> bytes:
    """A frame; its payload has `size` bytes at least."""
    payload = json.dumps({"event": event, "id": str(number), "data": {}}).encode().ljust(size)
    return client_frame(1, payload, final=True, mask=b"\0\0\0\0")


class StuckCommands(HeldCommands):
    """The first command never ends; the others note whether a cancellation is still asked of the task that carries them
    out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cancellations: list[int] = []

    async def execute(self, session: Session, envelope: Any) -> None:
        if envelope.id == "1":
            self.begun.append(envelope.id)
            await asyncio.get_running_loop().create_future()
        task = asyncio.current_task()
        assert task is not None
        self.cancellations.append(task.cancelling())
        async with asyncio.timeout(60):
            await super().execute(session, envelope)


class Connection:
    """A session on its link, and the peer's end; `shift_s` sets its clock forward."""

    def __init__(self, *, commands: HeldCommands | None = None, **link: Any) -> None:
        loop = asyncio.get_running_loop()
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.peer.setblocking(False)
        self.shift_s = 0.0
        self.commands = commands or HeldCommands()
        self.closed_with: list[int] = []
        self.paced_callbacks = PacedCallbacks(loop=loop)
        self.link = WebSocketLink(
            ours,
            make_owner=self._make_session,
            **{
                "loop": loop,
                "max_message_bytes": QUEUE_MAX_BYTES,
                "outbox_max_bytes": 1_000_000,
                "budget": OutboxBudget(1_000_000),
                "traffic": Traffic(),
                "paced_callbacks": self.paced_callbacks,
                "clock": self.now,
                **link,
            },
        )
        self.session = self.link.owner
        self.pool = Pool(
            hub=NOBODY,
            bus=NOBODY,
            connection_slots=NOBODY,
            presence=NOBODY,
            task_queue=NOBODY,
            observer=Observer(),
            max_connections=10,
            max_per_user=10,
            now=self.now,
        )
        self.heartbeat_sweep = HeartbeatSweep(
            pool=self.pool,
            paced_callbacks=self.paced_callbacks,
            ping_interval_s=25,
            ping_timeout_s=20,
            now=self.now,
        )
        self.pool.add(self.session)
        self.link.start()

    def _make_session(self, link: WebSocketLink[Session]) -> Session:
        return Session(
            link=link,
            connection_id="c",
            address="192.0.2.1",
            commands=self.commands,
            codec=JsonCodec(),
            observer=Observer(),
            loop=asyncio.get_running_loop(),
            on_peer_gone=lambda session: self.pool.peer_gone(session),
            on_closed=self._closed,
            opened_at=self.now(),
        )

    def now(self) -> float:
        return time.monotonic() + self.shift_s

    def _closed(self, session: Session, code: int) -> None:
        self.closed_with.append(code)
        self.pool.removed(session, code)

    async def until(self, condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline_s, (self.commands.begun, self.closed_with)
            await asyncio.sleep(0)

    async def sent(self) -> bytes:
        """All that the peer gets."""
        data = b""
        while part := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.peer, 65_536), 30):
            data += part
        return data

    async def sweep_until(self, condition: Callable[[], object]) -> None:
        for _ in range(8):  # two rounds
            self.heartbeat_sweep.tick()
        await self.until(condition)


SOMEBODY = User("ada", "ada", "ada", None, None, None, Status.ONLINE, None, "2026-01-31T12:00:00.123Z")
NOBODY: Any = None  # parts of a pool that a connection of nobody never meets


@pytest.fixture
def connect(io_loop: IOLoop) -> Iterator[Callable[..., Connection]]:
    opened: list[Connection] = []

    def begin(**parts: Any) -> Connection:
        opened.append(Connection(**parts))
        return opened[-1]

    yield begin
    for one in opened:
        one.link.abort()
        one.peer.close()


@pytest.mark.gen_test
async def test_what_reading_on_brings_comes_after_what_waited(connect: Callable[..., Connection]) -> None:
    one = connect()
    loop, held, link, session = asyncio.get_running_loop(), one.commands, one.link, one.session
    held.hold = True
    one.peer.setblocking(True)
    # The second fills the queue, so that the link keeps the others; when it is taken up the link hands them over in
    # their turn.
    frames = b"".join(command(n, QUEUE_MAX_BYTES if n == 2 else 0) for n in range(1, 6))
    sent = loop.run_in_executor(None, one.peer.sendall, frames)
    while held.begun != ["1"] or session.is_busy is False or not link.reading_paused:
        await asyncio.sleep(0)
    await sent
    while session._task is not None:
        await asyncio.sleep(0)
    held.hold = False
    session.resume()
    await one.until(lambda: len(held.begun) >= 5)
    assert held.begun == ["1", "2", "3", "4", "5"]


@pytest.mark.gen_test
async def test_a_command_that_took_too_long_leaves_no_cancellation_to_the_next(
    connect: Callable[..., Connection],
) -> None:
    stuck = StuckCommands()
    one = connect(commands=stuck)
    one.peer.send(command(1) + command(2) + command(3))
    await one.until(lambda: stuck.begun == ["1"])
    one.session.give_up_command(time.monotonic() + COMMAND_TIMEOUT_S + 1)
    await one.until(lambda: not one.session.is_busy)
    assert (stuck.begun, stuck.cancellations) == (["1", "2", "3"], [0, 0])
    told = [json.loads(text) for text in texts(one.peer)]
    assert [(said["event"], said["id"]) for said in told] == [("error", "1"), ("ack", "2"), ("ack", "3")]
    assert told[0]["data"]["code"] == "timeout"


@pytest.mark.gen_test
async def test_a_connection_that_ends_while_its_command_is_given_up_begins_no_other(
    connect: Callable[..., Connection],
) -> None:
    stuck = StuckCommands()
    one = connect(commands=stuck)
    one.peer.send(command(1) + command(2))
    await one.until(lambda: stuck.begun == ["1"])
    one.session.give_up_command(time.monotonic() + COMMAND_TIMEOUT_S + 1)
    one.link.abort()
    await one.until(lambda: not one.session.is_busy)
    assert stuck.begun == ["1"]


# ---- what came before a goodbye ----------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_all_that_came_before_a_close_is_carried_out_also_what_waited_for_the_outbox(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.session.bind(SOMEBODY)
    one.session.renew("s1", one.now() + 3600)
    one.commands.hold = True
    one.peer.send(b"".join(command(number) for number in range(100)) + client_frame(CLOSE, close_payload(1000)))
    await one.until(lambda: one.commands.begun == ["0"] and one.session._task is None)
    one.commands.hold = False
    await one.sweep_until(lambda: one.closed_with)
    assert one.commands.begun == [str(number) for number in range(100)]
    assert one.closed_with == [1000]
    assert one.pool.connections == 0
    answered = await one.sent()
    assert answered.count(b'"ack"') == 100
    assert answered.endswith(close_frame(1000))


@pytest.mark.gen_test
async def test_what_a_peer_left_is_over_in_ten_seconds_with_its_close_answered(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.peer.send(command(1) + command(2, event="hang") + command(3) + client_frame(CLOSE, close_payload(1000)))
    await one.until(lambda: one.link.gone_since and len(one.commands.begun) == 2)
    one.shift_s = 8.5
    for _ in range(8):
        one.heartbeat_sweep.tick()
    assert one.commands.begun == ["1", "2"]
    assert one.pool.connections == 1
    one.shift_s = 9.1  # with a round of the sweep, which takes a second, that is ten
    await one.sweep_until(lambda: one.closed_with)
    answered = await one.sent()
    assert b'"timeout"' in answered
    assert answered.endswith(close_frame(1000))
    assert one.commands.begun == ["1", "2"], "the third is not begun any more"
    assert one.pool.connections == 0


LONG = command(0, event="hang")
# MOST: more than one read
FEW, MORE, MOST = (b"".join(command(number) for number in range(1, count)) for count in (40, 400, 3_000))


@pytest.mark.parametrize("waiting", [FEW, MORE], ids=["parsed", "held"])
@pytest.mark.gen_test
async def test_the_time_of_a_close_runs_also_while_reading_is_paused_before_it(
    connect: Callable[..., Connection], waiting: bytes
) -> None:
    one = connect()
    one.session.bind(SOMEBODY)
    one.session.renew("s1", one.now() + 3600)
    one.peer.send(LONG + waiting + client_frame(CLOSE, close_payload(1001)))
    await one.until(lambda: one.link.reading_paused and one.commands.begun)
    await one.sweep_until(lambda: one.link.gone_since)
    assert not one.link.has_peer
    one.shift_s = 8.5
    for _ in range(8):
        one.heartbeat_sweep.tick()
    assert one.session._queue, "its time is not over"
    one.shift_s = 9.1
    await one.sweep_until(lambda: one.closed_with)
    assert one.commands.begun == ["0"]
    assert one.closed_with == [1001]
    answered = await one.sent()
    assert b'"timeout"' in answered
    assert answered.endswith(close_frame(1001))


@pytest.mark.parametrize("end", [socket.SHUT_WR, socket.SHUT_RDWR])
@pytest.mark.gen_test
async def test_the_time_of_an_end_that_the_kernel_has_behind_unread_commands_runs_too(
    connect: Callable[..., Connection], end: int
) -> None:
    one = connect()
    one.session.bind(SOMEBODY)
    one.session.renew("s1", one.now() + 3600)
    one.peer.setblocking(True)
    await asyncio.get_running_loop().run_in_executor(None, one.peer.sendall, LONG + MOST)
    await one.until(lambda: one.link.reading_paused and one.commands.begun)
    for _ in range(8):
        one.heartbeat_sweep.tick()
    await one.until(lambda: not len(one.paced_callbacks))
    assert one.link.has_peer, "so far it is only slow"
    assert one.link.arrived_bytes > one.link.received_bytes
    one.peer.setblocking(False)
    one.peer.shutdown(end)
    await one.sweep_until(lambda: one.link.gone_since)
    one.shift_s = 9.1
    await one.sweep_until(lambda: one.closed_with)
    assert (one.commands.begun, one.closed_with, one.pool.connections) == (["0"], [1006], 0)
    if end == socket.SHUT_WR:
        assert b'"timeout"' in await one.sent()


@pytest.mark.gen_test
async def test_a_command_whose_turn_had_not_come_when_the_time_was_over_is_not_begun_and_the_close_is_answered(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.session.bind(SOMEBODY)
    one.session.renew("s1", one.now() + 3600)
    one.commands.hold = True
    one.peer.send(command(1) + command(2) + command(3) + client_frame(CLOSE, close_payload(1000)))
    await one.until(lambda: one.link.gone_since and one.commands.begun == ["1"] and one.session._task is None)
    one.commands.hold = False
    one.session.resume()
    assert one.session._task is not None, "the second has its task, but not yet its turn"
    one.session.give_up()
    assert not one.session.is_busy
    await one.until(lambda: one.closed_with)
    assert one.commands.begun == ["1"]
    assert (await one.sent()).endswith(close_frame(1000))


@pytest.mark.gen_test
async def test_a_connection_that_ends_before_its_commands_turn_leaves_nothing_busy(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.peer.send(command(1))
    await one.until(lambda: one.session._task is not None)
    one.link.abort()
    assert not one.session.is_busy
    await one.session.settled()
    assert one.commands.begun == []


@pytest.mark.gen_test
async def test_a_peer_that_is_lost_with_a_command_under_way_is_let_go_of_in_time(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.peer.send(command(1, event="hang") + command(2))
    await one.until(lambda: one.commands.begun)
    one.peer.close()
    await one.until(lambda: one.link.gone_since)
    assert one.pool.connections == 1
    one.shift_s = 9.1
    await one.sweep_until(lambda: one.closed_with)
    assert (one.commands.begun, one.closed_with, one.pool.connections) == (["1"], [1006], 0)


@pytest.mark.parametrize("broken", [client_frame(CONTINUATION, b"?"), client_frame(TEXT, b"\xff")])
@pytest.mark.gen_test
async def test_once_the_server_closes_nothing_more_is_begun(connect: Callable[..., Connection], broken: bytes) -> None:
    one = connect()
    one.peer.send(command(1, event="hang") + command(2))
    await one.until(lambda: one.commands.begun == ["1"])
    one.peer.send(command(3) + broken)
    await one.until(lambda: one.link.closing_since)
    assert one.session._task is not None, "what is under way goes on"
    one.session._time_out()
    await one.until(lambda: one.session._task is None)
    assert one.commands.begun == ["1"]


@pytest.mark.gen_test
async def test_a_command_whose_turn_had_not_come_when_the_server_closed_is_not_begun(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.peer.send(command(1) + client_frame(CONTINUATION, b"?"))
    await one.until(lambda: one.link.closing_since)
    await one.until(lambda: one.session._task is None)
    assert one.commands.begun == []


@pytest.mark.gen_test
async def test_who_has_not_said_who_they_are_after_ten_seconds_is_closed_with_4401(
    connect: Callable[..., Connection],
) -> None:
    one = connect()
    one.shift_s = AUTHENTICATE_WITHIN_S / 2
    await one.sweep_until(lambda: True)
    await asyncio.sleep(0)
    assert not one.link.closing_since
    one.shift_s = AUTHENTICATE_WITHIN_S
    await one.sweep_until(lambda: one.link.closing_since)
    assert one.link.close_code == 4401


@pytest.mark.gen_test
async def test_once_the_token_is_over_nothing_more_is_begun(connect: Callable[..., Connection]) -> None:
    one = connect()
    one.session.bind(SOMEBODY)
    one.session.renew("s1", time.monotonic() - 0.001)
    one.peer.send(command(1) + client_frame(CLOSE, close_payload(1000)))
    await one.until(lambda: one.link.closing_since)
    assert one.commands.begun == []
    assert one.link.close_code == 4401


@pytest.mark.gen_test
async def test_a_flood_closes_who_is_limited_and_nobody_else(connect: Callable[..., Connection]) -> None:
    for exempt in (True, False):
        one = connect(frame_budget=FrameBudget(Policy(10, 3600)))
        one.commands.exempt = exempt
        one.peer.send(client_frame(PING) * 50 + command(1))
        await one.until(lambda one=one: one.commands.begun or one.link.closing_since)
        assert (one.commands.begun, one.link.close_code) == ((["1"], 1006) if exempt else ([], 1008))


# ---- what was compressed -----------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_a_compressed_command_is_inflated_when_its_turn_comes_and_held_until_it_is_done(
    connect: Callable[..., Connection],
) -> None:
    inflation = Inflation(max_message_bytes=65_536)
    one = connect(inflation=inflation)

    def small(number: int, event: str) -> bytes:
        payload = json.dumps({"event": event, "id": str(number), "data": {}}).encode().ljust(10_000)
        return client_frame(TEXT, deflated(payload), reserved=4)

    one.peer.send(small(1, "hang") + b"".join(small(number, "do") for number in range(2, 21)))
    await one.until(lambda: one.commands.begun == ["1"])
    assert inflation.held_bytes == 10_000
    assert one.session._queue.size_bytes < 19 * 200
    one.session._time_out()
    await one.until(lambda: len(one.commands.begun) == 20 and one.session._task is None)
    assert inflation.held_bytes == 0


@pytest.mark.gen_test
async def test_a_bomb_closes_with_1009_after_what_came_before_it(connect: Callable[..., Connection]) -> None:
    inflation = Inflation(max_message_bytes=65_536)
    one = connect(inflation=inflation)
    one.peer.send(command(1) + client_frame(TEXT, deflated(b" " * 16_385), reserved=4) + command(2))
    await one.until(lambda: one.link.closing_since)
    assert (one.commands.begun, one.link.close_code, inflation.held_bytes) == (["1"], 1009, 0)
