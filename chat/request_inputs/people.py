"""What clients send about accounts and profiles: REST bodies and queries."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from chat.request_inputs.fields import (
    Color,
    CustomStatus,
    DisplayName,
    Email,
    Input,
    Limit,
    NewPassword,
    Username,
    prepared,
)
from chat.text_rules import nfc


class Register(Input, frozen=True):
    username: Username
    email: Email
    password: NewPassword
    invite: Annotated[str, Meta(max_length=128, extra_json_schema={"format": "invite-code"})] | None = None


class Login(Input, frozen=True):
    password: str
    username: str | None = None
    email: str | None = None


class RefreshTokens(Input, frozen=True):
    refresh_token: Annotated[str, Meta(max_length=512)]


class ChangePassword(Input, frozen=True):
    old_password: str
    new_password: NewPassword


class DeleteAccount(Input, frozen=True):
    password: str


class PatchProfile(Input, frozen=True):
    display_name: DisplayName | UnsetType = UNSET
    text_color: Color | UnsetType | None = UNSET
    background_color: Color | UnsetType | None = UNSET
    custom_status: CustomStatus | UnsetType | None = UNSET


class UserSearch(Input, frozen=True):
    q: Annotated[str, Meta(max_length=64), prepared(nfc)] = ""
    limit: Limit = 50
