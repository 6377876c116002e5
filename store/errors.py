"""What can go wrong in a store, told apart by what the caller can do about it.

Owns names only; the handlers map them to codes.
"""

from __future__ import annotations


class StoreError(Exception):
    """Anything a store raises on purpose."""


class StoreUnavailable(StoreError):
    """Nothing was confirmed as stored; a retry with the same clientId may succeed.

    `reason`: busy, full, corrupt, gone, io, failover, refused, stalled, closed.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreTimeout(StoreError):
    """The deadline of one operation passed; a write may or may not have happened, the clientId settles it."""


class Taken(StoreError):
    """A unique name is in use. `field`: username or email."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Missing(StoreError):
    """What the operation is about does not exist. `kind`: user, room, message, member, session."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Outdated(StoreError):
    """What the change is meant to follow is not what is there any more."""


class RoomFull(StoreError):
    """The room has `maxUsers` members."""


class TooManyKinds(StoreError):
    """A message has reactions with as many emoji as it may."""


class TooLarge(StoreError):
    """What was to be stored is larger than the store takes in one piece."""


def failure_of(error: Exception | None) -> str | None:
    """The observer's word for what an operation raised; a domain error is an answer, not a failure."""
    if error is None:
        return None
    if isinstance(error, StoreUnavailable):
        return error.reason
    if isinstance(error, StoreTimeout):
        return "timeout"
    return None if isinstance(error, StoreError | ValueError) else "internal"
