"""What every store backend promises: Protocols by collection. Owns the guarantees, knows no driver.

For all of it:
- a write that returned is durable: `kill -9` of any process at any later moment does not lose it;
- a write that raised `StoreUnavailable` was not confirmed, one that raised `StoreTimeout` may have happened;
- a read sees every write that returned before it began (in any process). What one call returns fits together: a
  room's seq and rev are read no later than what they describe (SQLite: it is one snapshot);
- reads never wait for writes; every call ends within the store's timeout, with `StoreTimeout` at the latest;
- queues are bounded: past them a call raises `StoreUnavailable("stalled")` at once and has no effect.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Protocol

from monitor.minute_point import MinutePoint
from store.blobs import Written
from store.models import (
    Account,
    ChangePage,
    File,
    FileDraft,
    Head,
    Hit,
    Member,
    Membership,
    MembershipChange,
    Message,
    MessageChange,
    MessageDraft,
    MessagePage,
    MessageSearch,
    ProfileChange,
    ReadState,
    Refusal,
    Role,
    Room,
    RoomDraft,
    RoomStats,
    Session,
    Standing,
    Stored,
    User,
)
from store.store_state import Inspection, PoolState


class Users(Protocol):
    """People. Usernames are unique by their case-folded form, emails by their lower-cased form, both by an index."""

    async def create(self, *, username: str, email: str, password_hash: str) -> User:
        """Store a new user (display name = username, status online). Raises Taken; username is checked first."""

    async def get(self, user_id: str) -> User | None: ...

    async def account(self, user_id: str) -> Account | None: ...

    async def account_by_login(self, *, username: str | None = None, email: str | None = None) -> Account | None:
        """Find the account by exactly one of its two names, without regard to case."""

    async def search(self, prefix: str, limit: int) -> list[User]:
        """Users whose username or display name starts with `prefix` (any case), by username.

        `%` and `_` are ordinary characters.
        """

    async def update(self, user_id: str, change: ProfileChange) -> User:
        """Set the given fields; where `status` is one of them the user's `status_rev` becomes one more.

        Raises Missing.
        """

    async def set_password(
        self, user_id: str, password_hash: str, *, keep_session_id: str | None, before: str | None = None
    ) -> list[str]:
        """Set the hash and revoke every other live session (None: all), atomically. Returns the ids revoked.

        With `before`, it follows that hash alone: raises Outdated where it is not the hash any more, StoreUnavailable
        where somebody else is about to set another. Raises Missing.
        """

    async def rehash(self, user_id: str, before: str, after: str) -> bool:
        """Put another hash of the same password in the place of `before`; False where that is not the hash any more."""

    async def disable(self, user_id: str) -> list[str]:
        """Let the account log in no more, and revoke its live sessions. Returns the ids revoked. Raises Missing."""

    async def enable(self, user_id: str) -> None:
        """Let it log in again; what was revoked stays so. Raises Missing."""

    async def address_seen(self, user_id: str, marks: Sequence[str], *, now_ms: int) -> int | None:
        """When the account was last good at an address with one of these marks, within KNOWN_ADDRESS_KEEP_MS; else, or
        nobody's, None.
        """

    async def remember_address(self, user_id: str, mark: str, *, now_ms: int) -> None:
        """The account was good at this address now. Of its marks the KNOWN_ADDRESSES_MAX newest stay."""


class Sessions(Protocol):
    """Logins. A revoked or expired session is never live again; expired ones may vanish."""

    async def create(self, session: Session) -> None: ...

    async def get(self, session_id: str) -> Session | None: ...

    async def rotate(
        self, session_id: str, *, generation: int, now_ms: int, grace_ms: int, expires_at_ms: int, max_age_ms: int
    ) -> Session | None:
        """Use refresh token number `generation`, atomically.

        The current one: becomes generation + 1, rotated now, expiry moved, though not past `max_age_ms` after it began.
        The one before, within `grace_ms` of the rotation: the session as it is (same replacement). Anything else: the
        session is revoked now (returned with `revoked_at_ms`). None: no such session; an expired or already revoked
        session is returned unchanged.
        """

    async def revoke(self, session_id: str, *, now_ms: int) -> bool:
        """True if it was live until now."""

    async def revoked_since(self, since_ms: int) -> list[str]:
        """Ids of sessions revoked at or after `since_ms`."""

    async def not_live(self, session_ids: Sequence[str]) -> list[str]:
        """Those of these sessions that are revoked, or not there, in one query; no clock has a part in it."""


class Rooms(Protocol):
    """Rooms. `last_seq` is the greatest seq among the room's messages, `rev` the greatest in its changes log."""

    async def create(self, draft: RoomDraft, owner_id: str) -> Standing:
        """Store a room with its maker as owner and first member, atomically; lastSeq 0 and rev 0."""

    async def direct(self, user_id: str, other_id: str) -> tuple[Standing, bool]:
        """The direct room of two people (private, both members, maxUsers 2): the same each time, whoever asks, raced or
        not.

        The second value is True if it was made now. Raises Missing("user").
        """

    async def get(self, room_id: str) -> Room | None: ...

    async def get_for(self, room_id: str, user_id: str) -> Standing | None: ...

    async def list_for(
        self, user_id: str, *, mine: bool, query: str | None, limit: int, after: str | None
    ) -> tuple[list[Standing], str | None]:
        """Rooms the user may see, newest first: their own, and unless `mine` all public ones; `query` is a part of the
        name (any case).

        `after` is a cursor this method returned (ValueError if it cannot be one); the second value is the next, None at
        the end.
        """

    async def joined_by(self, user_id: str) -> dict[str, int]:
        """All rooms the user is a member of, each with the rev at which they joined."""

    async def joined_by_each(self, user_ids: Sequence[str]) -> Mapping[str, dict[str, int]]:
        """`joined_by` of each of these users, in one query."""

    async def stats(self, room_id: str) -> RoomStats | None: ...

    async def heads(self, room_ids: Sequence[str]) -> Mapping[str, Head]:
        """Newest seq and rev of many rooms in one query; rooms that do not exist are left out."""


