"""Three tables: the error codes that clients see, the codes for errors of the store and the cache, and the close codes.

Knows neither HTTP nor frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum

from msgspec import Struct

from cache.contract import CacheClosed
from limits.contract import Decision
from limits.load_shedding import RETRY_AFTER_S
from store.errors import Missing, OverQuota, Refused, RoomFull, StoreError, StoreTimeout, TooLarge, TooManyKinds


class ErrorKind(Struct, frozen=True):
    """One error code: its HTTP status, whether the same request may succeed later, and the default message."""

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
    """A refusal that a client sees.

    `code` is a key of ERROR_KINDS. `details` holds fields or facts by name. `retry_after_s` is the time in seconds
    after which the same request may pass.
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


class MalformedFrame(ChatError):
    """The refusal of a frame that names no command. `command_id` is the id that its client chose, if it has one."""

    def __init__(self, command_id: str | None = None) -> None:
        super().__init__("malformed")
        self.command_id = command_id


class RateLimited(ChatError):
    """The refusal of a limit. `decision` has the numbers of the RateLimit headers."""

    def __init__(self, decision: Decision) -> None:
        details = {"limit": decision.limit, "operation": decision.operation}
        super().__init__("rate_limited", details=details, retry_after_s=decision.retry_after_s)
        self.decision = decision


def limit_refusal(decision: Decision) -> ChatError:
    """Return the refusal for a check that did not pass: of the limit, or because the limiter is unavailable."""
    if decision.because == "limit":
        return RateLimited(decision)
    return ChatError("unavailable", retry_after_s=decision.retry_after_s)


def overloaded() -> ChatError:
    """Return the refusal for a request that load shedding dropped."""
    return ChatError("unavailable", "The server is overloaded; try again.", retry_after_s=RETRY_AFTER_S)


def invalid(**fields: str) -> ChatError:
    """Return the refusal for wrong fields. Keys are the contract's field names, values say what each field takes."""
    return ChatError("validation_failed", details=fields)


@contextmanager
def cursor_of_listing() -> Iterator[None]:
    """Raise ChatError validation_failed where the body raises ValueError: no listing has returned the cursor."""
    try:
        yield
    except ValueError as error:
        raise invalid(cursor="takes a nextCursor of this listing") from error


# The error code for an error of the store or the cache; the first row that matches counts.
BACKEND_CODES: tuple[tuple[type[Exception], str], ...] = (
    (StoreTimeout, "timeout"),
    (RoomFull, "room_full"),
    (TooManyKinds, "conflict"),
    (OverQuota, "conflict"),
    (TooLarge, "payload_too_large"),
    (StoreError, "unavailable"),
    (CacheClosed, "unavailable"),
)
MISSING_CODES = {
    "user": "user_not_found",
    "room": "room_not_found",
    "message": "message_not_found",
    "file": "file_not_found",
}


def as_refusal(cause: BaseException | None) -> ChatError | None:
    """Return the refusal for an exception. None for an exception that is a defect of the server."""
    if isinstance(cause, ChatError):
        return cause
    if isinstance(cause, Missing):
        return ChatError(MISSING_CODES.get(cause.kind, "not_found"))
    if isinstance(cause, Refused):
        return ChatError(cause.refusal.value, retry_after_s=cause.retry_after_s)
    return next((ChatError(code) for kind, code in BACKEND_CODES if isinstance(cause, kind)), None)


class CloseCode(IntEnum):
    """Why the server ends a connection (RFC 6455 section 7.4). Codes from 4000 on are the contract's."""

    POLICY = 1008
    RESTART = 1012
    UNAUTHORIZED = 4401
    REVOKED = 4403
    NO_PONG = 4408
    REPLACED = 4409
    TOO_SLOW = 4413
    TOO_MANY = 4429


class CloseKind(Struct, frozen=True):
    """One close code: what it means, and what its client should do."""

    means: str
    client_should: str


# All codes that a client may see; those without a name in CloseCode are handlers/wire's.
CLOSE_KINDS: Mapping[int, CloseKind] = {
    1002: CloseKind("The framing was wrong.", "Not retry as is."),
    1007: CloseKind("A text was not UTF-8.", "Not retry as is."),
    CloseCode.POLICY: CloseKind("Too many frames, or 20 `rate_limited` in a row.", "Not retry as is."),
    1009: CloseKind("A frame was too large.", "Not retry as is."),
    CloseCode.RESTART: CloseKind("The process restarts.", "Reconnect after the time it was given."),
    CloseCode.UNAUTHORIZED: CloseKind("The token is missing, bad or expired.", "Refresh, then reconnect."),
    CloseCode.REVOKED: CloseKind("The session was revoked, or the account disabled.", "Stop; log in again."),
    CloseCode.NO_PONG: CloseKind("No pong came in time.", "Reconnect."),
    CloseCode.REPLACED: CloseKind("Another connection of the user took its place.", "Do nothing."),
    CloseCode.TOO_SLOW: CloseKind("It read too slowly.", "Reconnect, and resume from its last seq."),
    CloseCode.TOO_MANY: CloseKind("The user has too many connections.", "Wait, or use `replaces`."),
}
