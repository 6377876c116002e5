"""Builds what tells members of rooms that their connections have not joined: mentions of all, and room activity."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from app.composition.common_parts import CommonParts
from chat.connections.connection_pool import Pool
from chat.connections.mentions_of_all import MentionsOfAll
from chat.presence.presence import Presence
from chat.room_activity.publisher import RoomActivityPublisher
from chat.room_activity.sender import RoomActivitySender
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.wire.server_frames import text_frame


class MemberNotices(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts."""

    activity_publisher: RoomActivityPublisher
    activity_sender: RoomActivitySender
    mentions_of_all: MentionsOfAll


def build_member_notices(
    common: CommonParts,
    *,
    pool: Pool,
    presence: Presence,
    paced_callbacks: PacedCallbacks,
    now: Callable[[], float] = time.monotonic,
) -> MemberNotices:
    """Build the parts. The parts document the arguments."""
    return MemberNotices(
        activity_publisher=RoomActivityPublisher(store=common.store, bus=common.bus, now=now),
        activity_sender=RoomActivitySender(
            pool=pool,
            presence=presence,
            codec=common.codec,
            frame=text_frame,
            paced_callbacks=paced_callbacks,
            now=now,
        ),
        mentions_of_all=MentionsOfAll(
            pool=pool,
            presence=presence,
            standings=common.store.members.standings,
            task_queue=SerialTaskQueue(),
            frame=text_frame,
        ),
    )
