"""Builds the use cases of bots and webhooks."""

from __future__ import annotations

import msgspec

from app.composition.accounts import AccountParts
from app.composition.common_parts import CommonParts
from chat.bots import Bots
from chat.membership_updates import MembershipUpdates
from chat.messages import Messages
from chat.webhooks import Webhooks


class BotParts(msgspec.Struct, frozen=True, kw_only=True):
    """The finished use cases."""

    bots: Bots
    webhooks: Webhooks


def build_bots(
    common: CommonParts, *, membership_updates: MembershipUpdates, messages: Messages, account_parts: AccountParts
) -> BotParts:
    """Build the use cases."""
    store, is_listed = common.store, account_parts.reserved_names.has
    return BotParts(
        bots=Bots(
            store=store,
            membership_updates=membership_updates,
            logins=account_parts.logins,
            presenter=common.presenter,
            is_listed=is_listed,
        ),
        webhooks=Webhooks(
            store=store,
            membership_updates=membership_updates,
            messages=messages,
            profiles=account_parts.profiles,
            is_listed=is_listed,
        ),
    )
