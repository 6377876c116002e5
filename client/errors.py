"""What the client raises: one hierarchy, whose classes say what a program can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ChatError(Exception):
    """The base of all. `code` is the contract's, or one of the client's own where the class says so.

    `retryable`: the same may succeed later; `retry_after_s`: not before that many seconds. `details`: fields or facts
    by name.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.details = dict(details or {})


class Refused(ChatError):
    """The server answered with an error that no subclass stands for; `code` is the contract's."""


class Unauthorized(Refused):
    """The token, or the name and password, are not good: unauthorized, token_expired."""


class Forbidden(Refused):
    """The user may not do this: forbidden, not_member, banned, muted."""


class NotFound(Refused):
    """There is none, or the user may not know of it: room_not_found, message_not_found …"""


class Conflict(Refused):
    """It contradicts what is there: username_taken, email_taken, room_full, conflict."""


class Invalid(Refused):
    """The request itself is wrong; `details` has a line for each wrong field."""


class RateLimited(Refused):
    """Too many requests; `retry_after_s` says when the next may pass."""


class Unavailable(Refused):
    """The server could not do it now, or not say whether it did: unavailable, timeout, internal."""


class ConnectionLost(ChatError):
    """No reply came (`disconnected`): what was asked for may have been done."""

    def __init__(self, message: str = "the connection was lost", *, retry_after_s: float | None = None) -> None:
        super().__init__("disconnected", message, retryable=True, retry_after_s=retry_after_s)


class SessionEnded(ChatError):
    """The connection is over for good. `code`: revoked, replaced, refused (too many refusals), unauthorized, closed
    (by the program itself).
    """


class RoomClosedError(ChatError):
    """The room's stream is over. `code`: banned, removed, deleted, left, or why it could not be joined again."""


_CLASSES: Mapping[str, type[Refused]] = {
    "unauthorized": Unauthorized,
    "token_expired": Unauthorized,
    "forbidden": Forbidden,
    "not_member": Forbidden,
    "banned": Forbidden,
    "muted": Forbidden,
    "user_not_found": NotFound,
    "room_not_found": NotFound,
    "message_not_found": NotFound,
    "file_not_found": NotFound,
    "not_found": NotFound,
    "username_taken": Conflict,
    "email_taken": Conflict,
    "room_full": Conflict,
    "conflict": Conflict,
    "malformed": Invalid,
    "validation_failed": Invalid,
    "unknown_command": Invalid,
    "method_not_allowed": Invalid,
    "payload_too_large": Invalid,
    "unsupported_type": Invalid,
    "rate_limited": RateLimited,
    "unavailable": Unavailable,
    "timeout": Unavailable,
    "internal": Unavailable,
}


def refusal(error: Mapping[str, Any], *, retry_after_s: float | None = None) -> Refused:
    """The exception for an error object of the contract: of a command, or of a REST reply with its Retry-After."""
    code = str(error.get("code", "internal"))
    kind = _CLASSES.get(code, Refused)
    asked = error.get("retryAfter", retry_after_s)
    details = error.get("details")
    return kind(
        code,
        str(error.get("message", "")),
        retryable=bool(error.get("retryable", kind in (RateLimited, Unavailable))),
        retry_after_s=float(asked) if isinstance(asked, int | float) else None,
        details=details if isinstance(details, Mapping) else None,
    )
