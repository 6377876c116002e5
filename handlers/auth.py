"""/auth: register, login, refresh, logout, profile, password."""

from __future__ import annotations

from typing import ClassVar

from handlers.base import Handler
from handlers.chat.protocol import ChangePassword, Login, RefreshTokens, Register, Shape
from limits.adaptive import ShedClass
from limits.addresses import fold_address
from limits.contract import Check

REGISTER = Shape(Register)
LOGIN = Shape(Login)
REFRESH = Shape(RefreshTokens)
CHANGE_PASSWORD = Shape(ChangePassword)


class AuthHandler(Handler):
    """Counts attempts by address and by account, so that neither many addresses nor many accounts help a guesser."""

    counts_itself = ("POST",)

    async def count_attempt(self, account: str) -> None:
        await self.count(
            self.common_check,
            Check("auth", f"address:{fold_address(self.client)}"),
            Check("auth", f"account:{account.casefold()[:64]}"),
        )


class RegisterHandler(AuthHandler):
    is_public = True
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(REGISTER)
        await self.count_attempt(body.username)
        self.reply(await self.web.accounts.register(body), 201)


class LoginHandler(AuthHandler):
    is_public = True
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(LOGIN)
        await self.count_attempt(body.username or body.email or "")
        self.reply(await self.web.accounts.login(body))


class RefreshHandler(Handler):
    is_public = True

    async def post(self) -> None:
        self.reply(await self.web.accounts.refresh(self.body(REFRESH).refresh_token))


class LogoutHandler(Handler):
    async def post(self) -> None:
        await self.web.accounts.logout(self.identity)
        self.reply_nothing()


class ProfileHandler(Handler):
    async def get(self) -> None:
        self.reply({"user": await self.web.accounts.profile(self.identity.user.id)})


class PasswordHandler(AuthHandler):
    sheds: ClassVar = {"POST": ShedClass.ARRIVALS}

    async def post(self) -> None:
        body = await self.countable_body(CHANGE_PASSWORD)
        await self.count_attempt(self.identity.user.username)
        await self.web.accounts.change_password(self.identity, body)
        self.reply_nothing()

