"""The tables of refusals that clients see: error codes, what becomes of a backend's errors, close codes.

Knows no wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from msgspec import Struct

from cache.contract import CacheClosed
from limits.contract import Decision
from limits.load_shedder import RETRY_AFTER_S
from store.errors import Missing, RoomFull, StoreError, StoreTimeout, TooLarge, TooManyKinds


class ErrorKind(Struct, frozen=True):
    """One row of the table: HTTP status, whether the same request may succeed later, and what is said by default."""

    status: int
    retryable: bool
    message: str


ERROR_KINDS: Mapping[str, ErrorKind] = {
    "malformed": ErrorKind(400, False, "This is not a JSON object of the expected form."),
    "validation_failed": ErrorKind(422, False, "Some fields are not valid."),
    "unknown_command": ErrorKind(404, False, "There is no such command."),
    "unauthorized": ErrorKind(401, False, "A valid access token is needed."),
    "token_expired": ErrorKind(401, False, "The token has expired."),
    "forbidden": ErrorKind(403, False, "This is not allowed."),
    "not_member": ErrorKind(403, False, "Only members of the room may do this."),
    "banned": ErrorKind(403, False, "You are banned from this room."),
    "muted": ErrorKind(403, False, "You are muted in this room."),
    "user_not_found": ErrorKind(404, False, "There is no such user."),
    "room_not_found": ErrorKind(404, False, "There is no such room."),
    "message_not_found": ErrorKind(404, False, "There is no such message."),
    "file_not_found": ErrorKind(404, False, "There is no such file."),
    "not_found": ErrorKind(404, False, "There is nothing here."),
    "method_not_allowed": ErrorKind(405, False, "This method is not allowed here."),
    "username_taken": ErrorKind(409, False, "This username is taken."),
    "email_taken": ErrorKind(409, False, "This email address is taken."),
    "room_full": ErrorKind(409, False, "The room is full."),
    "conflict": ErrorKind(409, False, "This conflicts with the present state."),
    "payload_too_large": ErrorKind(413, False, "This is too large."),
    "unsupported_type": ErrorKind(415, False, "This type is not supported."),
    "rate_limited": ErrorKind(429, True, "Too many requests; slow down."),
    "unavailable": ErrorKind(503, True, "The service is busy or restarting; try again."),
    "timeout": ErrorKind(503, True, "This took too long; it may have happened."),
    "internal": ErrorKind(500, True, "Something went wrong on our side."),
}


class ChatError(Exception):
    """A refusal in the contract's words.

    `code` is a key of KINDS; `details` names fields or facts; `retry_after_s` says when a limited call would pass.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        details: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        kind = ERROR_KINDS[code]
        super().__init__(code)
        self.code = code
        self.kind = kind
        self.message = message or kind.message
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class RateLimited(ChatError):
    """The refusal of a limit; `decision` has its numbers, for who tells them in headers."""

    def __init__(self, decision: Decision) -> None:
        details = {"limit": decision.limit, "operation": decision.operation}
        super().__init__("rate_limited", details=details, retry_after_s=decision.retry_after_s)
        self.decision = decision


def limit_refusal(decision: Decision) -> ChatError:
    """What the client of a refused check is told."""
    if decision.because == "limit":
        return RateLimited(decision)
    return ChatError("unavailable", retry_after_s=decision.retry_after_s)


def overloaded() -> ChatError:
    """What the client of something that was shed is told."""
    return ChatError("unavailable", "The server is overloaded; try again.", retry_after_s=RETRY_AFTER_S)


def invalid(**fields: str) -> ChatError:
    """Return the refusal that names each wrong field (in camelCase) with what it takes."""
    return ChatError("validation_failed", details=fields)


# What a client is told of a backend's error; the first row that fits.
BACKEND_CODES: tuple[tuple[type[Exception], str], ...] = (
    (StoreTimeout, "timeout"),
    (RoomFull, "room_full"),
    (TooManyKinds, "conflict"),
    (TooLarge, "payload_too_large"),
    (StoreError, "unavailable"),
    (CacheClosed, "unavailable"),
)
MISSING_CODES = {"user": "user_not_found", "room": "room_not_found", "message": "message_not_found"}


def as_refusal(cause: BaseException | None) -> ChatError | None:
    """Return what a client is told of an exception; None where it is no refusal but a bug."""
    if isinstance(cause, ChatError):
        return cause
    if isinstance(cause, Missing):
        return ChatError(MISSING_CODES.get(cause.kind, "not_found"))
    return next((ChatError(code) for kind, code in BACKEND_CODES if isinstance(cause, kind)), None)


class CloseCode(IntEnum):
    """Why the server ends a connection (RFC 6455 section 7.4; 4000 and up are ours)."""

    POLICY = 1008
    RESTART = 1012
    UNAUTHORIZED = 4401
    REVOKED = 4403
    NO_PONG = 4408
    REPLACED = 4409
    TOO_SLOW = 4413
    TOO_MANY = 4429
