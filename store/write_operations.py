"""What the writer of a group commit is given: writes that share a commit, and who commits them. Knows no SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

C = TypeVar("C")


class Write(Struct, Generic[C], frozen=True):
    """One write: `operation` on a connection. It may run several times, is committed once, and has no other effect.

    An unguarded operation may raise only before its first write. A `guarded` one may raise at any time: its own writes
    are rolled back, and no others.
    """

    operation: Callable[[C], Any]
    guarded: bool


class BatchWrite(Struct, Generic[C], frozen=True):
    """A write that shares one call of `operation` with all writes of its batch that have the same operation.

    The operation gets all their arguments and returns the results in order. It may raise only before its first write.
    """

    operation: Callable[[C, Sequence[Any]], Sequence[Any]]
    argument: Any


class Outcome(Struct, frozen=True):
    """The result of one write. If `error` is None, `value` is durable."""

    value: Any = None
    error: Exception | None = None


class Transactor(Protocol):
    """Commits batches. Its methods are called on the writer's thread only, and return errors of writes as Outcomes."""

    def transact(self, batch: Sequence[Write[Any] | BatchWrite[Any]]) -> Sequence[Outcome]:
        """Run and commit the batch. Returns one outcome for each write, in order."""

    def maintain(self) -> None:
        """Do maintenance that no caller waits for. Called between batches."""

    def close(self) -> None:
        """Release all resources. The last call."""
