"""Publishes an event on the bus of running servers, as another process of theirs would."""

from __future__ import annotations

import msgspec

from cluster.events import Event
from cluster.redis_keys import channel
from tests.support.redis_server import RedisServer


def publish(redis: RedisServer, topic: str, event: Event) -> None:
    """Publish an event; a process handles it before what is published after it."""
    payload = msgspec.msgpack.encode(("another process", event))
    redis.ask("PUBLISH", channel(0, topic), payload)
