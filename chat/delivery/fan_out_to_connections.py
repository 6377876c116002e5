"""Sends a room's groups of frames to its connections: in order, one group at a time, in slices between loop turns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence

from chat.delivery.pending_join import PendingJoin
from chat.delivery.room_channel import Channel, Outlet, Pass, Subscriber
from common.loop_turns import turns_of
from monitor.observer import Observer

log = logging.getLogger(__name__)

SLICE_S = 0.005  # in which connections are served between two loop turns
SENDS_BETWEEN_CHECKS = 64  # of that time: some 0.6 ms

Acks = dict[Outlet, tuple[Subscriber, bytes]]


class FanOut:
    """Passes groups to links; never awaits.

    `hold_max_bytes` bounds the frames that are held for one joiner. If a send raises, which would be a defect, its
    connection is ended and the others are served. Each channel waits once at most. A loop turn has two slices at most:
    one of what waits, and one for all that is uncorked in it, as the end of a commit uncorks for each of its rooms.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop, observer: Observer, hold_max_bytes: int) -> None:
        self._loop = loop
        self._observer = observer
        self._hold_max_bytes = hold_max_bytes
        self._waiting: deque[Channel] = deque()  # for their turn
        self._is_scheduled = False
        self._is_corked = False
        self._turns = turns_of(loop)
        self._uncorked_in = 0.0  # the loop turn of the last uncorking, by its beginning
        self._uncorked_until = 0.0  # when the slice of that turn's uncorkings is over
        self._due: deque[Channel] = deque()  # whose delivery was started while corked
        self._acks: Acks = {}  # that wait for the uncorking

    def start(self, channel: Channel) -> None:
        """Begin to deliver the channel's groups in the next loop turn, or when uncorked, unless a delivery is under
        way.
        """
        if not channel.in_fan_out:
            channel.in_fan_out = True
            if self._is_corked:
                self._due.append(channel)
            else:
                self._waiting.append(channel)
                self._schedule()

    # ---- acks and echoes in one send -----------------------------------------------------------------------------

    def cork(self) -> None:
        """Gather what is started and acked until `uncork`, which the caller calls before it gives the loop back."""
        self._is_corked = True

    def ack(self, subscriber: Subscriber, frame: bytes) -> None:
        """Send a command's ack; while corked, in one send with what the author's room delivers to the author."""
        link = subscriber.link
        if self._is_corked:
            earlier = self._acks.get(link)
            self._acks[link] = subscriber, frame if earlier is None else earlier[1] + frame
        else:
            link.send(frame)

    def uncork(self) -> None:
        """Deliver at once what was gathered, as far as the turn's slice goes. No effect where nothing is corked."""
        if not self._is_corked:
            return
        self._is_corked = False
        due, self._due = self._due, deque()
        acks, self._acks = self._acks, {}
        now_s = time.monotonic()
        turn = now_s if self._turns is None else self._turns.began_s  # of a loop that does not tell, each is another
        is_first = turn != self._uncorked_in
        if is_first:
            self._uncorked_in, self._uncorked_until = turn, now_s + SLICE_S
        if is_first or now_s < self._uncorked_until:
            self._serve_slice(due, acks, self._uncorked_until)
        self._waiting += due
        self._schedule()
        for link, (subscriber, frame) in acks.items():  # of authors who got nothing of their room, or not yet
            try:
                link.send(frame)
            except Exception:
                log.exception("connection %s: an ack cannot be sent; it is ended", subscriber.connection_id)
                self._loop.call_soon(link.abort)

    # ---- slices --------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._waiting and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._is_scheduled = False
        self._serve_slice(self._waiting, {}, time.monotonic() + SLICE_S)
        self._schedule()

    def _serve_slice(self, channels: deque[Channel], acks: Acks, until: float) -> None:
        """Deliver until then. A channel that is not done goes behind the others.

        `acks` are sent with the first group that their receiver gets, and removed.
        """
        while channels:
            channel = channels.popleft()
            try:
                self._deliver(channel, until, acks)
            except Exception:  # a defect; this room goes on with its next group, and so do the others
                log.exception("room %s: a delivery failed", channel.room_id)
            if channel.under_way is not None or channel.groups:
                channels.append(channel)
            else:
                channel.in_fan_out = False
            if time.monotonic() >= until:
                break

    # ---- passes --------------------------------------------------------------------------------------------------

    def _deliver(self, channel: Channel, until: float, acks: Acks) -> None:
        """Deliver a channel's groups in order, until all are delivered or the time is over."""
        while channel.under_way is not None or channel.groups:
            current = channel.under_way
            if current is None:
                current = channel.begin_pass(channel.groups.popleft())
                self._hold_for_joiners(channel, current)
            self._go_on(channel, current, until, acks)
            if time.monotonic() >= until:
                break

    def _go_on(self, channel: Channel, current: Pass, until: float, acks: Acks) -> None:
        """Serve the next connections of a pass."""
        group, links = current.group, current.links
        served = 0
        try:
            while current.reached < len(links):
                part = links[current.reached : current.reached + SENDS_BETWEEN_CHECKS]
                current.reached += SENDS_BETWEEN_CHECKS
                if current.ended:
                    part = self._pass_over_ended(current, part)
                served += self._send(channel, current, part, acks)
                if time.monotonic() >= until:
                    break
        finally:  # also after an exception: without this the room would stay silent
            is_over = current.reached >= len(links)
            if is_over:
                channel.under_way = None
        if group.messages:
            group.deliveries += served * group.messages
            if is_over and group.deliveries and group.accepted_ms:
                self._observer.send_to_delivery((time.time() * 1000 - group.accepted_ms) / 1000, group.deliveries)
            self._observer.messages_delivered(served, group.messages)

    def _send(self, channel: Channel, current: Pass, links: Sequence[Outlet], acks: Acks) -> int:
        """Send a pass's frames to some of its links; returns to how many. A connection whose send raises is ended."""
        frames, own_frames = current.frames, current.own_frames
        failed = 0
        rest = iter(links)
        while True:  # once, and again after each send that raises: the iterator has passed that one
            try:
                if current.group.ephemeral:
                    for link in rest:
                        if its_frames := own_frames.get(link, frames):
                            link.send_ephemeral(its_frames)
                elif acks:
                    for link in rest:
                        ack = acks.pop(link, None)
                        link.send(frames if ack is None else ack[1] + frames)
                else:
                    for link in rest:
                        link.send(frames)
                return len(links) - failed
            except Exception:
                failed += 1
                subscriber = next(one for one in channel.live if one.link is link)
                if failed == 1:
                    log.exception(
                        "connection %s: a send failed; it is ended. Other failures of these sends are not logged",
                        subscriber.connection_id,
                    )
                self._end(channel, subscriber)

    def _end(self, channel: Channel, subscriber: Subscriber) -> None:
        """End a connection that lacks a group: later ones would hide the gap from its client."""
        channel.forget(subscriber)
        self._loop.call_soon(subscriber.link.abort)  # later: abort calls back into the owner of the link

    def _pass_over_ended(self, current: Pass, links: Sequence[Outlet]) -> list[Outlet]:
        """Return those whose subscription goes on. One who joins anew gets the group after all, if the join fails."""
        group, still_live = current.group, []
        for link in links:
            if link not in current.ended:
                still_live.append(link)
            elif (joining := current.ended[link]) is not None:
                joining.hold(current.own_frames.get(link, current.frames), group.messages, epoch=group.epoch)
        return still_live

    # ---- joiners -------------------------------------------------------------------------------------------------

    def _hold_for_joiners(self, channel: Channel, current: Pass) -> None:
        for subscriber, joining in list(channel.joining.items()):
            if joining.concerns(current.group.epoch):
                try:
                    self._hold_for(channel, subscriber, joining, current)
                except Exception:  # the other joiners must still get the group
                    log.exception(
                        "connection %s: frames cannot be held while it joins; it is ended", subscriber.connection_id
                    )
                    self._end(channel, subscriber)

    def _hold_for(self, channel: Channel, subscriber: Subscriber, joining: PendingJoin, current: Pass) -> None:
        group, frames = current.group, current.frames
        if subscriber.user_id in group.withheld:
            frames = group.frames_for(subscriber.user_id)
        joining.hold(frames, group.messages, epoch=group.epoch)
        if joining.size > self._hold_max_bytes:  # the join takes too long for this room: it must start again
            channel.forget(subscriber)
