"""/auth: register, login, refresh, logout, profile, password, sessions."""

from __future__ import annotations

from typing import ClassVar

from msgspec import structs

from chat.request_context import RequestContext
from chat.request_inputs.people import ChangePassword, Login, RefreshTokens, Register
from chat.request_results.people import Credentials, OwnUserResult, SessionList
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import Operation, Schema
from handlers.file_cookie import clear_file_cookie, set_file_cookie
from limits.contract import Check
from limits.ip_addresses import address_check
from limits.load_shedding import ShedClass

REGISTER = InputDecoder(Register)
LOGIN = InputDecoder(Login)
REFRESH = InputDecoder(RefreshTokens)
CHANGE_PASSWORD = InputDecoder(ChangePassword)


def _only(given: str, other: str) -> Schema:
    return {"required": [given], "properties": {given: {"type": "string"}, other: {"type": "null"}}}


def password_limits(client: str, session_id: str) -> tuple[Check, Check]:
    """The limits on guesses of the password by who is logged in already: by address and by session."""
    return address_check("auth", client, prefix="address:"), Check("auth", f"session:{session_id}")


class CredentialsHandler(Handler[None]):
    """Replies with the tokens of a login, and with the cookie that reads files for it."""

    def reply_credentials(self, credentials: Credentials, status: int = 200) -> None:
        set_file_cookie(self, self.shared.logins.file_key(credentials), is_https=self.scheme == "https")
        self.reply(credentials, status)


class AuthHandler(CredentialsHandler):
    """Counts attempts to guess a password by address and by account, so that neither many addresses nor many accounts
    allow more guesses.
    """

    counts_itself = ("POST",)

    @property
    def context(self) -> RequestContext:
        return structs.replace(super().context, user_agent=self.request.headers.get("User-Agent"))

    @property
    def address_limit(self) -> Check:
        return address_check("auth", self.client, prefix="address:")


class RegisterHandler(AuthHandler):
    operations: ClassVar = {
        "POST": Operation(
            summary="Register a user",
            body=REGISTER,
            replies={201: Credentials},
            errors=("username_taken", "email_taken", "forbidden", "room_full", "conflict"),
            example={"username": "grace", "email": "grace@example.com", "password": "a long new password"},
        )
    }
    is_public = True
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(REGISTER)
        await self.count(self.common_check, self.address_limit)
        self.reply_credentials(await self.shared.accounts.register(self.context, body), 201)


class LoginHandler(AuthHandler):
    operations: ClassVar = {
        "POST": Operation(
            summary="Log in by user name or email address",
            body=LOGIN,
            rules={"oneOf": [_only("username", "email"), _only("email", "username")]},
            replies={200: Credentials},
            errors=("unauthorized",),
            example={"username": "ada", "password": "correct horse battery"},
        )
    }
    is_public = True
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(LOGIN)
        # The account, and whether this address has logged in to it before, are read from the store: the limit ANONYMOUS
        # bounds these reads.
        await self.count(self.common_check)
        attempt = await self.shared.accounts.attempt(self.context, body)
        account_limit = Check("auth", attempt.counted_as)
        await self.count(*((account_limit,) if attempt.is_at_home else (self.address_limit, account_limit)))
        self.reply_credentials(await self.shared.accounts.login(self.context, body.password, attempt.account))


class RefreshHandler(CredentialsHandler):
    operations: ClassVar = {
        "POST": Operation(
            summary="Exchange a refresh token for new tokens",
            body=REFRESH,
            replies={200: Credentials},
            errors=("unauthorized", "token_expired"),
            example={"refreshToken": "example-refresh-token"},
        )
    }
    is_public = True

    async def post(self) -> None:
        self.reply_credentials(await self.shared.logins.refresh(self.body(REFRESH).refresh_token))


class LogoutHandler(Handler[None]):
    operations: ClassVar = {"POST": Operation(summary="End this login", replies={204: None})}

    async def post(self) -> None:
        await self.shared.accounts.logout(self.identity)
        clear_file_cookie(self)
        self.reply_nothing()


class ProfileHandler(Handler[None]):
    operations: ClassVar = {"GET": Operation(summary="Read one's own profile", replies={200: OwnUserResult})}
    for_bots = ("GET",)

    async def get(self) -> None:
        self.reply(OwnUserResult(await self.shared.profiles.own(self.identity.user.id)))


class PasswordHandler(AuthHandler):
    operations: ClassVar = {
        "POST": Operation(
            summary="Change the password and end all other logins",
            body=CHANGE_PASSWORD,
            replies={204: None},
            errors=("forbidden",),
            example={"oldPassword": "correct horse battery", "newPassword": "a long new password"},
        )
    }
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(CHANGE_PASSWORD)
        await self.count(self.common_check, *password_limits(self.client, self.identity.session_id))
        await self.shared.accounts.change_password(self.identity, body)
        self.reply_nothing()


class SessionsHandler(Handler[None]):
    operations: ClassVar = {"GET": Operation(summary="List one's own logins", replies={200: SessionList})}

    async def get(self) -> None:
        self.reply(await self.shared.logins.sessions_of(self.identity))


class OneSessionHandler(Handler[None]):
    operations: ClassVar = {
        "DELETE": Operation(summary="End one of one's own logins", replies={204: None}, errors=("not_found",))
    }

    async def delete(self, session_id: str) -> None:
        await self.shared.logins.end(self.identity.user.id, session_id)
        self.reply_nothing()
