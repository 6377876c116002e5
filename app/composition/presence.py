"""Builds the parts of chat/presence/."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from chat.codec import Codec
from chat.presence.connected_people import ConnectedPeople
from chat.presence.online_members import OnlineMembers
from chat.presence.presence import Presence
from chat.presence.presence_events import PresenceEvents
from chat.presence.presence_publisher import PresencePublisher
from chat.presence.remote_presence import RemotePresence
from chat.presence.typing_indicators import TypingIndicators
from cluster.contract import Bus
from cluster.events import RoomEphemeral
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue


class PresenceParts(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts."""

    people: ConnectedPeople
    presence: Presence
    presence_events: PresenceEvents
    presence_publisher: PresencePublisher
    remote_presence: RemotePresence
    typing: TypingIndicators


def build_presence(
    *,
    bus: Bus,
    codec: Codec,
    task_queue: SerialTaskQueue,
    paced_callbacks: PacedCallbacks,
    process_id: str,
    grace_s: float,
    loop: asyncio.AbstractEventLoop,
    deliver: Callable[[RoomEphemeral], None] = lambda happening: None,
    recheck_members: Callable[[Sequence[tuple[str, str]]], None] = lambda pairs: None,
    now: Callable[[], float] = time.monotonic,
) -> PresenceParts:
    """Build the parts. The parts document the arguments."""
    online_members = OnlineMembers()
    events = PresenceEvents(online_members=online_members, codec=codec, deliver=deliver, loop=loop)
    people = ConnectedPeople(events=events, online_members=online_members, now=now)
    publisher = PresencePublisher(people=people, bus=bus, task_queue=task_queue, process_id=process_id)
    typing = TypingIndicators(online_members=online_members, codec=codec, bus=bus, task_queue=task_queue, now=now)
    return PresenceParts(
        people=people,
        presence=Presence(
            people=people,
            online_members=online_members,
            publisher=publisher,
            paced_callbacks=paced_callbacks,
            grace_s=grace_s,
            loop=loop,
            on_person_gone=typing.gone,
        ),
        presence_events=events,
        presence_publisher=publisher,
        remote_presence=RemotePresence(people=people, publisher=publisher, recheck_members=recheck_members, now=now),
        typing=typing,
    )
