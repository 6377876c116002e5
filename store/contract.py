"""What every store backend guarantees: one Protocol for each collection. Knows no driver.

It is one long module on purpose: a backend implements all of it, and the guarantees below hold for every method, so
who writes a backend, or calls one, reads one page from top to bottom.

These guarantees hold for all methods:
- a write that returned is durable: `kill -9` of any process at any later moment does not lose it;
- a write that raised `StoreUnavailable` was not confirmed, one that raised `StoreTimeout` may have happened;
- a read sees every write that returned before the read began, in any process. The values of one call are consistent:
  a room's seq and rev are read no later than what they describe (SQLite: one snapshot);
- reads never wait for writes; every call ends within the store's timeout, with `StoreTimeout` at the latest;
- queues are bounded: past them a call raises `StoreUnavailable("stalled")` at once and has no effect.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Protocol

from monitor.history_minute import MinutePoint
from monitor.part_metrics import PartMetrics
from store.blobs import Written
from store.models import (
    Account,
    ChangePage,
    File,
    FileDraft,
    Head,
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
    SearchHit,
    Session,
    Standing,
    Stored,
    User,
)
from store.store_inspection import PoolState, StoreInspection


class Users(Protocol):
    """User accounts. A unique index on the case-folded username and one on the lower-cased email keep both unique."""

    async def create(self, *, username: str, email: str, password_hash: str) -> User:
        """Store a new user, with the username as display name and status online.

        Raises Taken; checks the username first.
        """

    async def get(self, user_id: str) -> User | None: ...

    async def account(self, user_id: str) -> Account | None: ...

    async def account_by_login(self, *, username: str | None = None, email: str | None = None) -> Account | None:
        """Find the account by exactly one of its two names, without regard to case."""

    async def search(self, prefix: str, limit: int) -> list[User]:
        """Users whose username or display name starts with `prefix` (any case), by username.

        `%` and `_` are ordinary characters.
        """

    async def update(self, user_id: str, change: ProfileChange) -> User:
        """Set the given fields. Setting `status` also increments the user's `status_rev`.

        Raises Missing.
        """

    async def set_password(
        self, user_id: str, password_hash: str, *, keep_session_id: str | None, before: str | None = None
    ) -> list[str]:
        """Set the hash and revoke all live sessions but `keep_session_id`, atomically. Returns the revoked ids.

        `before`: set the hash only if the current one is this; None: in any case. Raises Outdated where the current
        hash is another, StoreUnavailable where a concurrent call is setting one, Missing.
        """

    async def rehash(self, user_id: str, before: str, after: str) -> bool:
        """Replace the hash `before` by another one of the same password. Returns False if `before` is not current."""

    async def disable(self, user_id: str) -> list[str]:
        """Disable the account's logins and revoke its live sessions. Returns the revoked ids. Raises Missing."""

    async def enable(self, user_id: str) -> None:
        """Enable the account's logins again. Revoked sessions stay revoked. Raises Missing."""

    async def address_seen(self, user_id: str, marks: Sequence[str], *, now_ms: int) -> int | None:
        """The time of the account's newest successful login from an address with one of these marks.

        Milliseconds since the epoch; None where there was none within KNOWN_ADDRESS_KEEP_MS, or no such user.
        """

    async def remember_address(self, user_id: str, mark: str, *, now_ms: int) -> None:
        """Record a successful login from an address with this mark. Keeps the KNOWN_ADDRESSES_MAX newest marks."""


class Sessions(Protocol):
    """Login sessions. A revoked or expired session is never live again; expired ones may be removed."""

    async def create(self, session: Session) -> None: ...

    async def get(self, session_id: str) -> Session | None: ...

    async def rotate(
        self, session_id: str, *, generation: int, now_ms: int, grace_ms: int, expires_at_ms: int, max_age_ms: int
    ) -> Session | None:
        """Use refresh token number `generation`, atomically.

        For the current generation the session moves to generation + 1, `rotated_at_ms` becomes now, and the expiry
        becomes `expires_at_ms`, at most `max_age_ms` after the session began. For the previous generation, within
        `grace_ms` of the rotation, the session is returned unchanged, so both requests get the same replacement. Any
        other generation revokes the session; it is returned with `revoked_at_ms` set. An expired or already revoked
        session is returned unchanged. Returns None if there is no such session.
        """

    async def revoke(self, session_id: str, *, now_ms: int) -> bool:
        """Revoke the session. Returns True if it was live until now."""

    async def revoked_since(self, since_ms: int) -> list[str]:
        """Ids of the sessions revoked at or after `since_ms`, the newest first."""

    async def not_live(self, session_ids: Sequence[str]) -> list[str]:
        """Those of these sessions that are revoked or do not exist, by one query. Expiry is not considered."""


