"""Accounts and logins: register, login, refresh, logout, password, profile, and who a token belongs to."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable

from msgspec import UNSET, Struct

from cache.contract import Cache
from cache.keys import Keys
from chat.errors import ChatError, invalid
from chat.known_addresses import KnownAddresses
from chat.passwords import Passwords
from chat.presenter import Presenter
from chat.request_context import RequestContext
from chat.request_inputs import ChangePassword, Login, PatchProfile, Register
from chat.request_results import Credentials, OwnUser
from chat.tokens import Tokens
from cluster.contract import Bus
from cluster.events import SessionsRevoked
from cluster.topics import EVERYONE
from store.contract import Store
from store.errors import Outdated, StoreError, Taken
from store.models import Account, ProfileChange, Session, Status, User

log = logging.getLogger(__name__)

NAME_MAX_CHARS = 64  # of an unknown name, as it is counted
PASSWORD_TRIES = 2  # to set one: another hash of the same may be stored once
GRACE_MS = 30_000  # how long the refresh token just replaced gives the same replacement


class Identity(Struct, frozen=True):
    """Whom a good access token speaks for."""

    user: User
    session_id: str
    expires_at_ms: int


class Attempt(Struct, frozen=True):
    """A login that was asked for: the account, if there is one, and the limiter's key that it counts by.

    `is_at_home`: the account was good at this address before, so the key is of the two together, and what others do
    there or to the account does not count.
    """

    account: Account | None
    counted_as: str
    is_at_home: bool = False


class Accounts:
    """The use cases of people's own accounts.

    `is_listed`: whether a user name gives rights by a setting, so that only an operator may make its account. A session
    ends `session_max_s` after it began, whatever was refreshed.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        passwords: Passwords,
        tokens: Tokens,
        presenter: Presenter,
        known_addresses: KnownAddresses,
        is_listed: Callable[[str], bool],
        is_registration_open: bool,
        refresh_expires_in_s: int,
        session_max_s: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._passwords = passwords
        self._tokens = tokens
        self._presenter = presenter
        self._known_addresses = known_addresses
        self._is_listed = is_listed
        self._is_registration_open = is_registration_open
        self._refresh_ms = refresh_expires_in_s * 1000
        self._session_max_ms = session_max_s * 1000
        self._now_ms = now_ms

    async def register(self, context: RequestContext, body: Register) -> Credentials:
        """Make an account and log it in.

        Raises ChatError username_taken (a listed name too), email_taken, forbidden.
        """
        if not self._is_registration_open:
            raise ChatError("forbidden", "Registration is closed here; ask for an account.")
        hashed = await self._passwords.hash(body.password)
        if self._is_listed(body.username):  # only now: it takes as long as for a name that is taken
            log.warning(
                "registration refused", extra={"fields": {"username": body.username, "reason": "the name is listed"}}
            )
            raise ChatError("username_taken")
        try:
            user = await self._store.users.create(username=body.username, email=body.email, password_hash=hashed)
        except Taken as error:
            raise ChatError(f"{error.field}_taken") from error
        session = await self._begin_session(user.id)
        await self._remember(user.id, context.address)
        return await self._credentials(session)

    async def attempt(self, context: RequestContext, body: Login) -> Attempt:
        """Whose account somebody wants to log in to, and as what the attempt counts.

        Reads the store: count the request first.

        Raises ChatError validation_failed.
        """
        if (body.username is None) == (body.email is None):
            raise invalid(username="give either this or email")
        account = await self._store.users.account_by_login(username=body.username, email=body.email)
        user_id = account.user.id if account is not None else ""
        # Also for an unknown account, so that the answer takes as long as for a known one.
        mark = await self._known_addresses.knows(user_id, context.address)
        if account is None:
            return Attempt(None, f"name:{(body.username or body.email or '').casefold()[:NAME_MAX_CHARS]}")
        return (
            Attempt(account, f"account:{user_id}")
            if mark is None
            else Attempt(account, f"known:{user_id}:{mark}", True)
        )

    async def login(self, context: RequestContext, password: str, account: Account | None) -> Credentials:
        """Raises ChatError unauthorized, the same for no account, a disabled one and a wrong password."""
        usable = account is not None and account.disabled_at is None
        match = await self._passwords.check(password, account.password_hash if account and usable else None)
        if not match.is_right or account is None:
            raise _not_logged_in()
        session = await self._begin_session(account.user.id)
        if not await self._still_good(account, password):
            await self._revoke(session.user_id, session.id)
            raise _not_logged_in()
        if match.better_hash is not None:
            await self._store.users.rehash(account.user.id, account.password_hash, match.better_hash)
        await self._remember(account.user.id, context.address)
        return await self._credentials(session)

    async def _still_good(self, before: Account, password: str) -> bool:
        """Whether what was good before the session stood is so still: a change meanwhile revoked the sessions of then,
        not this one.
        """
        present = await self._store.users.account(before.user.id)
        if present is None or present.disabled_at is not None:
            return False
        if present.password_hash == before.password_hash:
            return True
        return (await self._passwords.check(password, present.password_hash)).is_right

    async def _remember(self, user_id: str, address: str) -> None:
        try:
            await self._known_addresses.remember(user_id, address)
        except StoreError as error:  # who is logged in stays so
            log.warning("an address was not remembered: %s", error)

    async def refresh(self, token: str) -> Credentials:
        """Use a refresh token once. Raises ChatError unauthorized; a reuse revokes the whole family."""
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
                await self._forget_sessions(session.user_id, [session.id])
            raise ChatError("unauthorized")
        await self._cache.invalidate(self._keys.session(session.id))
        return await self._credentials(session)

    async def logout(self, identity: Identity) -> None:
        """Revoke the session: its tokens are refused and its sockets closed."""
        await self._revoke(identity.user.id, identity.session_id)

    async def change_password(self, identity: Identity, body: ChangePassword) -> None:
        """Set a new password and revoke the other sessions. Raises ChatError forbidden for a wrong old one.

        It takes a while to check and to hash: somebody else who knows the old password may have set another meanwhile,
        and has been told so. A login that only stored another hash of the same password is no reason to refuse.
        """
        user_id, hashed = identity.user.id, None
        for _ in range(PASSWORD_TRIES):
            account = await self._store.users.account(user_id)
            if account is None or not (await self._passwords.check(body.old_password, account.password_hash)).is_right:
                break
            hashed = hashed or await self._passwords.hash(body.new_password)
            with contextlib.suppress(Outdated):
                revoked = await self._store.users.set_password(
                    user_id, hashed, keep_session_id=identity.session_id, before=account.password_hash
                )
                await self._forget_sessions(user_id, revoked)
                return
        raise ChatError("forbidden", "The old password is wrong.")

    async def profile(self, user_id: str) -> OwnUser:
        """One's own user, through the cache."""
        user = await self.user(user_id)
        email = await self._cache.get_or_load(self._keys.email(user_id), lambda: self._email_of(user_id))
        return self._presenter.own_user(user, email or "")

    async def _email_of(self, user_id: str) -> str | None:
        account = await self._store.users.account(user_id)
        return account.email if account is not None else None

    async def update(self, user_id: str, body: PatchProfile) -> OwnUser:
        """Change one's profile; returns one's own user."""
        change = ProfileChange(
            display_name=False if body.display_name is UNSET else body.display_name,
            text_color=False if body.text_color is UNSET else body.text_color,
            background_color=False if body.background_color is UNSET else body.background_color,
            custom_status=False if body.custom_status is UNSET else body.custom_status,
        )
        await self._change(user_id, change)
        return await self.profile(user_id)

    async def set_status(self, user_id: str, status: Status, custom_status: str | bool | None) -> User:
        """Keep the chosen status; `custom_status` False leaves that one as it is."""
        return await self._change(user_id, ProfileChange(status=status, custom_status=custom_status))

    async def _change(self, user_id: str, change: ProfileChange) -> User:
        async with self._cache.fence(self._keys.user(user_id)):
            return await self._store.users.update(user_id, change)

    async def user(self, user_id: str) -> User:
        """Any user as kept, through the cache. Raises ChatError user_not_found."""
        user = await self._cache.get_or_load(self._keys.user(user_id), lambda: self._store.users.get(user_id))
        if user is None:
            raise ChatError("user_not_found")
        return user

    async def shown_user(self, user_id: str) -> User:
        """Any user as others see them. Raises ChatError user_not_found."""
        return self._presenter.user(await self.user(user_id))

    async def search(self, prefix: str, limit: int) -> list[User]:
        return [self._presenter.user(user) for user in await self._store.users.search(prefix, limit)]

    async def identify(self, token: str) -> Identity:
        """Whom an access token speaks for.

        Raises ChatError token_expired, unauthorized (also for a revoked session).
        """
        now = self._now_ms()
        claims = self._tokens.verify(token, now_ms=now)
        session = await self._cache.get_or_load(
            self._keys.session(claims.session_id), lambda: self._store.sessions.get(claims.session_id)
        )
        if session is None or session.revoked_at_ms is not None or session.user_id != claims.user_id:
            raise ChatError("unauthorized")
        ends_at_ms = session.began_ms + self._session_max_ms
        user = await self._cache.get_or_load(
            self._keys.user(claims.user_id), lambda: self._store.users.get(claims.user_id)
        )
        if user is None or ends_at_ms <= now:
            raise ChatError("unauthorized")
        return Identity(user, claims.session_id, min(claims.expires_at_ms, ends_at_ms))

    async def _begin_session(self, user_id: str) -> Session:
        now = self._now_ms()
        session = Session(
            id=f"s{secrets.token_hex(12)}",
            user_id=user_id,
            generation=1,
            rotated_at_ms=now,
            expires_at_ms=now + min(self._refresh_ms, self._session_max_ms),
            began_at_ms=now,
        )
        await self._store.sessions.create(session)
        return session

    async def _credentials(self, session: Session) -> Credentials:
        user = await self.profile(session.user_id)
        now_ms, until_ms = self._now_ms(), session.began_ms + self._session_max_ms
        return Credentials(
            user=user,
            access_token=self._tokens.access(session, now_ms=now_ms, until_ms=until_ms),
            refresh_token=self._tokens.refresh(session),
            expires_in=self._tokens.lifetime_s(now_ms=now_ms, until_ms=until_ms),
        )

    async def _revoke(self, user_id: str, session_id: str) -> None:
        await self._store.sessions.revoke(session_id, now_ms=self._now_ms())
        await self._forget_sessions(user_id, [session_id])

    async def _forget_sessions(self, user_id: str, session_ids: list[str]) -> None:
        await self._cache.invalidate(*(self._keys.session(session_id) for session_id in session_ids))
        if session_ids:
            await self._bus.publish(EVERYONE, SessionsRevoked(user_id, tuple(session_ids)))


def _not_logged_in() -> ChatError:
    return ChatError("unauthorized", "The name or the password is wrong.")
