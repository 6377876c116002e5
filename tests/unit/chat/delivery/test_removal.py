"""A connection that is over is removed everywhere, also if one of the steps of its removal raises."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from app.composition.presence import build_presence
from chat.connections.connection_pool import Pool
from chat.delivery.room_hub import Hub
from chat.presence.connected_people import ConnectedPeople
from chat.presence.online_members import OnlineMembers
from chat.presence.presence import Presence
from chat.presence.presence_events import PresenceEvents
from chat.presence.presence_publisher import PresencePublisher
from cluster.memory_bus import MemoryBus
from cluster.memory_connections_per_user import MemoryConnectionSlots
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store.models import Status, User

pytestmark = pytest.mark.gen_test

ADA = User("ada", "ada", "ada", None, None, None, Status.ONLINE, None, "2026-01-31T12:00:00.123Z")


class Link:
    has_peer = may_begin = True

    def trust(self) -> None:
        """Called by the pool for a connection that is bound."""


class Connection:
    """What a pool knows of a session."""

    user: User | None = None
    user_id = ""
    opened_at = 0.0

    def __init__(self) -> None:
        self.connection_id = "p-1"
        self.link = Link()
        self.rooms = {"r1": 1, "r2": 1, "r3": 1}

    def bind(self, user: User) -> None:
        self.user, self.user_id = user, user.id


class Faults:
    """Which of the parts raise an unexpected error."""

    def __init__(self) -> None:
        self.of: set[str] = set()
        self.met: list[str] = []

    def meet(self, part: str) -> None:
        self.met.append(part)
        if part in self.of:
            raise RuntimeError(f"a defect of {part}")


class FaultySlots(MemoryConnectionSlots):
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def release(self, user_id: str, connection_id: str) -> None:
        self._faults.meet("slots")


class FaultyHub(Hub):
    faults: Faults

    def leave(self, room_id: str, subscriber: Any) -> bool:
        self.faults.meet(room_id)
        return super().leave(room_id, subscriber)


class FaultyObserver(Observer):
    __slots__ = ("_faults",)

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def connection_closed(self, code: int) -> None:
        self._faults.meet("observer")


class FaultyTaskQueue(SerialTaskQueue):
    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    def run(self, task: Any, *, droppable: bool = False) -> bool:
        self._faults.meet("task_queue")
        return super().run(task, droppable=droppable)


@pytest.mark.parametrize(
    "faulty",
    [set(), {"observer"}, {"r1"}, {"slots"}, {"task_queue"}, {"observer", "r1", "r3", "slots", "task_queue"}],
    ids=sorted,
)
async def test_a_step_that_raises_keeps_no_other_from_removing_a_connection(
    faulty: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    loop, bus, faults = asyncio.get_running_loop(), MemoryBus(), Faults()
    paced_callbacks, observer, task_queue = PacedCallbacks(loop=loop), FaultyObserver(faults), SerialTaskQueue()
    hub = FaultyHub(
        store=None,  # type: ignore[arg-type]
        bus=bus,
        codec=JsonCodec(),
        frame=bytes,
        observer=observer,
        coalesce=False,
        hold_max_bytes=1,
    )
    hub.faults = faults
    presence = build_presence(
        codec=JsonCodec(),
        bus=bus,
        task_queue=task_queue,
        paced_callbacks=paced_callbacks,
        process_id="p",
        grace_s=0.0,
        loop=loop,
    ).presence
    pool = Pool(
        hub=hub,
        bus=bus,
        connection_slots=FaultySlots(faults),
        presence=presence,
        task_queue=FaultyTaskQueue(faults),
        observer=observer,
        max_connections=10,
        max_per_user=10,
    )
    connection: Any = Connection()
    pool.add(connection)
    assert pool.bind(connection, ADA, has_slot=True)
    presence.connected(ADA)
    faults.met.clear()
    faults.of = faulty
    pool.removed(connection, 1006)
    assert sorted(faults.met) == ["observer", "r1", "r2", "r3", "slots", "task_queue"]
    assert (pool.connections, pool.users(), connection.rooms) == (0, set(), None)
    async with asyncio.timeout(30):
        while presence.is_online("ada"):
            await asyncio.sleep(0)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == len(faulty)
    assert all("p-1" in record.getMessage() and record.exc_info for record in errors)
    pool.removed(connection, 1006)
    assert len(faults.met) == 6, "once"


async def test_a_callback_that_raises_when_somebody_is_gone_does_not_keep_them_online(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, gone = asyncio.get_running_loop(), list[str]()

    def fail(user_id: str) -> None:
        gone.append(user_id)
        raise RuntimeError("a defect")

    paced_callbacks, online_members = PacedCallbacks(loop=loop), OnlineMembers()
    people = ConnectedPeople(
        events=PresenceEvents(
            online_members=online_members, codec=JsonCodec(), deliver=lambda happening: None, loop=loop
        ),
        online_members=online_members,
        now=time.monotonic,
    )
    presence = Presence(
        people=people,
        online_members=online_members,
        publisher=PresencePublisher(people=people, bus=MemoryBus(), task_queue=SerialTaskQueue(), process_id="p"),
        paced_callbacks=paced_callbacks,
        grace_s=0.0,
        loop=loop,
        on_person_gone=fail,
    )
    presence.connected(ADA)
    assert presence.is_online("ada")
    presence.disconnected("ada")
    async with asyncio.timeout(30):
        while not gone or len(paced_callbacks):
            await asyncio.sleep(0)
    assert not presence.is_online("ada")
    assert caplog.text.count("Traceback") == 1
