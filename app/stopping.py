"""What a process did while it stopped, for the last line of its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chat.connections.connection_pool import Pool
from chat.connections.drain import Drain
from monitor.counting_observer import CountingObserver


class Stopping:
    """Counts from its making on. `observer` is None where nothing is measured; `now` is monotonic, in seconds."""

    def __init__(self, *, drain: Drain, observer: CountingObserver | None, now: Callable[[], float]) -> None:
        self._drain = drain
        self._observer = observer
        self._now = now
        self._began_s = now()
        self._stored_before = self._stored()

    def begun(self, pool: Pool) -> Mapping[str, object]:
        """What is to be ended, by the names of log fields."""
        return {"connections": pool.connections, "hint": "a second signal ends it at once"}

    def done(self) -> Mapping[str, object]:
        """What was done, by the names of log fields."""
        drained = self._drain.done
        return {
            "connections_told": drained.told,
            "connections_cut_off": drained.connections_cut_off,
            "commands_cut_off": drained.commands_cut_off,
            **({} if self._observer is None else {"messages_stored": self._stored() - self._stored_before}),
            "seconds": round(self._now() - self._began_s, 2),
        }

    def _stored(self) -> int:
        """The messages stored since the process started."""
        if self._observer is None:
            return 0
        return int(sum(count for _, count in self._observer.counters()["messages_received_total"]))
