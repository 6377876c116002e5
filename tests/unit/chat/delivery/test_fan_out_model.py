"""Random joins, leaves, messages, acks, slices and failures, against a small model of what each connection must get.

Each who is live gets each event of the room after its join once and in order, whatever happens to the others; who left,
or is ended, gets nothing more; a join that fails takes nothing from the subscription that was there before it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.event_loop import new_event_loop
from chat.delivery import fan_out_to_connections
from chat.delivery.pending_join import PendingJoin
from chat.delivery.room_hub import Hub
from cluster.events import RoomEphemeral, RoomMessages
from cluster.memory_bus import MemoryBus
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store import sqlite
from store.contract import Store

ROOM = "r1"
CONNECTIONS = 5
USERS = 3  # so that some users have two connections

Label = tuple[str, int]  # the kind of a frame, and its number


class Connection:
    """A subscriber, and what the model says that it must get."""

    def __init__(self, number: int) -> None:
        self.connection_id = f"c{number}"
        self.user_id = f"u{number % USERS}"
        self.link = self
        self.is_open, self.is_over = True, False
        self.is_broken = False
        self.was_aborted = False
        self.acks: list[Label] = []
        self.received: list[Label] = []  # but for the acks
        self.expected: list[Label] = []  # the same, once all is delivered
        self.is_live = False
        self.joining: PendingJoin | None = None
        self.held: list[Label] = []  # what must follow the answer to its join
        self.is_doomed = False  # its membership ended while it joins

    # ---- the link ------------------------------------------------------------------------------------------------

    def send(self, frames: bytes) -> None:
        if self.is_broken:
            raise RecursionError("too deep")
        for line in frames.splitlines():
            frame = json.loads(line)
            label = (frame["event"], frame["data"]["number"])
            if label[0] == "ack":
                assert ("receiveMessage", label[1]) not in self.received, "an echo precedes its ack"
                self.acks.append(label)
            else:
                self.received.append(label)

    send_ephemeral = send

    def abort(self) -> None:
        self.was_aborted = True

    # ---- the model -----------------------------------------------------------------------------------------------

    def must_get(self, label: Label) -> None:
        if self.is_live:
            self.expected.append(label)
        if self.joining is not None:
            self.held.append(label)

    def check(self) -> None:
        assert self.received == self.expected[: len(self.received)]

    def gets_no_more(self) -> None:
        self.check()
        self.expected = list(self.received)
        self.is_live = False


class RoomUnderTest:
    """The parts under test with one room, and the steps that the model knows."""

    def __init__(self, store: Store, *, coalesce: bool) -> None:
        self.hub = Hub(
            store=store,
            bus=MemoryBus(),
            codec=JsonCodec(),
            frame=lambda payload: payload + b"\n",
            observer=Observer(),
            coalesce=coalesce,
            hold_max_bytes=1_000_000,
        )
        self.connections = [Connection(number) for number in range(CONNECTIONS)]
        self.channel: Any = None
        self.number = 0  # of the newest event or answer
        self.seq = 0

    def _publish(self, *messages: int) -> None:
        encoded = tuple(json.dumps({"number": number}).encode() for number in messages)
        self.hub.on_messages(RoomMessages(ROOM, self.seq + 1, encoded))
        self.seq += len(messages)
        for number in messages:
            for one in self.connections:
                one.must_get(("receiveMessage", number))

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _payload(self, event: str, number: int) -> bytes:
        return json.dumps({"event": event, "data": {"number": number}}).encode()

    # ---- steps, each of a connection -----------------------------------------------------------------------------

    def say(self, _: Connection) -> None:
        self._publish(self._next())

    def say_two(self, _: Connection) -> None:
        self._publish(self._next(), self._next())

    def say_ephemerally(self, one: Connection) -> None:
        number = self._next()
        self.hub.on_ephemeral(RoomEphemeral(ROOM, self._payload("typingStatus", number), one.user_id))
        for other in self.connections:
            if other.user_id != one.user_id:
                other.must_get(("typingStatus", number))

    def post(self, author: Connection) -> None:
        if author.is_broken:
            return
        number = self._next()
        acks = len(author.acks)
        self.hub.fan_out.cork()
        self._publish(number)
        self.hub.ack(author, self._payload("ack", number))
        self.hub.fan_out.uncork()
        assert author.acks[acks:] == [("ack", number)]

    def register(self, one: Connection) -> None:
        if one.joining is None and not one.is_broken:
            one.joining = self.hub.register(self.channel, one)
            one.held = []
            one.is_doomed = False

    def succeed(self, one: Connection) -> None:
        if one.joining is None:
            return
        if one.is_doomed or one.is_broken:
            self.fail(one)
            return
        one.check()
        number = self._next()
        one.expected = [*one.received, ("joined", number), *one.held]
        one.is_live = True
        one.joining = None
        assert self.hub.go_live(self.channel, one, self._payload("joined", number))

    def fail(self, one: Connection) -> None:
        joining, one.joining = one.joining, None
        if joining is not None and not one.is_broken:
            self.hub.give_up(self.channel, one, joining)
            one.check()

    def leave(self, one: Connection) -> None:
        one.gets_no_more()
        one.joining = None
        self.hub.leave(ROOM, one)

    def lose_membership(self, one: Connection) -> None:
        one.gets_no_more()
        one.is_doomed = True
        self.hub.end_membership(ROOM, one, rev=None, under=None)

    def break_down(self, one: Connection) -> None:
        if one.joining is None:
            one.gets_no_more()
            one.is_broken = True


STEPS: list[Callable[[RoomUnderTest, Connection], None]] = [
    RoomUnderTest.say,
    RoomUnderTest.say_two,
    RoomUnderTest.say_ephemerally,
    RoomUnderTest.post,
    RoomUnderTest.register,
    RoomUnderTest.succeed,
    RoomUnderTest.fail,
    RoomUnderTest.leave,
    RoomUnderTest.lose_membership,
]
TURN = "a loop turn"
everybody = st.integers(0, CONNECTIONS - 1)
a_step = st.tuples(st.sampled_from([*STEPS, RoomUnderTest.register, RoomUnderTest.succeed]), everybody)
steps = st.lists(st.one_of(a_step, a_step, st.tuples(st.just(TURN), everybody)), min_size=30, max_size=60)
failures = st.lists(st.tuples(st.integers(0, 60), everybody), max_size=1)

# ---- a joinRoom of one who is live that fails, before, in and after the pass of what was said ----------------------

SAY, REGISTER, SUCCEED, FAIL, A_TURN = (
    (step, CONNECTIONS - 1)
    for step in (RoomUnderTest.say, RoomUnderTest.register, RoomUnderTest.succeed, RoomUnderTest.fail, TURN)
)


def failing_join(*played: Any) -> Any:
    return example(played=list(played), failing=[], sends=1, slice_s=0.0, coalesce=True)


async def play(room: RoomUnderTest, played: list[Any], failing: list[tuple[int, int]]) -> None:
    room.channel = await room.hub.hold(ROOM)
    for one in room.connections[1:]:
        room.register(one)
        room.succeed(one)
    for place, (step, who) in enumerate(played):
        if step is TURN:
            await asyncio.sleep(0)
        else:
            step(room, room.connections[who])
        for when, broken in failing:
            if when == place:
                room.break_down(room.connections[broken])
    for one in room.connections:
        room.succeed(one)
    async with asyncio.timeout(30):
        while room.hub.is_delivering(ROOM):
            await asyncio.sleep(0)
    for one in room.connections:
        assert one.received == one.expected
        assert not one.was_aborted or one.is_broken
        room.leave(one)
    room.hub.release(room.channel)
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the opening lets go of it two turns later
    await asyncio.sleep(0)
    assert room.hub.rooms == 0
    await room.hub.close()


def test_each_who_is_live_gets_each_event_after_its_join_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        store = runner.run(
            sqlite.open_store(
                tmp_path, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
            )
        )

        @failing_join(SAY, REGISTER, FAIL)
        @failing_join(SAY, REGISTER, A_TURN, A_TURN, A_TURN, A_TURN, FAIL)
        @failing_join(SAY, A_TURN, REGISTER, FAIL)
        @failing_join(SAY, A_TURN, REGISTER, A_TURN, A_TURN, A_TURN, SAY, FAIL)
        @failing_join(SAY, A_TURN, REGISTER, SUCCEED, REGISTER, A_TURN, A_TURN, A_TURN, FAIL)
        @given(
            played=steps,
            failing=failures,
            sends=st.sampled_from([1, 2, 64]),
            slice_s=st.sampled_from([0.0, 1.0]),
            coalesce=st.booleans(),
        )
        def plays_as_the_model_says(
            played: list[Any], failing: list[tuple[int, int]], sends: int, slice_s: float, coalesce: bool
        ) -> None:
            monkeypatch.setattr(fan_out_to_connections, "SENDS_BETWEEN_CHECKS", sends)
            monkeypatch.setattr(fan_out_to_connections, "SLICE_S", slice_s)

            async def on_a_new_hub() -> None:
                await play(RoomUnderTest(store, coalesce=coalesce), played, failing)

            runner.run(on_a_new_hub())
            assert all(record.exc_info and record.exc_info[0] is RecursionError for record in caplog.records)
            caplog.clear()

        try:
            plays_as_the_model_says()
        finally:
            runner.run(store.close())
