"""/rooms: create, find, join and leave rooms; members, totals, changes."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, structs

from chat.errors import ChatError
from chat.messages import Messages
from chat.request_inputs.messages import ChangesSince
from chat.request_inputs.rooms import CreateRoom, MemberListing, OneUser, PatchRoom, RoomListing
from chat.room_deletion import RoomDeletion
from chat.room_settings import RoomSettings
from chat.rooms import Rooms
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from limits.contract import Check
from limits.load_shedding import ShedClass
from store.errors import StoreError
from store.models import User

CREATE = InputDecoder(CreateRoom)
PATCH = InputDecoder(PatchRoom)
ONE_USER = InputDecoder(OneUser)
ROOM_LISTING = InputDecoder(RoomListing)
MEMBER_LISTING = InputDecoder(MemberListing)
CHANGES_SINCE = InputDecoder(ChangesSince)


class RoomServices(Struct, frozen=True):
    """The use cases of the routes below /rooms."""

    rooms: Rooms
    settings: RoomSettings
    deletion: RoomDeletion
    messages: Messages


class RoomHandler(Handler[RoomServices]):
    """The base of the handlers below /rooms."""

    @property
    def user_id(self) -> str:
        return self.identity.user.id

    def require_open_to_bot(self, bot: User) -> None:
        """As for all handlers; and of another room than its own a bot does not know. Raises ChatError."""
        super().require_open_to_bot(bot)
        if self.path_args and self.path_args[0] != bot.bot_room_id:
            raise ChatError("room_not_found")


class RoomsHandler(RoomHandler):
    compresses = ("GET",)
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}
    counts_itself = ("POST",)

    async def get(self) -> None:
        query = self.query(ROOM_LISTING)
        if self.identity.user.is_bot:
            query = structs.replace(query, mine=True)
        self.reply(await self.services.rooms.find(self.user_id, query))

    async def post(self) -> None:
        body = await self.countable_body(CREATE)
        await self.count(self.common_check, Check("rooms", self.user_id))
        self.reply({"room": await self.services.rooms.create(self.user_id, body)}, 201)


class DirectHandler(RoomHandler):
    counts_itself = ("POST",)

    async def post(self) -> None:
        body = await self.countable_body(ONE_USER)
        await self.count(self.common_check, Check("rooms", self.user_id))
        room, made = await self.services.rooms.direct(self.user_id, body.user_id)
        self.reply({"room": room}, 201 if made else 200)


class OneRoomHandler(RoomHandler):
    for_bots = ("GET",)

    async def get(self, room_id: str) -> None:
        self.reply({"room": await self.services.rooms.get(room_id, self.actor)})

    async def patch(self, room_id: str) -> None:
        self.reply({"room": await self.services.settings.update(room_id, self.actor, self.body(PATCH))})

    async def delete(self, room_id: str) -> None:
        await self.services.deletion.delete(room_id, self.actor)
        self.reply_nothing()


class JoinHandler(RoomHandler):
    counts_itself = ("POST",)

    async def post(self, room_id: str) -> None:
        try:
            standing = await self.services.rooms.standing(room_id, self.user_id)
        except (ChatError, StoreError):
            await self.count(self.common_check)
            raise
        new_member_limit = () if standing.membership is not None else (Check("joins", self.user_id),)
        await self.count(self.common_check, *new_member_limit)
        await self.services.rooms.join(standing, self.user_id)
        self.reply({"room": await self.services.rooms.get(room_id, self.actor)})


class LeaveHandler(RoomHandler):
    async def post(self, room_id: str) -> None:
        await self.services.rooms.leave(room_id, self.user_id)
        self.reply_nothing()


class MembersHandler(RoomHandler):
    compresses = ("GET",)
    for_bots = ("GET",)
    counts_itself = ("POST",)

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.rooms.members(room_id, self.user_id, self.query(MEMBER_LISTING)))

    async def post(self, room_id: str) -> None:
        body = await self.countable_body(ONE_USER)
        await self.count(self.common_check, Check("joins", self.user_id))
        self.reply({"room": await self.services.rooms.invite(room_id, self.actor, body.user_id)})


class StatsHandler(RoomHandler):
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.rooms.stats(room_id, self.user_id))


class ChangesHandler(RoomHandler):
    compresses = ("GET",)
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.messages.changes(room_id, self.user_id, self.query(CHANGES_SINCE)))
