"""What a session asks of its link and of the command table."""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

from chat.codec import Envelope

ANSWERED: Final = object()  # the result of a command that has sent its own ack

S_contra = TypeVar("S_contra", contravariant=True)


class SessionLink(Protocol):
    """What a session and its pool ask of the link. Times are monotonic seconds; 0.0: not happened yet."""

    @property
    def is_open(self) -> bool: ...

    @property
    def has_peer(self) -> bool: ...

    @property
    def may_begin(self) -> bool: ...

    @property
    def is_over(self) -> bool: ...

    @property
    def outbox_bytes(self) -> int: ...

    @property
    def chunk_at(self) -> int: ...

    @property
    def arrived_bytes(self) -> int: ...

    @property
    def reading_paused(self) -> bool: ...

    @property
    def closing_since(self) -> float: ...

    @property
    def was_aborted(self) -> bool: ...

    @property
    def gone_since(self) -> float: ...

    @property
    def ping_sent_at(self) -> float: ...

    @property
    def last_received_at(self) -> float: ...

    def ping(self) -> None: ...

    def check_peer_end(self, since: float) -> None: ...

    def abort(self) -> None: ...

    def send(self, frame: bytes) -> None: ...

    def send_ephemeral(self, frame: bytes) -> None: ...

    def send_text(self, payload: bytes) -> None: ...

    def close(self, code: int, reason: str = "") -> None: ...

    def finish(self) -> None: ...

    def trust(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    async def inflate(self, deflated: bytes, *, is_stranger: bool) -> bytes | None: ...

    def release_inflated(self, size: int) -> None: ...


class PendingCommand(Protocol):
    """A command under way that has no task: it calls the session back (see chat/connections/pending_send.py)."""

    @property
    def envelope(self) -> Envelope: ...

    is_gone: bool  # set by the session: it wants no call any more

    def begin(self) -> None:
        """Begin what the command waits for. The session may be called back before this returns."""


class SessionCommands(Protocol[S_contra]):
    """What a session asks of the command table."""

    async def execute(self, session: S_contra, envelope: Envelope) -> object:
        """Execute a command and return its result; ANSWERED if its ack is sent. Raises ChatError, StoreError."""

    def prepare(self, session: S_contra, envelope: Envelope) -> PendingCommand | None:
        """Return the command, admitted and checked, if it needs no task to wait for its outcome. None: `execute` it."""

    async def count_other(self, session: S_contra) -> None:
        """Count a frame that has no limit of its own. Raises ChatError rate_limited, unavailable."""

    def is_exempt(self, session: S_contra) -> bool:
        """Whether the whitelist exempts the session from limits."""

    def must_wait(self, session: S_contra) -> bool:
        """Whether the session's outbox is too full for another command."""

    def name_of(self, event: str) -> str:
        """Return the command's name as a label of metrics; `unknown` for an event that is no command."""
