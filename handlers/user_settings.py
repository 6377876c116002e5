"""/users/me/settings: read and change one's own settings."""

from __future__ import annotations

from typing import ClassVar

from chat.request_inputs.settings import PatchSettings
from chat.request_results.settings import SettingsView
from chat.settings import Settings
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import Operation

PATCH_SETTINGS = InputDecoder(PatchSettings)


class SettingsHandler(Handler[Settings]):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(summary="Read one's own settings", replies={200: SettingsView}),
        "PATCH": Operation(
            summary="Change one's own settings, by a JSON Merge Patch",
            body=PATCH_SETTINGS,
            replies={200: SettingsView},
            errors=("payload_too_large",),
            example={"theme": "dark", "notifications": {"example-room": "mentions"}, "client": {"stars": []}},
        ),
    }

    async def get(self) -> None:
        self.reply(await self.services.get(self.identity.user.id))

    async def patch(self) -> None:
        self.reply(await self.services.update(self.identity.user.id, self.body(PATCH_SETTINGS)))
