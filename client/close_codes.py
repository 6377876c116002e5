"""What each close code of the contract asks of a client. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

POLICY, TOO_LARGE, RESTART = 1008, 1009, 1012
UNAUTHORIZED, REVOKED, REPLACED, TOO_MANY = 4401, 4403, 4409, 4429


class Next(Enum):
    """What a client does after a close."""

    RETRY = "retry"
    REFRESH = "refresh"  # the token, then reconnect
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class AfterClose:
    """What to do, why in a word, and the least time in seconds before the next try."""

    next: Next
    reason: str
    min_delay_s: float = 0.0


_AFTER_CLOSE = {
    POLICY: AfterClose(Next.STOP, "refused"),
    TOO_LARGE: AfterClose(Next.RETRY, "too_large"),
    RESTART: AfterClose(Next.RETRY, "restarting"),
    UNAUTHORIZED: AfterClose(Next.REFRESH, "token_expired"),
    REVOKED: AfterClose(Next.STOP, "revoked"),
    REPLACED: AfterClose(Next.STOP, "replaced"),
    TOO_MANY: AfterClose(Next.RETRY, "too_many", min_delay_s=5.0),
}
_LOST = AfterClose(Next.RETRY, "lost")


def after_close(code: int) -> AfterClose:
    """What a close code asks for; one outside the table (1006, 4408, 4413 …) asks to reconnect."""
    return _AFTER_CLOSE.get(code, _LOST)
