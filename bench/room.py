"""One room under load: a server, a fleet that is connected to it, and the seq that the room has reached.

What scenarios share: connect everybody, let some send, wait until all have everything, and say what it cost the server.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench import api
from bench.checker import Failures
from bench.client.orders import Connected, Tally
from bench.fleet import Fleet
from bench.histogram import Histogram, merged
from bench.server import Server

_DELIVER_WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What a stretch of sending came to. `cpu_s` of the server, None where it is not known."""

    messages: int
    cpu_s: float | None
    tallies: list[Tally]

    @property
    def deliveries(self) -> int:
        return sum(tally.deliveries for tally in self.tallies)

    @property
    def wall_s(self) -> float:
        return max(tally.wall_s for tally in self.tallies)

    @property
    def frame_bytes(self) -> int:
        """Mean size of a delivered frame, its head included (4 bytes from 126 of payload on)."""
        return sum(tally.frame_bytes for tally in self.tallies) // max(1, self.deliveries) + 4

    def delivery(self) -> Histogram:
        """From when a message was due to each of its deliveries."""
        return merged(tally.delivery_us for tally in self.tallies)

    def own_delivery(self) -> Histogram:
        """From when a message was due to its delivery to its sender."""
        return merged(tally.own_delivery_us for tally in self.tallies)

    def ack(self) -> Histogram:
        """From when a message was due to its ack."""
        return merged(tally.ack_us for tally in self.tallies)


class Room:
    """Made by `Stage.room`; only the bench writes in it, so its seqs are the acked ones."""

    def __init__(self, *, server: Server, fleet: Fleet, users: int, failures: Failures) -> None:
        self.server = server
        self._fleet = fleet
        self._failures = failures
        self._head_seq = 0
        self._tokens = tuple(api.register(server.address) for _ in range(users))
        self._room_id = api.make_room(server.address, self._tokens[0])

    def connect(self, count: int, *, at_once: int, within_s: float) -> list[Connected]:
        """Connections that join the room, at most `at_once` unfinished at a time."""
        address = self.server.address
        return self._fleet.connect(
            host=address.host,
            port=address.port,
            tokens=self._tokens,
            count=count,
            at_once=at_once,
            room_id=self._room_id,
            within_s=within_s,
        )

    def send(self, *, senders: int, rate_per_s: float | None, seconds: float, content_bytes: int) -> Load:
        """Sending and receiving, until everybody has all that was acked."""
        before_s = self.server.cpu_s()
        sent = self._fleet.send(
            room_id=self._room_id,
            senders=senders,
            rate_per_s=rate_per_s,
            seconds=seconds,
            content_bytes=content_bytes,
            within_s=_DELIVER_WITHIN_S,
        )
        self._head_seq, tallies = self._fleet.settle(
            sent, room_id=self._room_id, after_seq=self._head_seq, within_s=_DELIVER_WITHIN_S
        )
        after_s = self.server.cpu_s()
        cpu_s = None if before_s is None or after_s is None else after_s - before_s
        return Load(sum(answer.sent for answer in sent), cpu_s, tallies)

    def send_one(self, content_bytes: int) -> Load:
        """One message from one connection to all."""
        return self.send(senders=1, rate_per_s=1, seconds=0.5, content_bytes=content_bytes)
