"""The passes over a room's connections: groups in order, one at a time, a large one in slices between loop turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import islice

from handlers.chat.channel import Channel, Group, Joining, Subscriber
from monitor.hooks import Observer

SLICE = 500  # connections served between two loop turns: some 4 ms


class FanOut:
    """Hands groups to links. Never awaits; `hold_max_bytes` bounds what is held for one joiner."""

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
        while channel.groups:
            group = channel.groups.popleft()
            frames = b"".join(group.frames)
            for subscriber, joining in list(channel.joining.items()):
                if joining.epoch <= group.epoch and subscriber.user_id != group.not_to_user:
                    self._hold_for(channel, subscriber, joining, group, frames)
            targets = list(channel.live.items())
            if len(targets) > SLICE:
                self._serve_slice(channel, group, frames, targets, 0)
                return
            self._serve(group, frames, targets)
            self._tell(group)
            served += len(targets)
            if served > SLICE and channel.groups:
                self._loop.call_soon(self._next_group, channel)
                return
        channel.in_fan_out = False

    def _serve_slice(
        self, channel: Channel, group: Group, frames: bytes, targets: Sequence[tuple[Subscriber, int]], start: int
    ) -> None:
        live = channel.live
        part = [
            target for target in islice(targets, start, start + SLICE) if live.get(target[0]) == target[1]
        ]  # who left or joined anew since the fan-out began has its own account of it
        self._serve(group, frames, part)
        start += SLICE
        if start < len(targets):
            self._loop.call_soon(self._serve_slice, channel, group, frames, targets, start)
        else:
            self._tell(group)
            self._loop.call_soon(self._next_group, channel)

    def _tell(self, group: Group) -> None:
        """All that a group goes to have been served."""
        deliveries = group.deliveries
        if deliveries and group.accepted_ms:
            self._observer.send_to_delivery((time.time() * 1000 - group.accepted_ms) / 1000, deliveries)

    def _serve(self, group: Group, frames: bytes, targets: Sequence[tuple[Subscriber, int]]) -> None:
        epoch = group.epoch
        if group.ephemeral:
            for subscriber, since in targets:
                if since <= epoch and subscriber.user_id != group.not_to_user:
                    subscriber.link.send_ephemeral(frames)
        else:
            served = len(targets)
            for subscriber, since in targets:
                if since <= epoch:
                    subscriber.link.send(frames)
                else:
                    served -= 1
            if group.messages:
                group.deliveries += served * group.messages
                self._observer.messages_delivered(served, group.messages)

    def _hold_for(self, channel: Channel, subscriber: Subscriber, joining: Joining, group: Group, frames: bytes) -> None:
        joining.hold(frames, group.messages)
        if joining.size > self._hold_max_bytes:  # the join hangs while the room goes on: it must start again
            channel.forget(subscriber)