class Rooms(Protocol):
    """Rooms. `last_seq` is the greatest seq among the room's messages, `rev` the greatest in its changes log."""

    async def create(self, draft: RoomDraft, owner_id: str) -> Standing:
        """Store a room with its creator as owner and first member, atomically; lastSeq and rev are 0."""

    async def direct(self, user_id: str, other_id: str) -> tuple[Standing, bool]:
        """The direct room of two users: private, both members, maxUsers 2.

        There is one for each pair, also under a race.

        The second value is True if this call created it. Raises Missing("user").
        """

    async def get(self, room_id: str) -> Room | None: ...

    async def get_for(self, room_id: str, user_id: str) -> Standing | None: ...

    async def list_for(
        self, user_id: str, *, mine: bool, query: str | None, limit: int, after: str | None
    ) -> tuple[list[Standing], str | None]:
        """Rooms the user may see, newest first: their own, and unless `mine` all public ones.

        `query` is a part of the name, in any case. `after` is a cursor that this method returned; raises ValueError
        for anything else. The second value is the next cursor, None at the end.
        """

    async def joined_by(self, user_id: str) -> dict[str, int]:
        """All rooms the user is a member of, each with the room's rev at which they joined."""

    async def joined_by_each(self, user_ids: Sequence[str]) -> Mapping[str, dict[str, int]]:
        """`joined_by` of each of these users, in one query."""

    async def stats(self, room_id: str) -> RoomStats | None: ...

    async def heads(self, room_ids: Sequence[str]) -> Mapping[str, Head]:
        """Newest seq and rev of many rooms, by one query. Rooms that do not exist are left out."""


class Members(Protocol):
    """Memberships of rooms. Each change of membership is one entry, with message None, in the room's changes log."""

    async def get(self, room_id: str, user_id: str) -> Membership | None: ...

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        """The result of Rooms.get_for for each (room id, user id), in order. The number of queries is constant.

        The room's rev is read no later than the membership: a user shown as non-member was none at that rev or later.
        """

    async def add(self, room_id: str, user_id: str, *, role: Role = Role.MEMBER) -> MembershipChange:
        """Add a member, with readSeq = lastSeq. `changed` is False for an existing member.

        A room never has more than `maxUsers` members, also under concurrent calls. Raises Missing("room" or "user"),
        RoomFull.
        """

    async def remove(self, room_id: str, user_id: str) -> MembershipChange:
        """End a membership. If an owner leaves, the longest-standing moderator, else member, becomes owner.

        `changed` is False for a non-member. Raises Missing("room").
        """

    async def list(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Member], str | None]:
        """Members by username. Cursors as in Rooms.list_for."""

    async def mark_read(self, room_id: str, user_id: str, seq: int) -> ReadState | None:
        """Move readSeq forward to min(seq, lastSeq), never back. Returns None for a non-member."""


