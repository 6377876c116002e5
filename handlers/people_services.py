"""The use cases of the routes below /users/me."""

from __future__ import annotations

from msgspec import Struct

from chat.account_deletion import AccountDeletion
from chat.blocks import Blocks
from chat.data_export import DataExport
from chat.settings import Settings


class PeopleServices(Struct, frozen=True):
    """What a user has of their own."""

    settings: Settings
    blocks: Blocks
    account_deletion: AccountDeletion
    data_export: DataExport
