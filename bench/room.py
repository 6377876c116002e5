"""Rooms under load: the servers that have them, a fleet that is connected to these, and the seq that each room has
reached.

What scenarios share: connect everybody, let some send, wait until all have everything, and say what it cost the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import api
from bench.client.orders import Connected, Tally, Window
from bench.fleet import Fleet
from bench.histogram import Histogram, merged
from bench.server import Server

_DELIVER_WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What a stretch of sending came to. `cpu_s` of all servers together, None where it is not known.

    `messages` were sent, of which some may have been refused if that was allowed; `windows`, one a client process, know
    how many.
    """

    messages: int
    cpu_s: float | None
    tallies: list[Tally]
    windows: list[Window]
    acked: int

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


class Rooms:
    """Made by `Stage`; only the bench writes in them, so their seqs are the acked ones.

    `servers` are one chat server: each room's connections are spread evenly over them, and over the users.
    """

    def __init__(self, *, servers: Sequence[Server], fleet: Fleet, users: int, rooms: int = 1) -> None:
        self._servers = servers
        self._fleet = fleet
        self._tokens = tuple(api.register(self.server.address) for _ in range(users))
        self._heads = {api.make_room(self.server.address, self._tokens[0]): 0 for _ in range(rooms)}

    @property
    def token(self) -> str:
        """The first user's."""
        return self._tokens[0]

    @property
    def server(self) -> Server:
        """The first, mostly the only one."""
        return self._servers[0]

    def connect(self, count: int, *, at_once: int, within_s: float) -> list[Connected]:
        """Connections that join a room each, at most `at_once` unfinished at a time."""
        return self._fleet.connect(
            addresses=[server.address for server in self._servers],
            tokens=self._tokens,
            count=count,
            at_once=at_once,
            room_ids=tuple(self._heads),
            within_s=within_s,
        )

    def send(
        self,
        *,
        senders: int,
        rate_per_s: float | None,
        seconds: float,
        content_bytes: int,
        may_refuse: bool = False,
        within_s: float = _DELIVER_WITHIN_S,
    ) -> Load:
        """Sending and receiving, until everybody has all that was acked, which takes `within_s` after the last was sent
        at most.
        """
        before_s = self._cpu_s()
        sent = self._fleet.send(
            senders=senders,
            rate_per_s=rate_per_s,
            seconds=seconds,
            content_bytes=content_bytes,
            within_s=within_s,
            may_refuse=may_refuse,
        )
        self._heads, tallies = self._fleet.settle(sent, after=self._heads, within_s=_DELIVER_WITHIN_S)
        after_s = self._cpu_s()
        acked = sum(len(seqs) for answer in sent for seqs in answer.acked_seqs.values())
        cpu_s = None if before_s is None or after_s is None else after_s - before_s
        return Load(sum(answer.sent for answer in sent), cpu_s, tallies, [answer.window for answer in sent], acked)

    def send_one(self, content_bytes: int) -> Load:
        """One message from one connection to all."""
        return self.send(senders=1, rate_per_s=1, seconds=0.5, content_bytes=content_bytes)

    def _cpu_s(self) -> float | None:
        spent = [server.cpu_s() for server in self._servers]
        known = [one for one in spent if one is not None]
        return sum(known) if len(known) == len(spent) else None