class Messages(Protocol):
    """Messages. In each room seq is 1, 2, 3 … without holes: a unique index on (roomId, seq), and inserts only.

    Each change of a message adds an entry to the room's changes log, with the resulting message, which carries the
    entry's rev. The caller checks permissions.
    """

    async def append(self, room_id: str, drafts: Sequence[MessageDraft]) -> list[Stored | Refusal]:
        """Store drafts in order, with consecutive seqs for those accepted.

        Returns one outcome for each draft, in order.

        A draft whose (room, author, clientId) is stored already, by an earlier call or this one, stores nothing and
        its outcome is Stored(duplicate=True). The same transaction checks membership, muting, replyToId and threadId
        (messages of this room) and attachments (files of the author), and drops mentions of non-members. Each author's
        readSeq moves to their own newest seq. createdAt is the store's clock; within a process it does not fall as seq
        rises. If this raises, none of the drafts is confirmed.
        """

    async def edit(self, message_id: str, content: str) -> MessageChange:
        """Replace the content. Raises Missing("message"), also for a deleted one."""

    async def delete(self, message_id: str) -> MessageChange:
        """Remove content, attachments, mentions and reactions; the message's seq stays taken.

        Raises Missing("message").
        """

    async def react(self, message_id: str, user_id: str, emoji: str, *, on: bool) -> MessageChange:
        """Add (`on`) or remove one user's reaction.

        Each (message, emoji, user) counts once, also under concurrent calls.

        Concurrent reactions to one message may share an entry. Raises Missing("message"), also for a deleted one,
        TooManyKinds past REACTION_KINDS_MAX emoji.
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

        `with_authors`: the authors' profiles are read in the same round trip. Raises ValueError if both `before` and
        `after` are given.
        """

    async def newest_between(self, room_id: str, *, after: int, upto: int, limit: int) -> list[Message]:
        """The newest `limit` messages with after < seq <= upto, ascending."""

    async def search(
        self, search: MessageSearch, *, limit: int, after: str | None
    ) -> tuple[list[SearchHit], str | None]:
        """Hits, the best match first. Cursors as in Rooms.list_for.

        A backend without a full-text index also finds words that begin with a searched word. Raises StoreTimeout.
        """


class Files(Protocol):
    """Uploaded files. The bytes are written first, under a new id, then the description.

    Bytes without a description are readable by nobody and are removed after a day.
    """

    async def write(self, file_id: str, pieces: AsyncIterable[bytes], *, thumbnail: bool = False) -> Written:
        """Write the bytes of a file, or of its thumbnail. Leaves nothing if `pieces` raises.

        The call has no deadline; the write of each piece has one.
        """

    async def create(self, draft: FileDraft) -> File:
        """Store the description of a file whose bytes, and thumbnail if it has one, are written.

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
        """Remove the bytes of an upload that gets no description. No effect where there are none."""


class Changes(Protocol):
    """The insert-only log of what changed in a room after it was written; rev 1, 2, 3 … without holes.

    Entries may expire 7 days after they have a successor; the newest never does.
    """

    async def page(self, room_id: str, *, since: int, limit: int) -> ChangePage:
        """Entries with rev > since, each with the message as that entry left it (None for membership and settings)."""

    async def latest_between(self, room_id: str, *, since: int, upto: int, limit: int) -> ChangePage:
        """Each message changed in (since, upto] once, in its current form, ascending by its newest rev in that range.

        Entries of membership and settings are left out.
        """


class Monitoring(Protocol):
    """The history of each process's metrics, by the minute. A migration to another backend does not copy it.

    `source` is the name of a process, the same after a restart. Minutes are counted from the epoch.
    """

    async def append(self, source: str, points: Sequence[MinutePoint]) -> None:
        """Add points, merging each with the stored point of the same metric and minute.

        After an error some of the points may have been added.
        """

    async def read(
        self, source: str, metric: str, *, since_minute: int, until_minute: int, step_minutes: int
    ) -> list[MinutePoint]:
        """Points with since <= minute < until, ascending.

        The points of one step of `step_minutes`, counted from the epoch, are merged into one at its first minute.
        """

    async def forget(self, before_minute: int) -> int:
        """Remove one slice of the points before that minute, of all sources.

        Returns the number removed, 0 at the end.
        """


class Store(Protocol):
    """An open backend. The package's `open_store` returns it, and raises StartupError in one line."""

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
        """The largest number of pending writes; further ones are refused."""

    @property
    def pool(self) -> PoolState:
        """Its connections now, as this process counts them. Makes no query, so every metrics sample can read it."""

    def metrics(self) -> PartMetrics:
        """Return the pending writes and the pool as gauges, see monitor/part_metrics.py."""

    async def ping(self) -> None:
        """Write and read a document, to prove that the store works now. Raises StoreUnavailable, StoreTimeout."""

    async def inspect(self) -> StoreInspection:
        """Ping, and read the state that the health page shows. Raises StoreUnavailable, StoreTimeout."""

    async def sweep(self, now_ms: int) -> int:
        """Remove what has expired, in bounded slices. Returns the number removed. Raises StoreError."""

    async def close(self) -> None:
        """Wait for the accepted operations, then release all resources. Idempotent."""
