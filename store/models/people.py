"""People: users, their accounts, changes of a profile, and logins. Owns no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct

from store.models.encoding_marks import SERVER_ONLY


class Status(StrEnum):
    """The status that a user chose to show."""

    ONLINE = "online"
    AWAY = "away"
    BUSY = "busy"
    OFFLINE = "offline"


class User(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A user as others see them. `status` is the chosen one; the presenter shows a user without connection as offline.

    `status_rev` counts the changes of `status`, so that the later of two is known. `bot_room_id` is None for a person;
    of a bot it is the only room that it may be in, '' once the bot is removed. Clients see neither: they are set to
    their defaults before a user is encoded, and a field with its default value is left out. Only such fields have
    defaults.
    """

    id: str
    username: str
    display_name: str
    avatar_url: str | None
    text_color: str | None
    background_color: str | None
    status: Status
    custom_status: str | None
    created_at: str
    status_rev: Annotated[int, SERVER_ONLY] = 0
    bot_room_id: Annotated[str | None, SERVER_ONLY] = None

    @property
    def is_bot(self) -> bool:
        """Whether it is the user of a bot or a webhook."""
        return self.bot_room_id is not None


DELETED_USERNAME = "deleted"  # what is shown instead of the name of who deleted their account
DELETED_DISPLAY_NAME = "Deleted user"


class Account(Struct, frozen=True):
    """A user with the fields that only its owner and the server may know. Never encoded.

    `password_hash` is empty where nobody can log in: the account of a bot.
    """

    user: User
    email: str
    password_hash: str
    disabled_at: str | None = None


KNOWN_ADDRESSES_MAX = 10

KNOWN_ADDRESS_KEEP_MS = 90 * 24 * 3600 * 1000


class ProfileChange(Struct, frozen=True):
    """Fields of a user to set; `False` leaves a field as it is (None would be a value)."""

    display_name: str | bool = False
    avatar_url: str | bool | None = False
    text_color: str | bool | None = False
    background_color: str | bool | None = False
    status: Status | bool = False
    custom_status: str | bool | None = False


class Session(Struct, frozen=True):
    """One login: a family of refresh tokens. Valid are number `generation` and, for a grace period, the one before.

    `began_at_ms` is None for a session that an older program stored; `began_ms` is then the newest rotation.
    `user_agent` is what the client said of itself at the login.
    """

    id: str
    user_id: str
    generation: int
    rotated_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None = None
    began_at_ms: int | None = None
    user_agent: str | None = None

    @property
    def began_ms(self) -> int:
        return self.rotated_at_ms if self.began_at_ms is None else self.began_at_ms


SESSIONS_LISTED_MAX = 200

SETTINGS_MAX_BYTES = 8192  # of a user's settings as JSON, UTF-8

BLOCKS_MAX = 1000  # of one user


class SettingsChange(Struct, frozen=True):
    """A user's settings before and after a merge, decoded. What is not there has its default."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
