"""Builds the parts for accounts, logins and profiles."""

from __future__ import annotations

import msgspec

from app.clock import now_ms
from app.composition.common_parts import CommonParts
from chat.access_tokens import Tokens
from chat.accounts import Accounts
from chat.administrators import Administrators
from chat.blocks import Blocks
from chat.data_export import DataExport
from chat.invites import Invites
from chat.known_login_addresses import KnownAddresses
from chat.logins import Logins
from chat.passwords import Passwords
from chat.profiles import Profiles
from chat.reserved_names import ReservedNames
from chat.settings import Settings as UserSettings
from limits.whitelist import Whitelist


class AccountParts(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts."""

    accounts: Accounts
    administrators: Administrators
    logins: Logins
    passwords: Passwords
    profiles: Profiles
    settings: UserSettings
    blocks: Blocks
    data_export: DataExport
    reserved_names: ReservedNames


def build_accounts(common: CommonParts, *, secret: str, invites: Invites, whitelist: Whitelist) -> AccountParts:
    """Build the parts. `secret` signs the tokens."""
    settings, store, cache, keys, bus = common.settings, common.store, common.cache, common.keys, common.bus
    presenter, codec, auth = common.presenter, common.codec, settings.auth
    passwords = Passwords()
    profiles = Profiles(store=store, cache=cache, keys=keys, presenter=presenter)
    logins = Logins(
        store=store,
        cache=cache,
        keys=keys,
        bus=bus,
        tokens=Tokens(secret=secret, previous=auth.jwt_secret_previous, expires_in_s=auth.jwt_expires_in_s),
        profiles=profiles,
        refresh_expires_in_s=auth.jwt_refresh_expires_in_s,
        session_max_s=auth.jwt_session_max_s,
        now_ms=now_ms,
    )
    reserved_names = ReservedNames(admin_users=settings.monitor.admin_users, whitelist=whitelist)
    accounts = Accounts(
        store=store,
        passwords=passwords,
        logins=logins,
        known_addresses=KnownAddresses(
            users=store.users,
            secrets=[part for part in (secret, auth.jwt_secret_previous) if part],
            now_ms=now_ms,
        ),
        invites=invites,
        is_listed=reserved_names.has,
        is_registration_open=auth.registration == "open",
    )
    administrators = Administrators(usernames=settings.monitor.admin_users)
    user_settings = UserSettings(store=store, bus=bus, codec=codec)
    blocks = Blocks(store=store, profiles=profiles, presenter=presenter)
    return AccountParts(
        accounts=accounts,
        administrators=administrators,
        logins=logins,
        passwords=passwords,
        profiles=profiles,
        settings=user_settings,
        blocks=blocks,
        data_export=DataExport(
            store=store,
            logins=logins,
            profiles=profiles,
            settings=user_settings,
            blocks=blocks,
            presenter=presenter,
            codec=codec,
        ),
        reserved_names=reserved_names,
    )
