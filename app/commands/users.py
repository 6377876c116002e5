"""`server.py user …`: an operator makes and changes accounts.

A server may run on the same store; it reads the changes from there.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from getpass import getpass
from typing import TypeVar

from app.composition import cluster, storage
from app.deployment_check import CheckItem
from app.settings import Settings, SettingsError
from chat.errors import ChatError
from chat.passwords import Passwords
from chat.request_inputs.people import Register
from chat.reserved_names import ReservedNames
from common.startup_error import StartupError
from handlers.codec.input_decoder import InputDecoder
from monitor import log_setup
from store.contract import Store
from store.errors import StoreError, StoreUnavailable, Taken
from store.models import Account

R = TypeVar("R")

BUSY_FOR_S = 30.0  # a server that writes without pause still leaves a gap within this time
BUSY_PAUSE_S = 0.05
PASSWORD_MAX_BYTES = 4096
REGISTER = InputDecoder(Register)
OTHER_FIELDS = {"username": "stands-in", "email": "stands@in"}  # of a registration, where only the password is checked


def create(settings: Settings, name: str, email: str) -> int:
    """Make an account, also under a name that ADMIN_USERS or the whitelist reserves.

    Raises SettingsError for a wrong name or address, StartupError with one line.
    """
    _checked({"username": name, "email": email, "password": "stands in for one"}, SettingsError)
    hashed = asyncio.run(_hash(_new_password()))

    async def work(store: Store) -> str:
        try:
            user = await store.users.create(username=name, email=email, password_hash=hashed)
        except Taken as error:
            taken = f"the name {name}" if error.field == "username" else f"the address {email}"
            raise StartupError(f"{taken} is taken") from error
        return f"{user.username} made"

    return _run(settings, work, may_make=True)


def password(settings: Settings, name: str) -> int:
    """Set another password and revoke all sessions. Raises StartupError with one line, also for a bot's name."""
    hashed = asyncio.run(_hash(_new_password()))

    async def work(store: Store) -> str:
        account = await _account(store, name)
        if account.user.is_bot:
            raise StartupError(f"{account.user.username} is a bot, to which nobody can log in")
        revoked = await store.users.set_password(account.user.id, hashed, keep_session_id=None)
        return f"{account.user.username} has the new password, sessions revoked: {len(revoked)}"

    return _run(settings, work)


def disable(settings: Settings, name: str) -> int:
    """Refuse a user's logins and revoke all sessions; sockets close within 1 s. Raises StartupError with one line."""

    async def work(store: Store) -> str:
        account = await _account(store, name)
        revoked = await store.users.disable(account.user.id)
        return f"{account.user.username} disabled, sessions revoked: {len(revoked)}"

    return _run(settings, work)


def enable(settings: Settings, name: str) -> int:
    """Accept a user's logins again. Raises StartupError with one line."""

    async def work(store: Store) -> str:
        account = await _account(store, name)
        await store.users.enable(account.user.id)
        return f"{account.user.username} enabled"

    return _run(settings, work)


def check_items(settings: Settings) -> list[CheckItem]:
    """What the pre-deployment check runs: whether the users exist that the settings name."""
    if not (settings.monitor.admin_users or settings.limits.whitelist or settings.limits.whitelist_file):
        return []
    return [CheckItem("listed names", lambda: _check_listed_names(settings))]


async def _check_listed_names(settings: Settings) -> str:
    """How many of the listed names exist, and which do not."""
    names = ReservedNames(admin_users=settings.monitor.admin_users, whitelist=cluster.load_whitelist(settings)).all()
    existing = await storage.usernames_of(settings, names)
    missing = [name for name in names if name not in existing]
    found = f"{len(names) - len(missing)} of {len(names)} exist"
    return f"{found}; not made yet, which `user create` alone can: {', '.join(missing)}" if missing else found


def _run(settings: Settings, work: Callable[[Store], Awaitable[str]], *, may_make: bool = False) -> int:
    # Warnings of the store's opening are for the server's log, not for the terminal
    log_setup.set_up(log_format=settings.log.format, level="error")

    async def run() -> str:
        async with storage.beside(settings, may_make=may_make) as store:
            return await _retry_while_busy(lambda: work(store))

    try:
        print(asyncio.run(run()))
    except StartupError:
        raise
    except StoreError as error:
        raise StartupError(f"the store does not answer: {error}") from error
    return 0


async def _retry_while_busy(work: Callable[[], Awaitable[R]]) -> R:
    """Do the work; repeat it, BUSY_FOR_S at most, while others hold the file: a busy store has done nothing."""
    until_s = time.monotonic() + BUSY_FOR_S
    while True:
        try:
            return await work()
        except StoreUnavailable as error:
            if error.reason != "busy" or time.monotonic() >= until_s:
                raise
        await asyncio.sleep(BUSY_PAUSE_S)


async def _account(store: Store, name: str) -> Account:
    account = await store.users.account_by_login(username=name)
    if account is None:
        raise StartupError(f"there is no user {name}")
    return account


async def _hash(text: str) -> str:
    passwords = Passwords(threads=1)
    try:
        return await passwords.hash(text)
    finally:
        passwords.close()


def _new_password() -> str:
    """Ask for a password twice, or read a line of standard input. Raises StartupError for one that is refused."""
    text = _ask_twice() if sys.stdin.isatty() else _line()
    return _checked({**OTHER_FIELDS, "password": text}, StartupError).password


def _ask_twice() -> str:
    try:
        first, second = getpass("Password: "), getpass("Once more: ")
    except EOFError as error:
        raise StartupError("no password was given") from error
    if first != second:
        raise StartupError("the two passwords differ")
    return first


def _line() -> str:
    line = sys.stdin.buffer.readline(PASSWORD_MAX_BYTES)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise StartupError("the password takes UTF-8") from error


def _checked(fields: dict[str, str], refusal: type[Exception]) -> Register:
    """The fields, checked as a registration's. Raises `refusal`, whose text never holds a password."""
    try:
        return REGISTER.from_query(fields)
    except ChatError as error:
        raise refusal("; ".join(f"{field}: {reason}" for field, reason in error.details.items())) from error
