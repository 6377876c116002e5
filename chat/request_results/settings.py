"""What use cases return about settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class SettingsView(Struct, frozen=True, rename="camel"):
    """A user's settings, with the defaults of what the user did not choose."""

    theme: str = "system"
    density: str = "comfortable"
    notifications: Mapping[str, str] = {}
    client: Mapping[str, Any] = {}
