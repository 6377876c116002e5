"""Builds the use cases of bots and webhooks."""

from __future__ import annotations

import msgspec

from app.composition.accounts import AccountParts
from chat.bots import Bots
from chat.membership_updates import MembershipUpdates
from chat.messages import Messages
from chat.presenter import Presenter
from chat.webhooks import Webhooks
from store.contract import Store


class BotParts(msgspec.Struct, frozen=True, kw_only=True):
    """The finished use cases."""

    bots: Bots
    webhooks: Webhooks


def build_bots(
    *,
    store: Store,
    updates: MembershipUpdates,
    messages: Messages,
    presenter: Presenter,
    account_parts: AccountParts,
) -> BotParts:
    """Build the use cases."""
    is_listed = account_parts.reserved_names.has
    return BotParts(
        bots=Bots(store=store, updates=updates, logins=account_parts.logins, presenter=presenter, is_listed=is_listed),
        webhooks=Webhooks(
            store=store,
            updates=updates,
            messages=messages,
            profiles=account_parts.profiles,
            is_listed=is_listed,
        ),
    )
