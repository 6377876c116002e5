"""/users: search users, read and change the own profile, and delete the account."""

from __future__ import annotations

from typing import ClassVar

from chat.account_deletion import AccountDeletion
from chat.request_inputs.people import DeleteAccount, PatchProfile, UserSearch
from chat.request_results.people import OwnUserResult, UserList, UserResult
from handlers.auth import password_limits
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import Operation
from handlers.file_cookie import clear_file_cookie
from limits.load_shedding import ShedClass

SEARCH = InputDecoder(UserSearch)
PATCH_PROFILE = InputDecoder(PatchProfile)
DELETE_ACCOUNT = InputDecoder(DeleteAccount)


class UsersHandler(Handler[None]):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Find users by the beginning of their names",
            query=SEARCH,
            replies={200: UserList},
            example={"q": "ad", "limit": 10},
        )
    }
    sheds: ClassVar = {"GET": ShedClass.READS}

    async def get(self) -> None:
        query = self.query(SEARCH)
        self.reply(UserList(await self.shared.profiles.search(query.q, query.limit)))


class UserHandler(Handler[None]):
    operations: ClassVar = {
        "GET": Operation(summary="Read a user's profile", replies={200: UserResult}, errors=("user_not_found",))
    }

    async def get(self, user_id: str) -> None:
        self.reply(UserResult(await self.shared.profiles.shown_user(user_id)))


class MeHandler(Handler[AccountDeletion]):
    operations: ClassVar = {
        "GET": Operation(summary="Read one's own profile", replies={200: OwnUserResult}),
        "PATCH": Operation(
            summary="Change one's own profile",
            body=PATCH_PROFILE,
            replies={200: OwnUserResult},
            example={"displayName": "Ada L.", "textColor": "#1a2b3c", "customStatus": "in a meeting"},
        ),
        "DELETE": Operation(
            summary="Delete one's own account",
            body=DELETE_ACCOUNT,
            replies={204: None},
            errors=("forbidden",),
            example={"password": "correct horse battery"},
        ),
    }
    for_bots = ("GET",)
    counts_itself = ("DELETE",)
    sheds: ClassVar = {"DELETE": ShedClass.ARRIVALS}

    async def get(self) -> None:
        self.reply(OwnUserResult(await self.shared.profiles.own(self.identity.user.id)))

    async def patch(self) -> None:
        profiles = self.shared.profiles
        self.reply(OwnUserResult(await profiles.update(self.identity.user.id, self.body(PATCH_PROFILE))))

    async def delete(self) -> None:
        body = await self.countable_body(DELETE_ACCOUNT)
        await self.count(self.common_check, *password_limits(self.client, self.identity.session_id))
        await self.services.delete(self.identity, body.password)
        clear_file_cookie(self)
        self.reply_nothing()
