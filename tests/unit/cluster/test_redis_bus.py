"""The bus between processes: order, immediate local delivery, subscriptions, and recovery after every fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, get_args

import msgspec
import pytest

from cluster.events import (
    AccountEnded,
    AllMentioned,
    CacheInvalidated,
    ConnectionReplaced,
    Event,
    MembershipBegan,
    MembershipEnded,
    MembershipUncertain,
    PeopleHere,
    PersonGone,
    PersonHere,
    ProcessBeat,
    RoomChanges,
    RoomDeleted,
    RoomEphemeral,
    RoomMessages,
    RoomsActive,
    SessionsRevoked,
    StatusChosen,
    UserEvent,
)
from cluster.redis_bus import RedisBus
from cluster.redis_connection import RedisClient
from cluster.redis_connection.redis_bounds import SILENT_MAX_S
from cluster.redis_keys import channel
from tests.support.redis_proxy import LATE_S, TIMEOUT_S, client_at, elapsed_s, options_for, proxy_to, until
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.gen_test

BACK_WITHIN_S = 30.0
EVENTS: list[Any] = [
    RoomMessages("r1", 7, (b'{"seq":7}', b"\x00\xff")),
    RoomChanges("r1", ((3, b"{}"), (4, None))),
    RoomEphemeral("r1", b"{}", None),
    RoomEphemeral("r1", b"{}", "u1"),
    UserEvent("u1", b"{}"),
    UserEvent("u1", b"{}", "read:r1", (7, 9)),
    SessionsRevoked("u1", ("s1", "s2")),
    MembershipBegan("r1", "u1", 0),
    MembershipEnded("r1", "u1", "banned", 5),
    MembershipEnded("r1", "u1", "removed"),
    ConnectionReplaced("u1", "p1-7"),
    StatusChosen("u1", "away", rev=7),
    PeopleHere(
        "p1", 3, (PersonHere("u1", "ada ✨", "away", 0, ("r1", "r2"), 7, (0, 5)),), is_last=True, number=12, began_at=11
    ),
    PeopleHere("p1", 4, ()),
    PersonGone("p1", "u1", 13),
    ProcessBeat("p1"),
    ProcessBeat("p1", asks=True),
    ProcessBeat("p1", of=("p2", "p3")),
    AllMentioned("r1", b"{}", "u1"),
    RoomsActive((("r1", 7),), (("r2", 9),)),
    RoomDeleted("r1"),
    AccountEnded("u1"),
    MembershipUncertain("r1", "u1"),
    CacheInvalidated(("chat:1:user:u1", "chat:1:email:u1")),
    CacheInvalidated(),
]


class Process:
    """One process's end of the bus, and the events that it received."""

    def __init__(self, client: RedisClient, bus: RedisBus) -> None:
        self.client = client
        self.bus = bus
        self.received: list[tuple[str, Any]] = []
        self.restored_count = 0
        self.receive: Callable[[str, Any], None] = lambda topic, event: self.received.append((topic, event))
        self.on_back: Callable[[], None] = self._back
        bus.start(receive=lambda topic, event: self.receive(topic, event), on_back=lambda: self.on_back())

    def _back(self) -> None:
        assert not self.bus.lost
        self.restored_count += 1

    async def publish(self, topic: str, *names: str) -> None:
        for name in names:
            self.bus.publish(topic, user_event(name))

    def names(self, topic: str | None = None) -> list[str]:
        """The names of the received events that `user_event` made, in order."""
        return [event.user_id for received, event in self.received if topic in (None, received)]

    async def expect_received(self, *names: str) -> None:
        """Wait until these events, and no others, are received."""
        await until(lambda: len(self.received) >= len(names))
        assert self.names() == list(names)


def user_event(name: str) -> UserEvent:
    return UserEvent(name, b"{}")


async def process_at(
    stack: AsyncExitStack, port: int, process_id: str, *, listens_at: int | None = None, **options: Any
) -> Process:
    """A process; `listens_at` is another port for its listening connection."""
    client = RedisClient(options=options_for(port, **options))
    bus = RedisBus(client=client, options=options_for(listens_at or port, **options), process_id=process_id)
    stack.push_async_callback(client.close)
    stack.push_async_callback(bus.close)
    process = Process(client, bus)
    await client.start(on_up=[bus.notify_if_restored])
    await bus.connect()
    return process


