"""Accounts, profiles and logins: what every store backend guarantees for them.

The package says what holds for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from store.models import (
    Account,
    ProfileChange,
    Session,
    SettingsChange,
    User,
)


class Users(Protocol):
    """User accounts. A unique index on the case-folded username and one on the lower-cased email keep both unique."""

    async def create(self, *, username: str, email: str, password_hash: str) -> User:
        """Store a new user, with the username as display name and status online.

        Raises Taken; checks the username first.
        """

    async def get(self, user_id: str) -> User | None: ...

    async def account(self, user_id: str) -> Account | None: ...

    async def account_by_login(self, *, username: str | None = None, email: str | None = None) -> Account | None:
        """Find the account by exactly one of its two names, without regard to case; None also for a deleted one."""

    async def has_any(self) -> bool:
        """Whether there is an account at all: of a person or a bot, also a disabled or a deleted one."""

    async def search(self, prefix: str, limit: int) -> list[User]:
        """People, not bots, whose username or display name starts with `prefix` (any case), by username.

        `%` and `_` are ordinary characters.
        """

    async def search_members(self, room_ids: Sequence[str], prefix: str, limit: int) -> list[User]:
        """As `search`, only members of one of these rooms. Raises StoreTimeout."""

    async def update(self, user_id: str, change: ProfileChange) -> User:
        """Set the given fields. Setting `status` also increments the user's `status_rev`.

        Raises Missing, also for a deleted account.
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

    async def with_accounts(self, keys: Sequence[tuple[str, str]]) -> list[tuple[Session | None, Account | None]]:
        """For each session id and user id, the session and the account: None where there is none."""

    async def revoke(self, session_id: str, *, now_ms: int) -> bool:
        """Revoke the session. Returns True if it was live until now."""

    async def revoked_since(self, since_ms: int) -> list[str]:
        """Ids of the sessions revoked at or after `since_ms`, the newest first."""

    async def not_live(self, session_ids: Sequence[str]) -> list[str]:
        """Those of these sessions that are revoked or do not exist, by one query. Expiry is not considered."""

    async def live_of(self, user_id: str, *, now_ms: int) -> list[Session]:
        """The user's sessions that are neither revoked nor expired, the last used first, SESSIONS_LISTED_MAX at most.

        A session is used when it begins and when it rotates.
        """


class Settings(Protocol):
    """What users chose for themselves, as decoded JSON objects; {} is a user who chose nothing."""

    async def get(self, user_id: str) -> Mapping[str, Any]: ...

    async def merge(self, user_id: str, patch: Mapping[str, Any]) -> SettingsChange:
        """Merge a JSON Merge Patch (store/merge_patch.py) into the user's settings, atomically.

        Of concurrent patches each is merged into what the others left. Raises Missing("user"), TooLarge where the
        result has more than SETTINGS_MAX_BYTES.
        """


class Blocks(Protocol):
    """Whom each user blocked. A block refuses new direct rooms (Rooms.direct) and invitations (Members.add)."""

    async def add(self, user_id: str, blocked_id: str) -> None:
        """Block somebody; again changes nothing.

        Raises Missing("user"), Refused(CONFLICT) where the user has blocked BLOCKS_MAX others (a few more may pass at
        once).
        """

    async def remove(self, user_id: str, blocked_id: str) -> None:
        """End a block, if there is one."""

    async def list(self, user_id: str) -> list[User]:
        """Whom the user blocked, the last blocked first."""


class EndedAccounts(Protocol):
    """Accounts that their owners deleted. The user stays, as DELETED_USERNAME with DELETED_DISPLAY_NAME.

    The account's name stays taken; its email may be registered again. It can become a member of nothing.
    """

    async def end(self, user_id: str, *, before: str) -> list[str]:
        """Delete the account: its email, password hash and profile are erased, and its live sessions revoked.

        `before` is the password hash that the caller has checked. Returns the ids of the revoked sessions. The rest is
        for `erase` and for the ends of its memberships. Raises Outdated where the present hash is another, Missing,
        also for an account that is deleted already.
        """

    async def erase(self, user_id: str, *, is_last: bool = False) -> None:
        """Revoke the live sessions of a deleted account, and remove what else it has left: settings, blocks, addresses.

        From then on its messages are returned with DELETED_USERNAME, under the same rev. May be repeated. `is_last`: no
        command of the account is under way any more, so that a call which is cut off may go on where the last such call
        had come to. Raises Missing for an account that is not deleted.
        """

    async def unfinished(self, *, ended_before_ms: int, limit: int, without: Sequence[str] = ()) -> list[str]:
        """The ids of deleted accounts that `finish` was not called for, the longest deleted first.

        `without`: the ids of those to leave out, a thousand at most.
        """

    async def finish(self, user_id: str) -> None:
        """Note that all that follows from the deletion is done."""