class Members(Protocol):
    """Who is in which room. Each change of membership is one entry (message None) in the room's changes log."""

    async def get(self, room_id: str, user_id: str) -> Membership | None: ...

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        """What Rooms.get_for says of each (room id, user id), in their order; as many queries for many as for one.

        The room's rev is read no later than the membership: who is none was none at that rev or since.
        """

    async def add(self, room_id: str, user_id: str, *, role: Role = Role.MEMBER) -> MembershipChange:
        """Make a member, with readSeq = lastSeq.

        Already one: `changed` False. A room is never oversubscribed, however many race.

        Raises Missing("room" or "user"), RoomFull.
        """

    async def remove(self, room_id: str, user_id: str) -> MembershipChange:
        """End a membership; if an owner leaves, the longest-standing moderator, else member, becomes owner.

        Not a member: `changed` False. Raises Missing("room").
        """

    async def list(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Member], str | None]:
        """Members by username; cursor as in Rooms.list_for."""

    async def mark_read(self, room_id: str, user_id: str, seq: int) -> ReadState | None:
        """Move readSeq forward to min(seq, lastSeq), never back. None for a non-member."""


class Messages(Protocol):
    """Messages.

    In each room seq is 1, 2, 3 … without holes, by a unique index on (roomId, seq): there they are only ever inserted.

    Each change of one is an entry in the room's changes log, with the message as it left it; the message carries that
    entry's rev. Who may change what is the caller's business.
    """

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[Stored | Refusal]:
        """Store drafts in their order, consecutive seq for those accepted; one outcome a draft, in the drafts' order.

        A draft whose (room, author, clientId) is stored already, earlier or in this call, stores nothing:
        Stored(duplicate=True). Membership, muting, replyToId and threadId (a message of this room) and attachments (the
        author's own files) are checked in the same transaction; mentions of non-members are dropped. Each author's
        readSeq moves to their own newest seq; createdAt is the store's clock and does not fall as seq rises, within a
        process. All or nothing for errors: when this raises nothing is confirmed.
        """

    async def edit(self, message_id: str, content: str) -> MessageChange:
        """Replace the content. Raises Missing("message"), also for a deleted one."""

    async def delete(self, message_id: str) -> MessageChange:
        """Take away content, attachments, mentions and reactions; the place stays. Raises Missing("message")."""

    async def react(self, message_id: str, user_id: str, emoji: str, *, on: bool) -> MessageChange:
        """Add or take back one person's reaction; each (message, emoji, user) counts once, however many race.

        Reactions to one message that come together may share an entry. Raises Missing("message"), also for a deleted
        one, TooManyKinds past REACTION_KINDS_MAX emoji.
        """

    async def get(self, message_id: str) -> Message | None: ...

    async def by_client_id(self, room_id: str, user_id: str, client_id: str) -> Message | None: ...

    async def page(
        self,
        room_id: str,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
        with_authors: bool = False,
    ) -> MessagePage:
        """Up to `limit` messages: the newest, those next below `before`, or those next above `after`.

        At most one of the two is given.

        `with_authors`: their authors' profiles come in the same round trip.
        """

    async def newest_between(self, room_id: str, *, after: int, upto: int, limit: int) -> list[Message]:
        """The newest `limit` messages with after < seq <= upto, ascending."""

    async def search(self, search: MessageSearch, *, limit: int, after: str | None) -> tuple[list[Hit], str | None]:
        """Hits, the best first; cursor as in Rooms.list_for.

        A backend without an index of words finds their beginnings too.

        Raises StoreTimeout where looking takes too long.
        """