async def two_at(stack: AsyncExitStack, port: int, **options: Any) -> tuple[Process, Process]:
    return await process_at(stack, port, "p1", **options), await process_at(stack, port, "p2", **options)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# ---- what is heard ---------------------------------------------------------------------------------------------------


async def test_every_kind_of_event_is_heard_by_another_process_as_it_was_and_in_order(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("all")
    for event in EVENTS:
        a.bus.publish("all", event)
    await until(lambda: len(b.received) == len(EVENTS))
    assert b.received == [("all", event) for event in EVENTS]


async def test_the_events_here_are_of_every_kind_that_there_is() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


async def test_a_publishers_order_in_a_topic_is_kept(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    for topic in ("a", "b"):
        await b.bus.subscribe(topic)

    async def publish(topic: str) -> None:
        for number in range(500):
            await a.publish(topic, str(number))
            if number % 7 == 0:
                await asyncio.sleep(0)  # in one turn and in several

    await asyncio.gather(publish("a"), publish("b"))
    await until(lambda: len(b.received) == 1_000)
    for topic in ("a", "b"):
        assert b.names(topic) == [str(number) for number in range(500)]


async def test_own_events_are_heard_at_once_and_once(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    for process in (a, b):
        await process.bus.subscribe("all")
    await a.publish("all", "own")
    assert a.names() == ["own"]
    await b.expect_received("own")
    await b.publish("all", "other")  # comes after the own one would have come from Redis
    await a.expect_received("own", "other")


async def test_a_topic_that_is_not_subscribed_to_is_not_heard(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("room:r1")
    await a.publish("room:r2", "elsewhere")
    await a.publish("room:r", "a prefix")
    await a.publish("room:r1", "here")
    await b.expect_received("here")
    await b.publish("room:r2", "own, elsewhere")
    assert b.names() == ["here"]


async def test_a_topic_may_have_any_name(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    topics = ["room:✨ tea", "user:a:b", "*", "", " a\r\nb"]
    for topic in topics:
        await b.bus.subscribe(topic)
        await a.publish(topic, topic)
    await until(lambda: len(b.received) == len(topics))
    assert b.received == [(topic, user_event(topic)) for topic in topics]


async def test_a_subscription_is_in_effect_when_subscribe_returns(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    for number in range(50):
        await b.bus.subscribe(f"room:{number}")
        await a.publish(f"room:{number}", str(number))
    await b.expect_received(*[str(number) for number in range(50)])


async def test_a_second_subscription_is_in_effect_when_it_returns_though_the_first_is_still_under_way(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, redis.port, "p1")
    b = await process_at(stack, redis.port, "p2", listens_at=proxy.port, timeout_s=10)
    proxy.hold()
    subscriptions = [asyncio.create_task(b.bus.subscribe("all")) for _ in range(2)]
    await asyncio.sleep(0)
    in_effect = [task.done() for task in subscriptions]
    proxy.release()
    await asyncio.gather(*subscriptions)
    await a.publish("all", "after")
    await b.expect_received("after")
    assert in_effect == [False, False]


async def test_a_topic_subscribed_twice_is_heard_once_and_until_the_second_unsubscribe(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("marker")
    await b.bus.subscribe("twice")
    await b.bus.subscribe("twice")
    await a.publish("twice", "1")
    await b.expect_received("1")
    await b.bus.unsubscribe("twice")
    await a.publish("twice", "2")
    await b.expect_received("1", "2")
    await b.bus.unsubscribe("twice")
    await b.publish("twice", "own")
    await a.publish("twice", "3")
    await a.publish("marker", "end")
    await b.expect_received("1", "2", "end")
    await until(lambda: redis.ask("PUBSUB", "NUMSUB", channel(0, "twice")).endswith(b":0\r\n"))


async def test_an_unsubscribe_too_many_does_not_cost_a_later_subscription(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.unsubscribe("all")
    await b.bus.subscribe("all")
    await a.publish("all", "1")
    await b.expect_received("1")


async def test_of_subscriptions_and_their_ends_in_one_turn_the_last_word_counts(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    for _ in range(3):
        subscribed = asyncio.create_task(b.bus.subscribe("all"))
        await asyncio.sleep(0)
        await b.bus.unsubscribe("all")
        await b.bus.subscribe("all")
        await subscribed
        await a.publish("all", "heard")
        await until(lambda: b.received)
        assert b.names() == ["heard"]
        b.received.clear()
        await b.bus.unsubscribe("all")


async def test_two_databases_do_not_hear_each_other(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, other = await process_at(stack, redis.port, "p1", db=1), await process_at(stack, redis.port, "p2", db=2)
    b = await process_at(stack, 1, "p3", url=f"redis://127.0.0.1:{redis.port}/1")
    for process in (a, b, other):
        await process.bus.subscribe("all")
    await a.publish("all", "one")
    await b.expect_received("one")
    await other.publish("all", "two")
    assert other.names() == ["two"]
    await a.publish("all", "three")
    await b.expect_received("one", "three")


async def test_a_closed_bus_hears_nothing_and_listens_no_more(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("all")
    await b.bus.close()
    await b.bus.close()
    await a.publish("all", "1")
    await b.publish("all", "own")
    await until(lambda: redis.ask("PUBSUB", "NUMSUB", channel(0, "all")).endswith(b":0\r\n"))
    assert b.received == [] and b.bus.lost


async def test_closing_in_the_turn_of_a_subscription_ends(stack: AsyncExitStack, redis: RedisServer) -> None:
    b = await process_at(stack, redis.port, "p2")
    subscribing = asyncio.create_task(b.bus.subscribe("all"))
    for _ in range(2):
        await asyncio.sleep(0)  # the command is being written
    async with asyncio.timeout(30):
        await b.bus.close()
    await subscribing


# ---- what must not disturb it ----------------------------------------------------------------------------------------


async def test_a_failing_receiver_reaches_no_publisher_and_is_logged_once_in_a_row(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await two_at(stack, redis.port)
    received: list[str] = []

    def receive(topic: str, event: Any) -> None:
        received.append(event.user_id)
        if event.user_id.startswith("bad"):
            raise ValueError(topic)

    a.receive = b.receive = receive
    for process in (a, b):
        await process.bus.subscribe("all")
    a.bus.publish("all", UserEvent("bad own", b"a secret text"))
    assert received == ["bad own"]
    await until(lambda: len(received) == 2)
    await b.publish("all", "bad 1", "bad 2", "good", "bad 3")
    await until(lambda: len(received) == 10)
    assert [name for name in received if name == "good"] == ["good", "good"]
    assert warnings_in(caplog) == ["the receiver of bus events failed on UserEvent"] * 4
    assert "a secret text" not in caplog.text


PLAIN = msgspec.msgpack.encode(("p9", user_event("u1")))
GARBLED = {
    "empty": b"",
    "no msgpack": b"\xc1",
    "cut": PLAIN[:-1],
    "too long": PLAIN + b"\x00",
    "no event": msgspec.msgpack.encode(("p9", 7)),
    "no sender": msgspec.msgpack.encode((7, user_event("u1"))),
    "an event of a later version": msgspec.msgpack.encode(("p9", ["SomethingNew", "u1"])),
    "too few fields": msgspec.msgpack.encode(("p9", ["UserEvent", "u1"])),
    "not UTF-8": PLAIN.replace(b"\xa2u1", b"\xa2\xff\xff"),
    # In a field of a later version
    "too deep": b"\x92\xa2p9\x94\xa9UserEvent\xa2u1\xc4\x00" + b"\x91" * 100_000 + b"\x90",
}


@pytest.mark.parametrize("garbage", GARBLED.values(), ids=list(GARBLED))
async def test_garbage_on_a_channel_of_ours_is_told_of_once_and_what_follows_is_heard(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture, garbage: bytes
) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("all")
    for _ in range(3):
        assert await a.client.call("PUBLISH", channel(0, "all"), garbage) == 1
    await a.publish("all", "after")
    await b.expect_received("after")
    assert len(warnings_in(caplog)) == 1
    assert b.restored_count == 1 and not b.bus.lost  # it did not have to come back


async def test_fields_that_a_later_version_adds_are_skipped(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("all")
    payload = msgspec.msgpack.encode(("p9", ["UserEvent", "u1", b"{}", "", [], {"new": [1, None]}]))
    await a.client.call("PUBLISH", channel(0, "all"), payload)
    await b.expect_received("u1")


async def test_garbage_on_a_pulse_channel_is_no_event(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await two_at(stack, redis.port)
    await b.bus.subscribe("all")
    assert await a.client.call("PUBLISH", channel(0, "pulse:p2"), b"\xff") == 1
    await a.publish("all", "after")
    await b.expect_received("after")
    assert warnings_in(caplog) == []


# ---- faults ----------------------------------------------------------------------------------------------------------


async def test_a_bus_that_starts_says_that_it_is_back_when_it_hears_all(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await process_at(stack, redis.port, "p1")
    assert (a.restored_count, a.bus.lost) == (1, False)


async def assert_reaches(a: Process, b: Process, topic: str) -> None:
    """Publish until an event is received: a dead connection is noticed by sending on it, and that event is lost."""
    number = 0

    def received() -> bool:
        return any(name.startswith(f"{topic} again") for name in b.names(topic))

    async with asyncio.timeout(BACK_WITHIN_S):
        while not received():
            number += 1
            await a.publish(topic, f"{topic} again {number}")
            await asyncio.sleep(0.02)  # the poll's pace


FAULTS = ["restarted", "killed for a while", "stopped for a moment"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_redis_was_away_all_subscriptions_stand_again_and_each_process_says_so(
    stack: AsyncExitStack, own_redis: RedisServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.INFO)
    a, b = await two_at(stack, own_redis.port, timeout_s=TIMEOUT_S)
    for topic in ("one", "two", "three"):
        await b.bus.subscribe(topic)
    await a.publish("one", "before")
    await b.expect_received("before")
    if fault == "restarted":
        await asyncio.to_thread(own_redis.restart)
    elif fault == "killed for a while":
        own_redis.stop()
        await until(lambda: a.bus.lost and b.bus.lost)
        await asyncio.to_thread(own_redis.start)
    else:
        own_redis.pause()
        await until(lambda: a.bus.lost and b.bus.lost)
        own_redis.resume()
    await until(lambda: a.restored_count >= 2 and b.restored_count >= 2, BACK_WITHIN_S)
    for topic in ("three", "two", "one"):
        await assert_reaches(a, b, topic)
    await until(lambda: not a.bus.lost and not b.bus.lost, BACK_WITHIN_S)
    changes = [record.__dict__["fields"]["is"] for record in caplog.records if record.getMessage() == "redis"]
    assert changes.count("connected") - changes.count("gone") == 4  # each of four connections logged each change once


async def test_what_is_subscribed_to_or_not_while_redis_is_away_is_so_when_it_is_back(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a, b = await two_at(stack, own_redis.port)
    await b.bus.subscribe("before")
    await b.bus.subscribe("both")
    own_redis.stop()
    await until(lambda: b.bus.lost)
    await b.bus.subscribe("while away")
    await b.bus.unsubscribe("before")
    await b.publish("both", "own, while away")
    assert b.names() == ["own, while away"]
    await asyncio.to_thread(own_redis.start)
    await until(lambda: b.restored_count == 2 and not b.bus.lost, BACK_WITHIN_S)
    await assert_reaches(a, b, "while away")
    await a.publish("before", "unheard")
    await assert_reaches(a, b, "both")
    assert b.names("before") == []


async def test_a_listening_connection_that_is_cut_half_open_is_found_out_and_made_again(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, redis.port, "p1")
    b = await process_at(stack, redis.port, "p2", listens_at=proxy.port)
    for topic in ("one", "two"):
        await b.bus.subscribe(topic)
    lost: list[bool] = []
    watching = asyncio.create_task(until(lambda: b.bus.lost and not lost.append(True), BACK_WITHIN_S))
    proxy.cut_half_open()
    await a.publish("one", "never heard")
    await until(lambda: b.restored_count == 2, BACK_WITHIN_S)
    await watching
    assert lost == [True] and not b.bus.lost
    await a.publish("one", "1")
    await a.publish("two", "2")
    await b.expect_received("1", "2")
    assert len(warnings_in(caplog)) == 1
    assert (a.restored_count, a.bus.lost) == (1, False)


async def test_a_listening_connection_that_is_dropped_is_made_again_at_once(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, redis.port, "p1")
    b = await process_at(stack, redis.port, "p2", listens_at=proxy.port)
    await b.bus.subscribe("all")
    for number in range(3):
        proxy.drop()
        await until(lambda: b.bus.lost)
        await until(lambda number=number: b.restored_count == number + 2)
        await a.publish("all", str(number))
        await b.expect_received(*[str(one) for one in range(number + 1)])


async def test_with_only_the_sending_connection_lost_it_is_lost_and_comes_back(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, proxy.port, "p1", listens_at=redis.port)
    b = await process_at(stack, redis.port, "p2")
    for process in (a, b):
        await process.bus.subscribe("all")
    proxy.go_away()
    await a.publish("all", "lost")
    await until(lambda: a.bus.lost)
    assert a.names() == ["lost"]  # itself it hears
    proxy.come_back()
    await until(lambda: a.restored_count == 2, BACK_WITHIN_S)
    await a.publish("all", "found")
    await until(lambda: b.received)
    assert b.names()[-1] == "found"


async def test_a_quiet_bus_is_not_taken_for_dead(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port, "p1")
    await asyncio.sleep(4.5)  # time that passes, longer than it waits for its pulse, is what this is about
    assert (a.restored_count, a.bus.lost) == (1, False)


async def test_a_loop_of_ours_that_was_held_up_does_not_take_the_bus_for_dead(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await process_at(stack, redis.port, "p1")
    await a.bus.subscribe("all")
    time.sleep(SILENT_MAX_S + 0.5)  # the loop is held up: that is what this is about
    await asyncio.sleep(2.5)  # and two pulses after it
    assert (a.restored_count, a.bus.lost) == (1, False)


async def test_a_connection_on_which_all_comes_late_is_lost_though_it_is_never_silent(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, redis.port, "p1")
    b = await process_at(stack, redis.port, "p2", listens_at=proxy.port)
    await b.bus.subscribe("all")
    proxy.publish_delay_s = 0.5
    sent = 0

    async def publish_repeatedly() -> None:
        nonlocal sent
        while not b.bus.lost:
            sent += 1
            await a.publish("all", f"{sent}")
            await asyncio.sleep(0.1)  # more often than it is passed on, so that it is later each time

    proxy.read_max_bytes = 200  # bytes: what waits is not passed on in one piece
    await asyncio.wait_for(publish_repeatedly(), BACK_WITHIN_S)
    assert 0 < len(b.received) < sent, "it was not silent"
    proxy.publish_delay_s = 0.0
    await until(lambda: not b.bus.lost, BACK_WITHIN_S)
    assert b.restored_count == 2


async def test_a_redis_that_is_not_there_at_the_start_is_found_later(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    own_redis.stop()
    a, b = await two_at(stack, own_redis.port)
    await b.bus.subscribe("all")
    await b.publish("all", "own")
    assert b.names() == ["own"]
    assert (b.restored_count, b.bus.lost) == (0, True)
    await asyncio.to_thread(own_redis.start)
    await until(lambda: a.restored_count and b.restored_count, BACK_WITHIN_S)
    await a.publish("all", "1")
    await b.expect_received("own", "1")


async def test_subscribing_waits_no_longer_than_the_timeout(stack: AsyncExitStack, redis: RedisServer) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, redis.port, "p1")
    b = await process_at(stack, redis.port, "p2", listens_at=proxy.port, timeout_s=TIMEOUT_S)
    proxy.hold()
    assert await elapsed_s(b.bus.subscribe("all")) < TIMEOUT_S + LATE_S
    proxy.release()
    await b.bus.subscribe("marker")  # what was asked for before it stands as well
    await a.publish("all", "1")
    await b.expect_received("1")


async def test_an_on_back_that_fails_once_does_not_end_the_listening(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await process_at(stack, redis.port, "p1")
    b = await process_at(stack, redis.port, "p2", listens_at=proxy.port)
    await b.bus.subscribe("all")
    calls: list[str] = []

    def fail_once() -> None:
        calls.append("back")
        if len(calls) == 1:
            raise ValueError("what is done when it is back")

    b.on_back = fail_once
    proxy.drop()
    await until(lambda: calls)
    await until(lambda: not b.bus.lost, BACK_WITHIN_S)
    await assert_reaches(a, b, "all")
    assert "what is done when it is back" in caplog.text


async def test_a_wrong_password_is_told_of_once_by_each_connection(
    stack: AsyncExitStack, own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    admin = await client_at(stack, own_redis.port)
    await admin.call("CONFIG", "SET", "requirepass", "right")
    a = await process_at(stack, own_redis.port, "p1", password="hunter2")
    assert a.bus.lost
    told_of = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "redis"]
    assert [(fields["connection"], fields["reason"]) for fields in told_of if fields["is"] == "gone"] == [
        ("commands", "the password is refused"),
        ("bus", "the password is refused"),
    ]
    assert "hunter2" not in str([record.__dict__ for record in caplog.records])
    await admin.call("CONFIG", "SET", "requirepass", "hunter2")
    await until(lambda: a.restored_count, BACK_WITHIN_S)
