"""/auth: register, login, refresh, logout, profile, password, sessions."""

from __future__ import annotations

from typing import ClassVar

from msgspec import structs

from chat.request_context import RequestContext
from chat.request_inputs.people import ChangePassword, Login, RefreshTokens, Register
from chat.request_results.people import Credentials
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.file_cookie import clear_file_cookie, set_file_cookie
from limits.contract import Check
from limits.ip_addresses import address_check
from limits.load_shedding import ShedClass

REGISTER = InputDecoder(Register)
LOGIN = InputDecoder(Login)
REFRESH = InputDecoder(RefreshTokens)
CHANGE_PASSWORD = InputDecoder(ChangePassword)


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
    is_public = True
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(REGISTER)
        await self.count(self.common_check, self.address_limit)
        self.reply_credentials(await self.shared.accounts.register(self.context, body), 201)


class LoginHandler(AuthHandler):
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
    is_public = True

    async def post(self) -> None:
        self.reply_credentials(await self.shared.logins.refresh(self.body(REFRESH).refresh_token))


class LogoutHandler(Handler[None]):
    async def post(self) -> None:
        await self.shared.accounts.logout(self.identity)
        clear_file_cookie(self)
        self.reply_nothing()


class ProfileHandler(Handler[None]):
    for_bots = ("GET",)

    async def get(self) -> None:
        self.reply({"user": await self.shared.profiles.own(self.identity.user.id)})


class PasswordHandler(AuthHandler):
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(CHANGE_PASSWORD)
        await self.count(self.common_check, *password_limits(self.client, self.identity.session_id))
        await self.shared.accounts.change_password(self.identity, body)
        self.reply_nothing()


class SessionsHandler(Handler[None]):
    async def get(self) -> None:
        self.reply(await self.shared.logins.sessions_of(self.identity))


class OneSessionHandler(Handler[None]):
    async def delete(self, session_id: str) -> None:
        await self.shared.logins.end(self.identity.user.id, session_id)
        self.reply_nothing()