class Files(Protocol):
    """Uploaded files.

    First the bytes, under a new id, then the description: until then nobody sees them, and a day later they go.
    """

    async def write(self, file_id: str, pieces: AsyncIterable[bytes], *, thumbnail: bool = False) -> Written:
        """Write the bytes of a file, or of its thumbnail.

        If `pieces` raises nothing is left. No deadline: each piece has one.
        """

    async def create(self, draft: FileDraft) -> File:
        """Describe a file whose bytes (and thumbnail, if it has one) are written.

        Raises Missing("file") if they are not.
        """

    async def get(self, file_id: str) -> File | None: ...

    async def may_read(self, file_id: str, user_id: str) -> bool:
        """Whether a user owns the file, or is a member of a room where a message shows it."""

    def read(
        self, file_id: str, *, start: int = 0, end: int | None = None, thumbnail: bool = False
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (exclusive), in pieces. Raises Missing("file")."""

    async def discard(self, file_id: str) -> None:
        """Remove the bytes of an upload that will not be described. No effect where there are none."""


class Changes(Protocol):
    """The insert-only log of what changed in a room after it was written; rev 1, 2, 3 … without holes.

    Entries may expire 7 days after they have a successor; the newest never does.
    """

    async def page(self, room_id: str, *, since: int, limit: int) -> ChangePage:
        """Entries with rev > since, each with the message as that entry left it (None for membership and settings)."""

    async def latest_between(self, room_id: str, *, since: int, upto: int, limit: int) -> ChangePage:
        """Each message changed in (since, upto] once, as it now is, ascending by its newest rev there; membership and
        settings left out.
        """


class Monitoring(Protocol):
    """What the metrics of processes were, by the minute.

    None of the program's data: a move to another backend leaves it.

    `source` is one process's name, which it has again after a restart. Minutes are counted since the epoch.
    """

    async def append(self, source: str, points: Sequence[MinutePoint]) -> None:
        """Add points; what is there of the same metric and minute is joined with them.

        After an error some may have been added.
        """

    async def read(
        self, source: str, metric: str, *, since_minute: int, until_minute: int, step_minutes: int
    ) -> list[MinutePoint]:
        """Points with since <= minute < until, ascending; those of a step (counted from the epoch) as one, at its first
        minute.
        """

    async def forget(self, before_minute: int) -> int:
        """Remove a slice of what is of before that minute, of every source; returns how much.

        Nothing is left when that is 0.
        """


class Store(Protocol):
    """A backend, open. Obtained from its package's `open_store`, which raises StartupError with one line."""

    users: Users
    sessions: Sessions
    rooms: Rooms
    members: Members
    messages: Messages
    changes: Changes
    files: Files
    monitoring: Monitoring

    @property
    def name(self) -> str:
        """Shown by /health: sqlite, mongodb."""

    @property
    def pending_writes(self) -> int:
        """Writes accepted and not yet settled."""

    @property
    def pending_writes_max(self) -> int:
        """Writes that may be pending; what comes then is refused."""

    @property
    def pool(self) -> PoolState:
        """Its connections now, as this process knows them:
        asks nobody, so that it can be looked at with each sample.
        """

    async def ping(self) -> None:
        """Prove that the store can be read and written now. Raises StoreUnavailable, StoreTimeout."""

    async def inspect(self) -> Inspection:
        """Ping, and look at what an operator wants to know. Raises StoreUnavailable, StoreTimeout."""

    async def sweep(self, now_ms: int) -> int:
        """Remove what has expired, a bounded slice at a time; returns how much. Raises StoreError."""

    async def close(self) -> None:
        """Settle what was accepted, then let go of everything. Idempotent."""
