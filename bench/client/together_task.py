"""Several tasks of a client process at once, such as messages and REST requests: over when all of them are."""

from __future__ import annotations

from collections.abc import Sequence

from bench.client.worker_protocol import TogetherDone, WorkerResult
from bench.client.worker_task import WorkerTask


class TogetherTask:
    """Steps each task that is not over; the results are in the order of the tasks."""

    def __init__(self, tasks: Sequence[WorkerTask]) -> None:
        self._tasks = tasks
        self._results: list[WorkerResult | None] = [None] * len(tasks)

    @property
    def ready(self) -> int:
        return sum(task.ready for task in self._tasks)

    def step(self, now_ns: int) -> TogetherDone | None:
        for place, task in enumerate(self._tasks):
            if self._results[place] is None:
                self._results[place] = task.step(now_ns)
        done = [result for result in self._results if result is not None]
        return TogetherDone(tuple(done)) if len(done) == len(self._tasks) else None

    def timeout_s(self, now_ns: int, at_most_s: float) -> float:
        waiting = (task for task, result in zip(self._tasks, self._results, strict=True) if result is None)
        return min((task.timeout_s(now_ns, at_most_s) for task in waiting), default=at_most_s)
