"""/users/me/blocks: whom one blocked."""

from __future__ import annotations

from typing import ClassVar

from chat.blocks import Blocks
from chat.request_results.people import BlockList
from handlers.base import Handler
from handlers.documents.operation import Operation


class BlocksHandler(Handler[Blocks]):
    compresses = ("GET",)
    operations: ClassVar = {"GET": Operation(summary="List whom one blocked", replies={200: BlockList})}

    async def get(self) -> None:
        self.reply(BlockList(await self.services.list(self.identity.user.id)))


class OneBlockHandler(Handler[Blocks]):
    operations: ClassVar = {
        "PUT": Operation(
            summary="Block somebody",
            replies={204: None},
            errors=("user_not_found", "validation_failed", "conflict"),
        ),
        "DELETE": Operation(summary="End a block", replies={204: None}, errors=("user_not_found", "validation_failed")),
    }

    async def put(self, user_id: str) -> None:
        await self.services.add(self.identity.user.id, user_id)
        self.reply_nothing()

    async def delete(self, user_id: str) -> None:
        await self.services.remove(self.identity.user.id, user_id)
        self.reply_nothing()
