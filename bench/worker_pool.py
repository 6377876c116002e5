"""What the load client does as a whole: its commands are spread over processes, what they return is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bench.client import worker
from bench.client.worker_protocol import (
    ChangesSent,
    ChangesWatched,
    Connect,
    Connected,
    DeliverySnapshot,
    Send,
    SendChanges,
    Sent,
    Settle,
    Together,
    TogetherDone,
    WatchChanges,
    WorkerCommand,
    WorkerProgress,
    WorkerResult,
)
from bench.client_base.client_processes import ClientProcesses
from bench.combined_load import CombinedDone, CombinedLoad
from bench.delivery_checker import Failures, check_acked
from bench.rest_client import Address

_A = TypeVar("_A", bound=WorkerResult)


class WorkerPool:
    """A context manager. `on_progress(ready, deliveries)` is called about twice a second while it waits."""

    def __init__(self, processes: int, *, failures: Failures, on_progress: Callable[[int, int], None]) -> None:
        self._failures = failures
        self._on_progress = on_progress
        self._deliveries = [0] * processes
        self._ready = [0] * processes
        self._processes = ClientProcesses(processes, worker.main)
        self._last_snapshots: list[DeliverySnapshot] = []
        self._connections = 0

    def __enter__(self) -> WorkerPool:
        self._processes.__enter__()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._processes.__exit__(kind, error, trace)

    def connect(
        self,
        *,
        addresses: Sequence[Address],
        tokens: tuple[str, ...],
        count: int,
        at_once: int,
        room_ids: tuple[str, ...],
        within_s: float,
        own_tokens: bool = False,
    ) -> list[Connected]:
        """Open connections, spread over the processes; each that does not become ready is a failure.

        They join the rooms in turn; those of a room are spread evenly over the addresses and over the tokens, unless
        `own_tokens` has one for each connection.
        """
        where = tuple((address.host, address.port) for address in addresses)
        commands = {}
        each_at_once = max(1, at_once // self._processes.count)
        for number, share in self._processes.shared(count).items():
            commands[number] = Connect(
                where, tokens, room_ids, self._connections, share, each_at_once, within_s, own_tokens
            )
            self._connections += share
        return self._execute(commands, Connected, within_s)

    def send(
        self,
        *,
        senders: int,
        rate_per_s: float | None,
        seconds: float,
        content_bytes: int,
        within_s: float,
        may_refuse: bool = False,
    ) -> list[Sent]:
        """Let the first `senders` connections, spread over the processes, send. Without a rate it is a closed loop."""
        commands = {
            number: Send(
                share,
                None if rate_per_s is None else rate_per_s * share / senders,
                seconds,
                content_bytes,
                within_s,
                may_refuse,
            )
            for number, share in self._processes.shared(senders).items()
        }
        return self._execute(commands, Sent, seconds + within_s)

    def combined(
        self,
        load: CombinedLoad,
        *,
        addresses: Sequence[Address],
        tokens: tuple[str, ...],
        room_ids: tuple[str, ...],
        within_s: float,
    ) -> CombinedDone:
        """Let the processes do all that the plan has at once."""
        where = tuple((address.host, address.port) for address in addresses)
        connect = Connect(where, tokens, room_ids, self._connections, 0, 0, load.seconds + within_s)
        commands = load.commands(processes=self._processes.count, connect=connect, within_s=within_s)
        self._connections += load.joining
        together = {number: Together(each) for number, each in commands.items()}
        return CombinedDone.of(self._execute(together, TogetherDone, load.seconds + within_s))

    def watch_changes(self, revs: Mapping[str, int], *, within_s: float) -> None:
        """Let every connection check from now on that it gets each change of its room after `revs` once, in order."""
        commands = {number: WatchChanges(dict(revs)) for number in range(self._processes.count)}
        self._execute(commands, ChangesWatched, within_s)

    def send_changes(
        self,
        *,
        senders: int,
        rate_per_s: float,
        seconds: float,
        edits_percent: int,
        content_bytes: int,
        within_s: float,
    ) -> list[ChangesSent]:
        """Let the first `senders` connections, spread over the processes, change messages (see SendChanges)."""
        commands = {
            number: SendChanges(share, rate_per_s * share / senders, seconds, edits_percent, content_bytes, within_s)
            for number, share in self._processes.shared(senders).items()
        }
        return self._execute(commands, ChangesSent, seconds + within_s)

    def settle_changes(
        self, sent: Sequence[ChangesSent], *, heads: Mapping[str, int], within_s: float
    ) -> list[DeliverySnapshot]:
        """Wait until every connection has every acked change; a missing one is a failure. Returns the counts."""
        return self._settle(Settle(dict(heads), within_s, _revs(sent)))

    def settle_combined(
        self, done: CombinedDone, *, after: Mapping[str, int], within_s: float
    ) -> tuple[dict[str, int], list[DeliverySnapshot]]:
        """As `settle`, for all messages and changes of a combined load."""
        posted = [result.acked_seqs for result in done.requested]
        heads = self._check_acked(done.sent, posted, after=after)
        return heads, self._settle(Settle(heads, within_s, _revs(done.changed)))

    def settle(
        self, sent: list[Sent], *, after: Mapping[str, int], within_s: float
    ) -> tuple[dict[str, int], list[DeliverySnapshot]]:
        """Wait until every connection has every message acked after the heads `after`; a missing one is a failure.

        Returns the new heads of the rooms, and each process's counts.
        """
        heads = self._check_acked(sent, [], after=after)
        return heads, self._settle(Settle(heads, within_s))

    def _check_acked(
        self, sent: Sequence[Sent], posted: Sequence[Mapping[str, Sequence[int]]], *, after: Mapping[str, int]
    ) -> dict[str, int]:
        """The new heads. `posted` are seqs by room that came by REST."""
        each = [result.acked_seqs for result in sent]
        heads = {}
        for room_id, head_seq in after.items():
            seqs = [seq for acked in (*each, *posted) for seq in acked.get(room_id, ())]
            heads[room_id] = check_acked(seqs, after_seq=head_seq, failures=self._failures)
        total = sum(len(seqs) for acked in each for seqs in acked.values())
        taken = sum(result.sent - result.refused for result in sent)
        if total != taken:
            self._failures.add(f"{taken} messages were sent and not refused, {total} acked")
        return heads

    def _settle(self, command: Settle) -> list[DeliverySnapshot]:
        commands = dict.fromkeys(range(self._processes.count), command)
        self._last_snapshots = self._execute(commands, DeliverySnapshot, command.within_s)
        return self._last_snapshots

    def report_failures(self) -> None:
        """Add the failures that the client processes have counted so far."""
        for snapshot in self._last_snapshots:
            for what in snapshot.failures:
                self._failures.add(what)
            self._failures.count += snapshot.failure_count - len(snapshot.failures)

    def _execute(self, commands: Mapping[int, WorkerCommand], kind: type[_A], within_s: float) -> list[_A]:
        self._ready = [0] * self._processes.count
        return self._processes.execute(commands, kind, within_s, reports=(WorkerProgress, self._take_progress))

    def _take_progress(self, number: int, progress: WorkerProgress) -> None:
        self._ready[number], self._deliveries[number] = progress.ready, progress.deliveries
        self._on_progress(sum(self._ready), sum(self._deliveries))


def _revs(sent: Sequence[ChangesSent]) -> dict[str, int]:
    """The greatest acked rev by room."""
    revs: dict[str, int] = {}
    for room_id, rev in (one for result in sent for one in result.acked_revs.items()):
        revs[room_id] = max(revs.get(room_id, 0), rev)
    return revs
