"""/users: search users, and read and change the own profile."""

from __future__ import annotations

from typing import ClassVar

from chat.request_inputs.people import PatchProfile, UserSearch
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from limits.load_shedding import ShedClass

SEARCH = InputDecoder(UserSearch)
PATCH_PROFILE = InputDecoder(PatchProfile)


class UsersHandler(Handler[None]):
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self) -> None:
        query = self.query(SEARCH)
        self.reply({"users": await self.shared.profiles.search(query.q, query.limit)})


class UserHandler(Handler[None]):
    async def get(self, user_id: str) -> None:
        self.reply({"user": await self.shared.profiles.shown_user(user_id)})


class MeHandler(Handler[None]):
    for_bots = ("GET",)

    async def get(self) -> None:
        self.reply({"user": await self.shared.profiles.own(self.identity.user.id)})

    async def patch(self) -> None:
        self.reply({"user": await self.shared.profiles.update(self.identity.user.id, self.body(PATCH_PROFILE))})
