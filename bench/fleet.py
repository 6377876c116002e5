"""The client processes as the bench holds them: spawn, give orders to all or some, gather the answers, end them."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bench.api import Address
from bench.checker import Failures, check_acked
from bench.client import crew
from bench.client.orders import Answer, Broke, Close, Connect, Connected, Order, Progress, Send, Sent, Settle, Tally
from bench.errors import BenchError

_CLOSE_WITHIN_S = 5
_GRACE_S = 30  # an order ends by its own deadline; this is for a client process that hangs
_A = TypeVar("_A", bound=Answer)


def processes_for(connections: int) -> int:
    """Half the cores, for the server needs one of them; none has fewer than 100 connections."""
    return max(1, min((os.cpu_count() or 1) // 2, 4, connections // 100))


class Fleet:
    """A context manager. `on_progress(ready, deliveries)` is called about twice a second while it waits."""

    def __init__(self, processes: int, *, failures: Failures, on_progress: Callable[[int, int], None]) -> None:
        self._failures = failures
        self._on_progress = on_progress
        self._told = [0] * processes
        self._pipes: list[multiprocessing.connection.Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._count = processes
        self._tallies: list[Tally] = []
        self._connections = 0

    def __enter__(self) -> Fleet:
        context = multiprocessing.get_context("spawn")  # nothing of this process is to live on in them
        try:
            for number in range(self._count):
                ours, theirs = context.Pipe()
                self._pipes.append(ours)
                process = context.Process(target=crew.main, args=(theirs, str(number)), daemon=True)
                process.start()
                self._processes.append(process)
                theirs.close()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._end()

    def connect(
        self,
        *,
        addresses: Sequence[Address],
        tokens: tuple[str, ...],
        count: int,
        at_once: int,
        room_ids: tuple[str, ...],
        within_s: float,
    ) -> list[Connected]:
        """Connections spread over the processes; all of them ready, or a failure is noted for each that is not.

        They join the rooms in turn, each room's spread evenly over the addresses and over the tokens.
        """
        where = tuple((address.host, address.port) for address in addresses)
        orders = {}
        for number, share in enumerate(_shares(count, self._count)):
            if share:
                each_at_once = max(1, at_once // self._count)
                orders[number] = Connect(where, tokens, room_ids, self._connections, share, each_at_once, within_s)
                self._connections += share
        return self._ask(orders, Connected, within_s)

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
        """Let the first `senders` connections, spread over the processes, send; all in a closed loop without a rate."""
        shares = _shares(senders, self._count)
        orders = {
            number: Send(
                share,
                None if rate_per_s is None else rate_per_s * share / senders,
                seconds,
                content_bytes,
                within_s,
                may_refuse,
            )
            for number, share in enumerate(shares)
            if share
        }
        return self._ask(orders, Sent, seconds + within_s)

    def settle(
        self, sent: list[Sent], *, after: Mapping[str, int], within_s: float
    ) -> tuple[dict[str, int], list[Tally]]:
        """Everybody has all that was acked after the heads that the rooms had, or failures are noted.

        Returns the rooms' heads now and each process's tally.
        """
        heads, total = {}, 0
        for room_id, head_seq in after.items():
            acked = [seq for answer in sent for seq in answer.acked_seqs.get(room_id, ())]
            heads[room_id] = check_acked(acked, after_seq=head_seq, failures=self._failures)
            total += len(acked)
        taken = sum(answer.sent - answer.refused for answer in sent)
        if total != taken:
            self._failures.add(f"{taken} messages were sent and not refused, {total} acked")
        orders = {number: Settle(heads, within_s) for number in range(self._count)}
        tallies = self._ask(orders, Tally, within_s)
        self._tallies = tallies
        return heads, tallies

    def report_failures(self) -> None:
        """Take over what the client processes found wrong so far, as their last tallies say."""
        for tally in self._tallies:
            for what in tally.failures:
                self._failures.add(what)
            self._failures.count += tally.failure_count - len(tally.failures)

    def _ask(self, orders: Mapping[int, Order], kind: type[_A], within_s: float) -> list[_A]:
        for number, order in orders.items():
            self._pipes[number].send(order)
        waiting = set(orders)
        answers: dict[int, _A] = {}
        deadline = time.monotonic() + within_s + _GRACE_S
        ready = [0] * self._count
        while waiting:
            left = deadline - time.monotonic()
            if left <= 0:
                raise BenchError(f"{len(waiting)} client processes did not answer in time")
            for pipe in multiprocessing.connection.wait([self._pipes[number] for number in waiting], timeout=left):
                number = self._pipes.index(pipe)  # type: ignore[arg-type]
                try:
                    said = self._pipes[number].recv()
                except (EOFError, OSError) as error:
                    raise BenchError(f"client process {number} died") from error
                if isinstance(said, Progress):
                    ready[number], self._told[number] = said.ready, said.deliveries
                    self._on_progress(sum(ready), sum(self._told))
                elif isinstance(said, kind):
                    answers[number] = said
                    waiting.remove(number)
                else:
                    raise BenchError(f"client process {number}: {said.why if isinstance(said, Broke) else said}")
        return [answers[number] for number in sorted(answers)]

    def _end(self) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # it is gone already
                pipe.send(Close())
        for process in self._processes:
            process.join(_CLOSE_WITHIN_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()


def _shares(count: int, parts: int) -> list[int]:
    return [count // parts + (part < count % parts) for part in range(parts)]
