"""Which processes of the cluster live, and when they exchange who is connected where: on the bus, nothing is stored.

Each process publishes a heartbeat. A process that sends none for `SILENT_MAX_S` while the bus stands is dead, and so
are its connections. A process that stops announces it; its people then have `SILENT_MAX_S` to connect elsewhere before
they count as gone.

A process that has started, or that may have missed events, asks all others to publish their people. When a process is
found, for the first time or again after it stood still, both sides publish their people to each other. After the bus
was lost, no process is declared dead for `RESTORE_GRACE_S`.
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
RESTORE_GRACE_S = 15.0
KNOWN_AFTER_S = 2.5 * BEAT_S  # by then every live process has sent a heartbeat


class RemotePeople(Protocol):
    """The people who are connected to other processes."""

    def people_here(self, here: PeopleHere) -> None:
        """People are connected to another process."""

    def person_gone(self, process_id: str, user_id: str, number: int) -> None:
        """A person has no connection to another process any more."""

    def process_gone(self, process_id: str) -> None:
        """All connections of another process are gone: it is dead, or it stopped `SILENT_MAX_S` ago."""

    def publish_all(self) -> Awaitable[None]:
        """Publish everybody who is connected to this process."""


class LiveProcesses:
    """Keeps when each other process was last heard. `now` is monotonic seconds; `beat` is to be called each BEAT_S.

    `on_death` is called with the id of a process that is found dead. `on_missed_changes` is called when room
    memberships may have changed without this process having received it: after this process stood still; when another
    process died, maybe between the commit of a change and its event; and when another process asks for people, because
    that one was cut off and published nothing meanwhile. (For a restored bus it is not called: the caller of
    `bus_restored` knows.)
    """

    def __init__(
        self,
        *,
        bus: Bus,
        people: RemotePeople,
        task_queue: SerialTaskQueue,
        process_id: str,
        now: Callable[[], float],
        on_death: Callable[[str], None],
        on_missed_changes: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._people = people
        self._task_queue = task_queue
        self._process_id = process_id
        self._now = now
        self._on_death = on_death
        self._on_missed_changes = on_missed_changes
        self._last_beat_at: dict[str, float] = {}  # by live process; bounded by the number of processes
        self._stopped_at: dict[str, float] = {}  # by process that announced its stop
        self._restored_at = now()
        self._no_deaths_until = self._restored_at
        self._asks_people = True  # the next heartbeat asks all processes for their people
        self._is_publishing_people = False
        self._beaten_at = self._asked_at = now()

    @property
    def alive(self) -> frozenset[str] | None:
        """The ids of the live processes, this one included; None while they are not known."""
        if self._bus.lost or self._now() - self._restored_at < KNOWN_AFTER_S:
            return None
        return frozenset((self._process_id, *self._last_beat_at))

    def beat(self) -> None:
        """Publish a heartbeat, and declare dead the processes that were silent for too long."""
        now = self._now()
        if now - self._beaten_at > SILENT_MAX_S / 2:
            # This process stood still: it has received nothing, and the others may have declared it dead
            self._no_deaths_until = now + RESTORE_GRACE_S
            self._last_beat_at = dict.fromkeys(self._last_beat_at, now)
            self._asks_people = True
            self._publish_people()
            self._on_missed_changes()
        self._beaten_at = now
        asks, self._asks_people = self._asks_people, self._bus.lost
        if asks:
            self._asked_at = now
        self._queue_beat(ProcessBeat(self._process_id, asks))
        for process_id in [one for one, stopped in self._stopped_at.items() if now - stopped > SILENT_MAX_S]:
            del self._stopped_at[process_id]
            self._people.process_gone(process_id)
        if self._bus.lost or now < self._no_deaths_until:
            return
        for process_id in [one for one, beaten in self._last_beat_at.items() if now - beaten > SILENT_MAX_S]:
            del self._last_beat_at[process_id]
            log.warning("process gone", extra={"fields": {"process": process_id}})
            self._people.process_gone(process_id)
            self._on_death(process_id)
            self._on_missed_changes()

    async def announce_stop(self) -> None:
        """Publish that this process stops."""
        self._bus.publish(EVERYONE, ProcessBeat(self._process_id, leaves=True))

    def bus_restored(self) -> None:
        """The bus stands again: events of others may be missing here, and ours may be missing there."""
        self._restored_at = self._now()
        if self._last_beat_at:
            self._no_deaths_until = self._restored_at + RESTORE_GRACE_S
        self._last_beat_at = dict.fromkeys(self._last_beat_at, self._restored_at)
        self._asks_people = True
        self.beat()
        self._publish_people()

    # ---- events of other processes -------------------------------------------------------------------------------

    def receive_beat(self, beat: ProcessBeat) -> None:
        """Take the heartbeat of a process."""
        if beat.process_id == self._process_id or beat.process_id in self._stopped_at:
            return
        if beat.leaves:
            # Its clients were asked to reconnect, and reach another process in a moment: until then they are not gone
            self._last_beat_at.pop(beat.process_id, None)
            self._stopped_at[beat.process_id] = self._now()
            return
        self._note_alive(beat.process_id)
        self._last_beat_at[beat.process_id] = self._now()
        if beat.asks:
            self._on_missed_changes()
        if beat.asks or self._process_id in beat.of:
            self._publish_people()

    def receive_people(self, here: PeopleHere) -> None:
        """Take the people who are connected to a process."""
        if here.process_id != self._process_id and here.process_id not in self._stopped_at:
            self._note_alive(here.process_id)
            self._people.people_here(here)

    def receive_person_gone(self, gone: PersonGone) -> None:
        """Take that a person has no connection to a process any more."""
        if gone.process_id != self._process_id:
            self._people.person_gone(gone.process_id, gone.user_id, gone.number)

    def _note_alive(self, process_id: str) -> None:
        """If this process was not known to live, exchange people with it: neither side need know those of the other."""
        if process_id in self._last_beat_at:
            return
        log.info("process found", extra={"fields": {"process": process_id}})
        self._last_beat_at[process_id] = self._now()
        if self._now() - self._asked_at > KNOWN_AFTER_S:  # otherwise it answers what all processes were asked
            self._queue_beat(ProcessBeat(self._process_id, of=(process_id,)))
        self._publish_people()

    def _queue_beat(self, beat: ProcessBeat) -> None:
        """Publish after what is queued, such as the people who are connected here: the order is that of the calls."""
        self._task_queue.run(lambda: self._bus.publish(EVERYONE, beat))

    def _publish_people(self) -> None:
        """Queue one publication of everybody who is connected here, however many processes ask at once."""
        if not self._is_publishing_people:
            self._is_publishing_people = True
            self._task_queue.run(self._publish_people_now)

    async def _publish_people_now(self) -> None:
        self._is_publishing_people = False
        await self._people.publish_all()
