"""The passes over a room's connections: groups in order, one at a time, a large one in slices between loop turns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from itertools import islice

from chat.delivery.channel import Channel, Group, PendingJoin, Subscriber
from monitor.observer import Observer

log = logging.getLogger(__name__)

SLICE = 500  # connections served between two loop turns: some 4 ms


class FanOut:
    """Hands groups to links. Never awaits; `hold_max_bytes` bounds what is held for one joiner.

    A send should not raise. Where one does, its connection is ended, and the others are served.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop, observer: Observer, hold_max_bytes: int) -> None:
        self._loop = loop
        self._observer = observer
        self._hold_max_bytes = hold_max_bytes

    def start(self, channel: Channel) -> None:
        """Deliver the channel's groups, from the next loop turn on, if that is not under way."""
        if not channel.in_fan_out:
            channel.in_fan_out = True
            self._loop.call_soon(self._next_group, channel)

    def _next_group(self, channel: Channel) -> None:
        """Deliver groups in order, one at a time; a large one in slices, so that other rooms get their turn."""
        served = 0
        is_sliced = False
        try:
            while channel.groups and served <= SLICE:
                group = channel.groups.popleft()
                frames = b"".join(group.frames)
                for subscriber, joining in list(channel.joining.items()):
                    if joining.epoch <= group.epoch and subscriber.user_id != group.not_to_user:
                        try:
                            self._hold_for(channel, subscriber, joining, group, frames)
                        except Exception:  # the others must not miss the group for it
                            log.exception(
                                "connection %s: what comes while it joins cannot be held; it is ended",
                                subscriber.connection_id,
                            )
                            self._end(channel, subscriber)
                targets = list(channel.live.items())
                if len(targets) > SLICE:
                    is_sliced = True
                    self._serve_slice(channel, group, frames, targets, 0)
                    return
                served += len(targets)
                self._serve(channel, group, frames, targets)
                self._tell(group)
        finally:  # whatever was raised: a room that is not taken up again here is silent for good
            if not is_sliced:
                self._resume(channel)

    def _resume(self, channel: Channel) -> None:
        if channel.groups:
            self._loop.call_soon(self._next_group, channel)
        else:
            channel.in_fan_out = False

    def _serve_slice(
        self, channel: Channel, group: Group, frames: bytes, targets: Sequence[tuple[Subscriber, int]], start: int
    ) -> None:
        live = channel.live
        part = [
            target for target in islice(targets, start, start + SLICE) if live.get(target[0]) == target[1]
        ]  # who left or joined anew since the fan-out began has its own account of it
        start += SLICE
        try:
            self._serve(channel, group, frames, part)
            if start >= len(targets):
                self._tell(group)
        finally:
            if start < len(targets):
                self._loop.call_soon(self._serve_slice, channel, group, frames, targets, start)
            else:
                self._loop.call_soon(self._next_group, channel)

    def _tell(self, group: Group) -> None:
        """All that a group goes to have been served."""
        deliveries = group.deliveries
        if deliveries and group.accepted_ms:
            self._observer.send_to_delivery((time.time() * 1000 - group.accepted_ms) / 1000, deliveries)

    def _serve(self, channel: Channel, group: Group, frames: bytes, targets: Sequence[tuple[Subscriber, int]]) -> None:
        epoch = group.epoch
        served = len(targets)
        failed = 0
        rest = iter(targets)
        while True:  # one round, and one more for each send that raises: the iterator is behind it by then
            try:
                if group.ephemeral:
                    for subscriber, since in rest:
                        if since <= epoch and subscriber.user_id != group.not_to_user:
                            subscriber.link.send_ephemeral(frames)
                else:
                    for subscriber, since in rest:
                        if since <= epoch:
                            subscriber.link.send(frames)
                        else:
                            served -= 1
                break
            except Exception:
                failed += 1
                if failed == 1:
                    log.exception(
                        "connection %s: a send failed, as others of this pass may; it is ended",
                        subscriber.connection_id,
                    )
                self._end(channel, subscriber)
        if group.messages:
            served -= failed
            group.deliveries += served * group.messages
            self._observer.messages_delivered(served, group.messages)

    def _end(self, channel: Channel, subscriber: Subscriber) -> None:
        """It lacks a group now: it hears no later one as if there were no gap, and comes back for what it missed."""
        channel.forget(subscriber)
        self._loop.call_soon(subscriber.link.abort)  # not now: it calls back whoever owns it

    def _hold_for(
        self, channel: Channel, subscriber: Subscriber, joining: PendingJoin, group: Group, frames: bytes
    ) -> None:
        joining.hold(frames, group.messages)
        if joining.size > self._hold_max_bytes:  # the join hangs while the room goes on: it must start again
            channel.forget(subscriber)
