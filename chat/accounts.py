"""Accounts: registration, login with a password, and its change."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec import Struct

from chat.errors import ChatError, invalid
from chat.invites import Invites
from chat.known_login_addresses import KnownAddresses
from chat.logins import Identity, Logins
from chat.password_confirmation import confirmed
from chat.passwords import Passwords
from chat.request_context import RequestContext
from chat.request_inputs.people import ChangePassword, Login, Register
from chat.request_results.people import Credentials
from store.contract import Store
from store.errors import StoreError, Taken
from store.models import Account

log = logging.getLogger(__name__)

NAME_MAX_CHARS = 64  # of an unknown name, in the key that its attempts are counted by


class Attempt(Struct, frozen=True):
    """A requested login: the account, if there is one, and the limiter's key that the attempt is counted by.

    `is_at_home`: the account was used from this address before. Then the key is of both together, and the attempts of
    others, from this address or on this account, do not count.
    """

    account: Account | None
    counted_as: str
    is_at_home: bool = False


class Accounts:
    """The use cases of people's own accounts.

    `is_listed` says whether a user name gives rights by a setting, so that only an operator may make its account.
    """

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        logins: Logins,
        known_addresses: KnownAddresses,
        invites: Invites,
        is_listed: Callable[[str], bool],
        is_registration_open: bool,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._logins = logins
        self._known_addresses = known_addresses
        self._invites = invites
        self._is_listed = is_listed
        self._is_registration_open = is_registration_open

    async def register(self, context: RequestContext, body: Register) -> Credentials:
        """Make an account and log it in.

        With the code of an invite link it joins the room too; where registration is closed it needs one. Raises
        ChatError username_taken (also for a listed name), email_taken, forbidden, validation_failed (a code that is not
        good), unavailable; StoreError: RoomFull, Refused (an archived room).
        """
        if body.invite is None and not self._is_registration_open:
            raise ChatError("forbidden", "Registration is closed here; ask for an account.")
        if body.invite is not None and not await self._invites.is_good(body.invite):
            raise self._bad_invite()
        hashed = await self._passwords.hash(body.password)
        if self._is_listed(body.username):  # after hashing, so that it takes as long as for a name that is taken
            log.warning(
                "registration refused", extra={"fields": {"username": body.username, "reason": "the name is listed"}}
            )
            raise ChatError("username_taken")
        invite = None if body.invite is None else await self._invites.claim(body.invite)
        if body.invite is not None and invite is None:
            raise self._bad_invite()
        try:
            user = await self._store.users.create(username=body.username, email=body.email, password_hash=hashed)
        except StoreError as error:
            if invite is not None:  # also where the account may have been made: it enters no room
                await self._invites.release(invite)
            if isinstance(error, Taken):
                raise ChatError(f"{error.field}_taken") from error
            raise
        if invite is not None:
            await self._invites.enter(invite, user.id)
        session = await self._logins.begin(user.id, user_agent=context.user_agent)
        await self._remember(user.id, context.address)
        return await self._logins.credentials(session)

    def _bad_invite(self) -> ChatError:
        if self._is_registration_open:
            return invalid(invite="takes the code of an invite link that is good")
        return ChatError("forbidden", "This invite is not good, or not any more.")

    async def attempt(self, context: RequestContext, body: Login) -> Attempt:
        """Find the account of a requested login, and what the attempt counts as.

        It reads the store: count the request first. Raises ChatError validation_failed; StoreError.
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
        """Check the password and begin a session.

        Raises ChatError unauthorized, the same for no account, a disabled one and a wrong password; unavailable;
        StoreError.
        """
        usable = account is not None and account.disabled_at is None
        match = await self._passwords.check(password, account.password_hash if account and usable else None)
        if not match.is_right or account is None:
            raise _not_logged_in()
        session = await self._logins.begin(account.user.id, user_agent=context.user_agent)
        if not await self._still_good(account, password):
            await self._logins.revoke(session.user_id, session.id)
            raise _not_logged_in()
        if match.better_hash is not None:
            await self._store.users.rehash(account.user.id, account.password_hash, match.better_hash)
        await self._remember(account.user.id, context.address)
        return await self._logins.credentials(session)

    async def _still_good(self, before: Account, password: str) -> bool:
        """Whether the password is right for the account as it is now that the session is stored.

        A change of the password in between revoked the sessions that were stored by then, and not this one.
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
        except StoreError as error:  # the login succeeds all the same
            log.warning("an address was not remembered: %s", error)

    async def logout(self, identity: Identity) -> None:
        """Revoke the session: its tokens are refused and its connections closed. Raises StoreError."""
        await self._logins.revoke(identity.user.id, identity.session_id)

    async def change_password(self, identity: Identity, body: ChangePassword) -> None:
        """Set a new password and revoke the other sessions.

        Raises ChatError forbidden for a wrong old password, unavailable; StoreError.
        """
        user_id = identity.user.id
        hashed: str | None = None

        async def set_password(before: str) -> list[str]:
            nonlocal hashed
            hashed = hashed or await self._passwords.hash(body.new_password)
            return await self._store.users.set_password(
                user_id, hashed, keep_session_id=identity.session_id, before=before
            )

        revoked = await confirmed(
            set_password,
            user_id=user_id,
            password=body.old_password,
            users=self._store.users,
            passwords=self._passwords,
        )
        await self._logins.publish_revoked(user_id, revoked)


def _not_logged_in() -> ChatError:
    return ChatError("unauthorized", "The name or the password is wrong.")
