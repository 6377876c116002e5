"""What clients send about their settings: a JSON Merge Patch (RFC 7396) of what GET /users/me/settings shows."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from chat.request_inputs.fields import Id, Input

Theme = Literal["system", "light", "dark"]
Density = Literal["comfortable", "compact"]
Notify = Literal["all", "mentions", "none"]


class PatchSettings(Input, frozen=True):
    """None resets a field to its default, UNSET leaves it as it is. `client` is whatever the page keeps there."""

    theme: Theme | UnsetType | None = UNSET
    density: Density | UnsetType | None = UNSET
    notifications: dict[Id, Notify | None] | UnsetType | None = UNSET
    client: dict[str, Any] | UnsetType | None = UNSET
