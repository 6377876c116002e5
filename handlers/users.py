"""/users: search users, read and change the own profile, and delete the account."""

from __future__ import annotations

from typing import ClassVar

from chat.account_deletion import AccountDeletion
from chat.request_inputs.people import DeleteAccount, PatchProfile, UserSearch
from handlers.auth import password_limits
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.file_cookie import clear_file_cookie
from limits.load_shedding import ShedClass

SEARCH = InputDecoder(UserSearch)
PATCH_PROFILE = InputDecoder(PatchProfile)
DELETE_ACCOUNT = InputDecoder(DeleteAccount)


class UsersHandler(Handler[None]):
    compresses = ("GET",)
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self) -> None:
        query = self.query(SEARCH)
        self.reply({"users": await self.shared.profiles.search(query.q, query.limit)})


class UserHandler(Handler[None]):
    async def get(self, user_id: str) -> None:
        self.reply({"user": await self.shared.profiles.shown_user(user_id)})


class MeHandler(Handler[AccountDeletion]):
    for_bots = ("GET",)
    counts_itself = ("DELETE",)
    sheds: ClassVar = {"DELETE": ShedClass.ARRIVALS}

    async def get(self) -> None:
        self.reply({"user": await self.shared.profiles.own(self.identity.user.id)})

    async def patch(self) -> None:
        self.reply({"user": await self.shared.profiles.update(self.identity.user.id, self.body(PATCH_PROFILE))})

    async def delete(self) -> None:
        body = await self.countable_body(DELETE_ACCOUNT)
        await self.count(self.common_check, *password_limits(self.client, self.identity.session_id))
        await self.services.delete(self.identity, body.password)
        clear_file_cookie(self)
        self.reply_nothing()
