"""/users/me/blocks: whom one blocked."""

from __future__ import annotations

from chat.blocks import Blocks
from chat.request_results.people import BlockList
from handlers.base import Handler


class BlocksHandler(Handler[Blocks]):
    compresses = ("GET",)

    async def get(self) -> None:
        self.reply(BlockList(await self.services.list(self.identity.user.id)))


class OneBlockHandler(Handler[Blocks]):
    async def put(self, user_id: str) -> None:
        await self.services.add(self.identity.user.id, user_id)
        self.reply_nothing()

    async def delete(self, user_id: str) -> None:
        await self.services.remove(self.identity.user.id, user_id)
        self.reply_nothing()
