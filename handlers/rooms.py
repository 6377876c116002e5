"""/rooms: create, find, join and leave rooms; members, totals, changes."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, structs

from chat.errors import ChatError
from chat.messages import Messages
from chat.request_inputs.messages import ChangesSince
from chat.request_inputs.rooms import CreateRoom, MemberListing, OneUser, PatchRoom, RoomListing
from chat.request_results.messages import ChangesView
from chat.request_results.rooms import MemberPage, RoomPage, RoomResult, RoomTotals
from chat.room_deletion import RoomDeletion
from chat.room_settings import RoomSettings
from chat.rooms import Rooms
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import MODERATES, READS_ROOM, Operation
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
    operations: ClassVar = {
        "GET": Operation(
            summary="Find rooms",
            query=ROOM_LISTING,
            replies={200: RoomPage},
            example={"mine": True, "q": "gar", "limit": 10},
        ),
        "POST": Operation(
            summary="Create a room",
            body=CREATE,
            replies={201: RoomResult},
            example={"name": "Gardening", "description": "All that grows", "isPrivate": False, "maxUsers": 50},
        ),
    }
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
        self.reply(RoomResult(await self.services.rooms.create(self.user_id, body)), 201)


class DirectHandler(RoomHandler):
    operations: ClassVar = {
        "POST": Operation(
            summary="Open the direct room with somebody",
            body=ONE_USER,
            replies={200: RoomResult, 201: RoomResult},
            errors=("user_not_found", "forbidden"),
            example={"userId": "example-user"},
        )
    }
    counts_itself = ("POST",)

    async def post(self) -> None:
        body = await self.countable_body(ONE_USER)
        await self.count(self.common_check, Check("rooms", self.user_id))
        room, made = await self.services.rooms.direct(self.user_id, body.user_id)
        self.reply(RoomResult(room), 201 if made else 200)


class OneRoomHandler(RoomHandler):
    operations: ClassVar = {
        "GET": Operation(summary="Read a room", replies={200: RoomResult}, errors=("room_not_found",)),
        "PATCH": Operation(
            summary="Change a room's settings",
            body=PATCH,
            replies={200: RoomResult},
            errors=(*MODERATES, "conflict"),
            example={"name": "Gardeners", "slowModeS": 5},
        ),
        "DELETE": Operation(summary="Delete a room", replies={204: None}, errors=MODERATES),
    }
    for_bots = ("GET",)

    async def get(self, room_id: str) -> None:
        self.reply(RoomResult(await self.services.rooms.get(room_id, self.actor)))

    async def patch(self, room_id: str) -> None:
        self.reply(RoomResult(await self.services.settings.update(room_id, self.actor, self.body(PATCH))))

    async def delete(self, room_id: str) -> None:
        await self.services.deletion.delete(room_id, self.actor)
        self.reply_nothing()


class JoinHandler(RoomHandler):
    operations: ClassVar = {
        "POST": Operation(
            summary="Become a member of a public room",
            replies={200: RoomResult},
            errors=("room_not_found", "banned", "forbidden", "room_full"),
        )
    }
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
        self.reply(RoomResult(await self.services.rooms.get(room_id, self.actor)))


class LeaveHandler(RoomHandler):
    operations: ClassVar = {
        "POST": Operation(summary="End one's own membership", replies={204: None}, errors=MODERATES)
    }

    async def post(self, room_id: str) -> None:
        await self.services.rooms.leave(room_id, self.user_id)
        self.reply_nothing()


class MembersHandler(RoomHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="List a room's members",
            query=MEMBER_LISTING,
            replies={200: MemberPage},
            errors=READS_ROOM,
            example={"q": "ad", "limit": 10},
        ),
        "POST": Operation(
            summary="Make somebody a member",
            body=ONE_USER,
            replies={200: RoomResult},
            errors=(*MODERATES, "user_not_found", "room_full"),
            example={"userId": "example-user"},
        ),
    }
    for_bots = ("GET",)
    counts_itself = ("POST",)

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.rooms.members(room_id, self.user_id, self.query(MEMBER_LISTING)))

    async def post(self, room_id: str) -> None:
        body = await self.countable_body(ONE_USER)
        await self.count(self.common_check, Check("joins", self.user_id))
        self.reply(RoomResult(await self.services.rooms.invite(room_id, self.actor, body.user_id)))


class StatsHandler(RoomHandler):
    operations: ClassVar = {
        "GET": Operation(summary="Read a room's totals", replies={200: RoomTotals}, errors=READS_ROOM)
    }
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.rooms.stats(room_id, self.user_id))


class ChangesHandler(RoomHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read what was changed in a room since a rev",
            query=CHANGES_SINCE,
            replies={200: ChangesView},
            errors=READS_ROOM,
            example={"since": 0, "limit": 10},
        )
    }
    for_bots = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self, room_id: str) -> None:
        self.reply(await self.services.messages.changes(room_id, self.user_id, self.query(CHANGES_SINCE)))
