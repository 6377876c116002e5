"""The other processes of the cluster: which of them live, and who is connected where.

They tell each other on the bus; nothing is stored.

Each process beats; one that is silent for `SILENT_MAX_S` while the bus stands is dead, and its people are gone. One
that stops says so, and its people have as long to connect to another. Whoever has just started, or may have missed
something, asks all, and is told by all; a process that is found, for the first time or again after it stood still, is
told all and asked for all, for it may know nothing of it. After the bus was away nobody is declared dead for `DOUBT_S`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from cluster.contract import Bus
from cluster.events import PeopleHere, PersonGone, ProcessBeat
from cluster.topics import EVERYONE
from common.serial_task_queue import SerialTaskQueue

log = logging.getLogger(__name__)

BEAT_S = 2.0
SILENT_MAX_S = 10.0
DOUBT_S = 15.0
KNOWN_AFTER_S = 2.5 * BEAT_S  # by then each process that lives has been heard


class PeopleElsewhere(Protocol):
    """Who keeps the people of the other processes: what membership passes on, and asks to be told to the others."""

    def people_here(self, here: PeopleHere) -> None:
        """People who are connected to another process."""

    def person_gone(self, process_id: str, user_id: str, number: int) -> None:
        """Somebody has no connection to another process any more."""

    def process_gone(self, process_id: str) -> None:
        """Another process is dead, or stopped and its time is over, and so are its connections."""

    def publish_all(self) -> Awaitable[None]:
        """Publish to the other processes everybody who is connected to this one."""


class ClusterMembership:
    """`on_death` is called with the id of a process that is found dead.

    `now` is monotonic, in seconds. `beat` is called each BEAT_S.

    `on_doubt` is called where memberships may have changed unheard by this process: after it stood still, and when
    another asks, for that one was cut off, and what it wrote meanwhile it told nobody. (That the bus is back is known
    to whoever calls `back`.)
    """

    def __init__(
        self,
        *,
        bus: Bus,
        people: PeopleElsewhere,
        task_queue: SerialTaskQueue,
        process_id: str,
        now: Callable[[], float],
        on_death: Callable[[str], None],
        on_doubt: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._people = people
        self._task_queue = task_queue
        self._process_id = process_id
        self._now = now
        self._on_death = on_death
        self._on_doubt = on_doubt
        self._heard: dict[str, float] = {}  # as many as there are processes
        self._left: dict[str, float] = {}  # those that stopped, by when
        self._back_at = now()
        self._doubt_until = self._back_at
        self._asks = True
        self._is_telling = False
        self._beaten_at = self._asked_at = now()

    @property
    def alive(self) -> frozenset[str] | None:
        """The processes that live, this one included; None while that is not known."""
        if self._bus.lost or self._now() - self._back_at < KNOWN_AFTER_S:
            return None
        return frozenset((self._process_id, *self._heard))

    def beat(self) -> None:
        """Say that we live, and find out who does not."""
        now = self._now()
        if now - self._beaten_at > SILENT_MAX_S / 2:
            # It was us who stood still: we have not listened, and the others may have taken us for dead.
            self._doubt_until = now + DOUBT_S
            self._heard = dict.fromkeys(self._heard, now)
            self._asks = True
            self._tell_all()
            self._on_doubt()
        self._beaten_at = now
        asks, self._asks = self._asks, self._bus.lost
        if asks:
            self._asked_at = now
        self._task_queue.run(lambda: self._bus.publish(EVERYONE, ProcessBeat(self._process_id, asks)))
        for process_id in [one for one, left in self._left.items() if now - left > SILENT_MAX_S]:
            del self._left[process_id]
            self._people.process_gone(process_id)
        if self._bus.lost or now < self._doubt_until:
            return
        for process_id in [one for one, heard in self._heard.items() if now - heard > SILENT_MAX_S]:
            del self._heard[process_id]
            log.warning("process gone", extra={"fields": {"process": process_id}})
            self._people.process_gone(process_id)
            self._on_death(process_id)

    async def leave(self) -> None:
        """Say that we stop."""
        await self._bus.publish(EVERYONE, ProcessBeat(self._process_id, leaves=True))

    def back(self) -> None:
        """The bus stands again: what it brought meanwhile, we may have missed, and what we told, the others."""
        self._back_at = self._now()
        if self._heard:
            self._doubt_until = self._back_at + DOUBT_S
        self._heard = dict.fromkeys(self._heard, self._back_at)
        self._asks = True
        self.beat()
        self._tell_all()

    # ---- what the bus brings -------------------------------------------------------------------------------------

    def on_beat(self, beat: ProcessBeat) -> None:
        if beat.process_id == self._process_id or beat.process_id in self._left:
            return
        if beat.leaves:
            # Its people are told to come back in a moment, to another process: until then they are not gone.
            self._heard.pop(beat.process_id, None)
            self._left[beat.process_id] = self._now()
            return
        self._find(beat.process_id)
        self._heard[beat.process_id] = self._now()
        if beat.asks:
            self._on_doubt()
        if beat.asks or self._process_id in beat.of:
            self._tell_all()

    def on_people(self, here: PeopleHere) -> None:
        if here.process_id != self._process_id and here.process_id not in self._left:
            self._find(here.process_id)
            self._people.people_here(here)

    def on_gone(self, gone: PersonGone) -> None:
        if gone.process_id != self._process_id:
            self._people.person_gone(gone.process_id, gone.user_id, gone.number)

    def _find(self, process_id: str) -> None:
        """A process that was not known to live does: neither side need know the people of the other."""
        if process_id in self._heard:
            return
        log.info("process found", extra={"fields": {"process": process_id}})
        self._heard[process_id] = self._now()
        if self._now() - self._asked_at > KNOWN_AFTER_S:  # else it answers what all were asked
            self._task_queue.run(lambda: self._bus.publish(EVERYONE, ProcessBeat(self._process_id, of=(process_id,))))
        self._tell_all()

    def _tell_all(self) -> None:
        """Tell everybody who is here, once however many ask at once."""
        if not self._is_telling:
            self._is_telling = True
            self._task_queue.run(self._tell)

    async def _tell(self) -> None:
        self._is_telling = False
        await self._people.publish_all()
