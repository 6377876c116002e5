"""Logins, which the store calls sessions: begin, refresh, revoke, and which user a token speaks for."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct, structs

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.access_tokens import Tokens
from chat.errors import ChatError
from chat.login_reader import LoginReader
from chat.profiles import Profiles
from chat.request_results.people import Credentials, OwnUser, SessionList, SessionView
from chat.secret_tokens import bot_session_id, is_bot_token
from chat.text_rules import printable
from cluster.contract import Bus
from cluster.events import SessionsRevoked
from cluster.topics import EVERYONE
from common.rfc3339 import rfc3339
from store.contract import Store
from store.models import Account, Session, User

log = logging.getLogger(__name__)

USER_AGENT_MAX_CHARS = 200
GRACE_MS = 30_000  # how long a refresh token that was just used yields the same new one again


class Identity(Struct, frozen=True):
    """The user that a good token speaks for: a person, or a bot, whose `user.bot_room_id` is not None then."""

    user: User
    session_id: str
    expires_at_ms: int


class FileKey(Struct, frozen=True):
    """What lets a browser read files while the session stands. `lifetime_s`: how long it stands without a refresh."""

    text: str
    lifetime_s: int


class Logins:
    """The use cases of logins.

    A refresh token is good for `refresh_expires_in_s`. A session ends `session_max_s` after it began, however often it
    was refreshed. `now_ms` is the wall clock.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        tokens: Tokens,
        profiles: Profiles,
        refresh_expires_in_s: int,
        session_max_s: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._tokens = tokens
        self._profiles = profiles
        self._refresh_ms = refresh_expires_in_s * 1000
        self._session_max_ms = session_max_s * 1000
        self._now_ms = now_ms
        self._reader = LoginReader(store=store)

    async def close(self) -> None:
        """Cancel the reads that are under way."""
        await self._reader.close()

    async def begin(self, user_id: str, *, user_agent: str | None = None) -> Session:
        """Store a new session. `user_agent` is what the client says of itself. Raises StoreError."""
        now = self._now_ms()
        session = Session(
            id=f"s{secrets.token_hex(12)}",
            user_id=user_id,
            generation=1,
            rotated_at_ms=now,
            expires_at_ms=now + min(self._refresh_ms, self._session_max_ms),
            began_at_ms=now,
            user_agent=None if user_agent is None else printable(user_agent)[:USER_AGENT_MAX_CHARS] or None,
        )
        await self._store.sessions.create(session)
        return session

    async def credentials(self, session: Session) -> Credentials:
        """The user and the tokens of a session. Raises ChatError user_not_found; StoreError."""
        user = await self._profiles.own(session.user_id)
        now_ms, until_ms = self._now_ms(), session.began_ms + self._session_max_ms
        return Credentials(
            user=user,
            access_token=self._tokens.access(session, now_ms=now_ms, until_ms=until_ms),
            refresh_token=self._tokens.refresh(session),
            expires_in=self._tokens.lifetime_s(now_ms=now_ms, until_ms=until_ms),
        )

    async def identify(self, token: str) -> Identity:
        """The user that an access token, or a bot's token, speaks for.

        Raises ChatError token_expired, unauthorized (also for a revoked session); StoreError.
        """
        if is_bot_token(token):
            return await self._identify_bot(bot_session_id(token))
        now = self._now_ms()
        session, expires_at_ms = await self._session_of(token, now)
        return self._identity(session, await self._profiles.find(session.user_id), now, expires_at_ms)

    async def identify_own(self, token: str) -> tuple[Identity, OwnUser]:
        """As `identify`, and the user as one sees oneself, which takes one read less where neither is cached.

        Raises ChatError as `identify`; StoreError.
        """
        if is_bot_token(token):
            identity = await self._identify_bot(bot_session_id(token))
            return identity, await self._profiles.own(identity.user.id)
        now = self._now_ms()
        claims = self._tokens.verify(token, now_ms=now)
        session: Session | None = None
        account: Account | None = None

        async def load_session(session_id: str) -> Session | None:
            nonlocal account
            loaded, account = await self._reader.read(session_id, claims.user_id)
            return loaded

        async def load_account() -> Account | None:
            # Only now, so that the account is read after the cache has begun to note changes of the user
            nonlocal session
            session = await self._live_session(claims.session_id, load_session)
            return account or await self._store.users.account(claims.user_id)

        found = await self._profiles.find_own(claims.user_id, load_account)
        if session is None:  # the user was cached, or another caller's load brought it
            session = await self._live_session(claims.session_id, self._store.sessions.get)
        if session is None or session.user_id != claims.user_id or found is None:
            raise ChatError("unauthorized")
        return self._identity(session, found[0], now, claims.expires_at_ms), found[1]

    async def confirm(self, identity: Identity) -> None:
        """Check again, after a request that took long, that its session stands; its token may have expired meanwhile.

        Raises ChatError unauthorized; StoreError.
        """
        if await self._live_session(identity.session_id, self._store.sessions.get) is None:
            raise ChatError("unauthorized")

    async def identify_reader(self, file_key: str) -> Identity:
        """The user whose browser has this file key. Raises ChatError unauthorized, also for a session that has ended;
        StoreError.
        """
        now = self._now_ms()
        session = await self._live_session(self._tokens.verify_file_key(file_key), self._store.sessions.get)
        if session is None or not self._is_live(session, now):
            raise ChatError("unauthorized")
        return self._identity(session, await self._profiles.find(session.user_id), now, session.expires_at_ms)

    async def _session_of(self, token: str, now_ms: int) -> tuple[Session, int]:
        """The session of a good access token, and when the token expires."""
        claims = self._tokens.verify(token, now_ms=now_ms)
        session = await self._live_session(claims.session_id, self._store.sessions.get)
        if session is None or session.user_id != claims.user_id:
            raise ChatError("unauthorized")
        return session, claims.expires_at_ms

    def _identity(self, session: Session, user: User | None, now_ms: int, expires_at_ms: int) -> Identity:
        ends_at_ms = session.began_ms + self._session_max_ms
        if user is None or ends_at_ms <= now_ms:
            raise ChatError("unauthorized")
        return Identity(user, session.id, min(expires_at_ms, ends_at_ms))

    async def _identify_bot(self, session_id: str) -> Identity:
        session = await self._live_session(session_id, self._load_bot_session)
        user = None if session is None else await self._profiles.find(session.user_id)
        if session is None or user is None:
            raise ChatError("unauthorized")
        # An older process caches users without this field: such a bot is still none of the people.
        return Identity(structs.replace(user, bot_room_id=user.bot_room_id or ""), session_id, session.expires_at_ms)

    async def _load_bot_session(self, session_id: str) -> Session | None:
        """Raises ChatError where there is none: an error is not cached, and strangers may make up any token."""
        session = await self._store.sessions.get(session_id)
        if session is None:
            raise ChatError("unauthorized")
        return session

    async def _live_session(self, session_id: str, load: Callable[[str], Awaitable[Session | None]]) -> Session | None:
        session = await self._cache.get_or_load(self._keys.session(session_id), lambda: load(session_id))
        return None if session is None or session.revoked_at_ms is not None else session

    async def refresh(self, token: str) -> Credentials:
        """Use a refresh token, which is good once; a second use after `GRACE_MS` revokes the session.

        Raises ChatError unauthorized; StoreError.
        """
        presented = self._tokens.verify_refresh(token)
        now = self._now_ms()
        session = await self._store.sessions.rotate(
            presented.session_id,
            generation=presented.generation,
            now_ms=now,
            grace_ms=GRACE_MS,
            expires_at_ms=now + self._refresh_ms,
            max_age_ms=self._session_max_ms,
        )
        if session is None or session.expires_at_ms <= now:
            raise ChatError("unauthorized")
        if session.revoked_at_ms is not None:
            if session.revoked_at_ms >= now:
                log.warning("a used refresh token came again: session of user %s revoked", session.user_id)
                await self.publish_revoked(session.user_id, [session.id])
            raise ChatError("unauthorized")
        await self._cache.invalidate(self._keys.session(session.id))
        return await self.credentials(session)

    def file_key(self, credentials: Credentials) -> FileKey:
        """The file key of the session that these credentials are of."""
        session_id = self._tokens.verify_refresh(credentials.refresh_token).session_id
        return FileKey(self._tokens.file_key(session_id), self._refresh_ms // 1000)

    async def revoke(self, user_id: str, session_id: str) -> None:
        """Revoke a session: its tokens are refused and its connections closed. Raises StoreError."""
        await self._store.sessions.revoke(session_id, now_ms=self._now_ms())
        await self.publish_revoked(user_id, [session_id])

    async def sessions_of(self, identity: Identity) -> SessionList:
        """Return the user's live sessions, the last used first, SESSIONS_LISTED_MAX and the present one at most.

        Raises StoreError.
        """
        now_ms, user_id = self._now_ms(), identity.user.id
        listed = await self._store.sessions.live_of(user_id, now_ms=now_ms)
        if all(session.id != identity.session_id for session in listed):  # many were used later, or it just ended
            present = await self._store.sessions.get(identity.session_id)
            listed += [] if present is None else [present]
        return SessionList(
            [
                SessionView(
                    id=session.id,
                    created_at=rfc3339(session.began_ms),
                    last_used_at=rfc3339(session.rotated_at_ms),
                    user_agent=session.user_agent,
                    current=session.id == identity.session_id,
                )
                for session in listed
                if self._is_live(session, now_ms)
            ]
        )

    async def end(self, user_id: str, session_id: str) -> None:
        """Revoke a live session of this user. Raises ChatError not_found, also for another user's; StoreError."""
        session = await self._store.sessions.get(session_id)
        if session is None or session.user_id != user_id or not self._is_live(session, self._now_ms()):
            raise ChatError("not_found")
        await self.revoke(user_id, session_id)

    def _is_live(self, session: Session, now_ms: int) -> bool:
        ends_at_ms = min(session.expires_at_ms, session.began_ms + self._session_max_ms)
        return session.revoked_at_ms is None and ends_at_ms > now_ms

    async def publish_revoked(self, user_id: str, session_ids: Sequence[str]) -> None:
        """Drop revoked sessions from the cache, and let every process close their connections."""
        await self._cache.invalidate(*(self._keys.session(session_id) for session_id in session_ids))
        if session_ids:
            self._bus.publish(EVERYONE, SessionsRevoked(user_id, tuple(session_ids)))
