"""The in-process bus: within `publish`, in order, counted subscriptions, and a receiver whose failure stays its own."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cluster.contract import Bus
from cluster.events import RoomMessages, UserEvent
from cluster.memory_bus import MemoryBus

pytestmark = pytest.mark.gen_test


@pytest.fixture
def got() -> list[tuple[str, object]]:
    return []


@pytest.fixture
def bus(got) -> Bus:
    bus = MemoryBus()
    bus.start(receive=lambda topic, event: got.append((topic, event)))
    return bus


async def test_when_publish_returns_the_own_process_has_the_event(bus, got):
    event = RoomMessages("r1", 7, (b"{}",))
    await bus.subscribe("room:r1")
    bus.publish("room:r1", event)
    assert got == [("room:r1", event)]
    assert bus.lost is False


async def test_only_subscribed_topics_are_received(bus, got):
    await bus.subscribe("room:r1")
    bus.publish("room:r2", 1)
    bus.publish("room:r1", 2)
    assert got == [("room:r1", 2)]


async def test_a_publishers_order_in_a_topic_is_kept(bus, got):
    await bus.subscribe("a")
    await bus.subscribe("b")

    async def publish(topic: str) -> None:
        for index in range(100):
            bus.publish(topic, index)
            await asyncio.sleep(0)

    await asyncio.gather(publish("a"), publish("b"))
    for topic in ("a", "b"):
        assert [event for heard, event in got if heard == topic] == list(range(100))


async def test_a_topic_subscribed_twice_is_received_once_and_until_the_second_unsubscribe(bus, got):
    await bus.subscribe("a")
    await bus.subscribe("a")
    bus.publish("a", 1)
    await bus.unsubscribe("a")
    bus.publish("a", 2)
    await bus.unsubscribe("a")
    bus.publish("a", 3)
    assert got == [("a", 1), ("a", 2)]


async def test_an_unsubscribe_too_many_does_not_cost_a_later_subscription(bus, got):
    await bus.unsubscribe("a")
    await bus.subscribe("a")
    bus.publish("a", 1)
    assert got == [("a", 1)]


async def test_a_failing_receiver_reaches_no_publisher_and_is_logged_once(caplog):
    received = []

    def fail(topic: str, event: object) -> None:
        received.append(event)
        raise ValueError(topic)

    bus = MemoryBus()
    bus.start(receive=fail)
    await bus.subscribe("a")
    with caplog.at_level(logging.ERROR, logger="cluster.memory_bus"):
        for _ in range(3):
            bus.publish("a", UserEvent("u1", b"a secret text"))
    assert len(received) == 3
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("cluster.")]
    assert logged == ["the receiver of bus events failed on UserEvent"]
    assert "a secret text" not in caplog.text


async def test_a_failure_after_a_success_is_logged_again(caplog):
    def receive(topic: str, event: object) -> None:
        if event == "bad":
            raise ValueError

    bus = MemoryBus()
    bus.start(receive=receive)
    await bus.subscribe("a")
    with caplog.at_level(logging.ERROR, logger="cluster.memory_bus"):
        for event in ("bad", "bad", "good", "bad"):
            bus.publish("a", event)
    assert len(caplog.records) == 2


async def test_events_are_dropped_until_the_bus_is_started_which_it_is_once(got):
    bus = MemoryBus()
    await bus.subscribe("a")
    bus.publish("a", 1)
    bus.start(receive=lambda topic, event: got.append((topic, event)))
    bus.publish("a", 2)
    assert got == [("a", 2)]
    with pytest.raises(RuntimeError, match="already"):
        bus.start(receive=lambda topic, event: None)


async def test_a_closed_bus_delivers_nothing(bus, got):
    await bus.subscribe("a")
    await bus.close()
    await bus.close()
    bus.publish("a", 1)
    assert got == []
