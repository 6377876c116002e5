"""The use cases of bots: make one with its token, list them, remove one."""

from __future__ import annotations

from collections.abc import Callable

from chat.errors import ChatError
from chat.logins import Logins
from chat.member_moderation import require_moderated_room
from chat.membership_reader import members_among
from chat.membership_updates import MembershipUpdates
from chat.presenter import Presenter
from chat.request_inputs.bots import AddBot
from chat.request_results.bots import BotView, NewBot
from chat.secret_tokens import bot_session_id, new_bot_token
from store.contract import Store
from store.errors import Taken
from store.ids import make_id
from store.models import Actor, BotDraft


class Bots:
    """Makes and removes bots, which moderators of their rooms may do.

    `is_listed` says whether a user name gives rights by a setting; a bot does not get such a name.
    """

    def __init__(
        self,
        *,
        store: Store,
        membership_updates: MembershipUpdates,
        logins: Logins,
        presenter: Presenter,
        is_listed: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._membership_updates = membership_updates
        self._logins = logins
        self._presenter = presenter
        self._is_listed = is_listed

    async def add(self, room_id: str, actor: Actor, body: AddBot) -> NewBot:
        """Make a bot, a member of the room.

        Raises ChatError room_not_found, username_taken (also for a listed name); Refused not_member, forbidden,
        conflict (the room has all that it may have); RoomFull; StoreError.
        """
        await require_moderated_room(self._store, actor, room_id)
        if self._is_listed(body.username):
            raise ChatError("username_taken")
        token = new_bot_token()
        draft = BotDraft(make_id("u"), body.username, bot_session_id(token))
        try:
            async with self._membership_updates.fenced(room_id, draft.user_id):
                added = await self._store.bots.add(room_id, actor, draft)
        except Taken as error:
            raise ChatError("username_taken") from error
        await self._membership_updates.publish_began(added.change, draft.user_id)
        return NewBot(self._presenter.user(added.bot.user), token)

    async def list(self, room_id: str, actor: Actor) -> list[BotView]:
        """Return the bots of a room, the oldest first. Raises ChatError room_not_found; Refused; StoreError."""
        await require_moderated_room(self._store, actor, room_id)
        bots = await self._store.bots.list(room_id)
        members = await members_among(self._store.members.standings, room_id, [bot.user.id for bot in bots])
        return [
            BotView(self._presenter.user(bot.user), bot.created_at, bot.created_by, bot.user.id in members)
            for bot in bots
        ]

    async def remove(self, room_id: str, user_id: str, actor: Actor) -> None:
        """Remove a bot: its token is refused, its connections are closed, its membership ends.

        Raises ChatError room_not_found; Missing("bot"); Refused; StoreError.
        """
        await require_moderated_room(self._store, actor, room_id)
        async with self._membership_updates.fenced(room_id, user_id):
            removed = await self._store.bots.remove(room_id, user_id, actor)
        await self._logins.publish_revoked(user_id, [removed.bot.session_id])
        await self._membership_updates.publish_ended(removed.change, user_id, "removed")
