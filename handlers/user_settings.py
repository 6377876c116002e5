"""/users/me/settings: read and change one's own settings."""

from __future__ import annotations

from chat.request_inputs.settings import PatchSettings
from chat.settings import Settings
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder

PATCH_SETTINGS = InputDecoder(PatchSettings)


class SettingsHandler(Handler[Settings]):
    compresses = ("GET",)

    async def get(self) -> None:
        self.reply(await self.services.get(self.identity.user.id))

    async def patch(self) -> None:
        self.reply(await self.services.update(self.identity.user.id, self.body(PATCH_SETTINGS)))
