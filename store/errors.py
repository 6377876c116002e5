"""The store's errors, one for each way in which a caller can react. The handlers map them to error codes."""

from __future__ import annotations

from store.models.messages import Refusal


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
    """The deadline of an operation passed. A write may have happened; a retry with the same clientId settles it."""


class Taken(StoreError):
    """A unique name is in use. `field`: username or email."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Missing(StoreError):
    """The object of the operation does not exist. `kind`: user, room, message, file, invite, bot, webhook."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Outdated(StoreError):
    """The value that a conditional change expected is not the current one."""


class Refused(StoreError):
    """A rule of the room forbids it (store/room_rules.py). `retry_after_s`: when the same may pass, in seconds."""

    def __init__(self, refusal: Refusal, *, retry_after_s: int | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.retry_after_s = retry_after_s


class RoomFull(StoreError):
    """The room has `maxUsers` members."""


class TooManyKinds(StoreError):
    """A message already has reactions with REACTION_KINDS_MAX emoji."""


class OverQuota(StoreError):
    """The files of a user would be more than FILES_MAX, or have more bytes than the quota."""


class TooLarge(StoreError):
    """A document is larger than the store accepts."""


def failure_of(error: Exception | None) -> str | None:
    """The failure name that the observer gets for an operation's error; None for a domain error, which is a result."""
    if error is None:
        return None
    if isinstance(error, StoreUnavailable):
        return error.reason
    if isinstance(error, StoreTimeout):
        return "timeout"
    return None if isinstance(error, StoreError | ValueError) else "internal"
