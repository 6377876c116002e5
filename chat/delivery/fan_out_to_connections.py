"""Sends a room's groups of frames to its connections: in order, one group at a time, large rooms in slices."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from itertools import islice

from chat.delivery.room_channel import Channel, Group, PendingJoin, Subscriber
from monitor.observer import Observer

log = logging.getLogger(__name__)

SLICE = 500  # connections served between two loop turns: some 4 ms


class FanOut:
    """Passes groups to links; never awaits.

    `hold_max_bytes` bounds the frames that are held for one joiner. If a send raises, which would be a defect, its
    connection is ended and the others are served.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop, observer: Observer, hold_max_bytes: int) -> None:
        self._loop = loop
        self._observer = observer
        self._hold_max_bytes = hold_max_bytes
        self._is_corked = False
        self._due: list[Channel] = []  # whose delivery was started while corked
        self._acks: dict[Subscriber, bytes] = {}  # that wait for the uncorking

    def start(self, channel: Channel) -> None:
        """Begin to deliver the channel's groups in the next loop turn, or when uncorked, unless a delivery is under
        way.
        """
        if not channel.in_fan_out:
            channel.in_fan_out = True
            if self._is_corked:
                self._due.append(channel)
            else:
                self._loop.call_soon(self._next_group, channel, {})

    # ---- acks and echoes in one send -----------------------------------------------------------------------------

    def cork(self) -> None:
        """Gather what is started and acked until `uncork`, which the caller calls before it gives the loop back."""
        self._is_corked = True

    def ack(self, subscriber: Subscriber, frame: bytes) -> None:
        """Send a command's ack; while corked, in one send with what the author's room delivers to the author."""
        if self._is_corked:
            self._acks[subscriber] = self._acks.get(subscriber, b"") + frame
        else:
            subscriber.link.send(frame)

    def uncork(self) -> None:
        """Deliver at once what was gathered. No effect where nothing is corked."""
        if not self._is_corked:
            return
        self._is_corked = False
        due, self._due = self._due, []
        acks, self._acks = self._acks, {}
        for channel in due:
            try:
                self._next_group(channel, acks)
            except Exception:  # a defect; the other rooms and the acks must go out
                log.exception("room %s: a delivery failed", channel.room_id)
        for subscriber, frame in acks.items():  # of authors who got nothing of their room, or not yet
            try:
                subscriber.link.send(frame)
            except Exception:
                log.exception("connection %s: an ack cannot be sent; it is ended", subscriber.connection_id)
                self._loop.call_soon(subscriber.link.abort)

    # ---- groups --------------------------------------------------------------------------------------------------

    def _next_group(self, channel: Channel, acks: dict[Subscriber, bytes]) -> None:
        """Deliver groups in order. A large room is served in slices, so that other rooms get their turn.

        `acks` are sent with the first group that their receiver gets in this turn, and removed.
        """
        served = 0
        is_sliced = False
        try:
            while channel.groups and served <= SLICE:
                group = channel.groups.popleft()
                frames = b"".join(group.frames)
                for subscriber, joining in list(channel.joining.items()):
                    if joining.epoch <= group.epoch:
                        try:
                            self._hold_for(channel, subscriber, joining, group, frames)
                        except Exception:  # the other joiners must still get the group
                            log.exception(
                                "connection %s: frames cannot be held while it joins; it is ended",
                                subscriber.connection_id,
                            )
                            self._end(channel, subscriber)
                targets = list(channel.live.items())
                if len(targets) > SLICE:
                    is_sliced = True
                    self._serve_slice(channel, group, frames, targets, 0, acks)
                    return
                served += len(targets)
                self._serve(channel, group, frames, targets, acks)
                self._report(group)
        finally:  # also after an exception: without this the room would stay silent
            if not is_sliced:
                self._resume(channel)

    def _resume(self, channel: Channel) -> None:
        if channel.groups:
            self._loop.call_soon(self._next_group, channel, {})
        else:
            channel.in_fan_out = False

    def _serve_slice(
        self,
        channel: Channel,
        group: Group,
        frames: bytes,
        targets: Sequence[tuple[Subscriber, int]],
        start: int,
        acks: dict[Subscriber, bytes],
    ) -> None:
        live = channel.live
        part = [
            target for target in islice(targets, start, start + SLICE) if live.get(target[0]) == target[1]
        ]  # one that left or joined again since the fan-out began is skipped: its new join covers this group
        start += SLICE
        try:
            self._serve(channel, group, frames, part, acks)
            if start >= len(targets):
                self._report(group)
        finally:
            if start < len(targets):
                self._loop.call_soon(self._serve_slice, channel, group, frames, targets, start, {})
            else:
                self._loop.call_soon(self._next_group, channel, {})

    def _report(self, group: Group) -> None:
        """Report the time from send to delivery, once all subscribers of a group are served."""
        deliveries = group.deliveries
        if deliveries and group.accepted_ms:
            self._observer.send_to_delivery((time.time() * 1000 - group.accepted_ms) / 1000, deliveries)

    def _serve(
        self,
        channel: Channel,
        group: Group,
        frames: bytes,
        targets: Sequence[tuple[Subscriber, int]],
        acks: dict[Subscriber, bytes],
    ) -> None:
        epoch = group.epoch
        served = len(targets)
        failed = 0
        rest = iter(targets)
        while True:  # once, and again after each send that raises: the iterator has passed that one
            try:
                if group.ephemeral:
                    withheld = group.withheld
                    for subscriber, since in rest:
                        if since <= epoch:
                            if subscriber.user_id not in withheld:
                                subscriber.link.send_ephemeral(frames)
                            elif own_frames := group.frames_for(subscriber.user_id):
                                subscriber.link.send_ephemeral(own_frames)
                else:
                    for subscriber, since in rest:
                        if since <= epoch:
                            if acks and subscriber in acks:
                                subscriber.link.send(acks.pop(subscriber) + frames)
                            else:
                                subscriber.link.send(frames)
                        else:
                            served -= 1
                break
            except Exception:
                failed += 1
                if failed == 1:
                    log.exception(
                        "connection %s: a send failed; it is ended. Other failures of this pass are not logged",
                        subscriber.connection_id,
                    )
                self._end(channel, subscriber)
        if group.messages:
            served -= failed
            group.deliveries += served * group.messages
            self._observer.messages_delivered(served, group.messages)

    def _end(self, channel: Channel, subscriber: Subscriber) -> None:
        """End a connection that lacks a group: later ones would hide the gap from its client."""
        channel.forget(subscriber)
        self._loop.call_soon(subscriber.link.abort)  # later: abort calls back into the owner of the link

    def _hold_for(
        self, channel: Channel, subscriber: Subscriber, joining: PendingJoin, group: Group, frames: bytes
    ) -> None:
        if subscriber.user_id in group.withheld:
            frames = group.frames_for(subscriber.user_id)
        joining.hold(frames, group.messages)
        if joining.size > self._hold_max_bytes:  # the join takes too long for this room: it must start again
            channel.forget(subscriber)
