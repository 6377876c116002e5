"""All messages of one author, for the export of their data: room by room, by the index on (roomId, userId, …)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from store.models import Message
from store.mongo.database import Database
from store.mongo.documents import message_from

ROOMS_A_READ = 500
MESSAGES_A_READ = 200


async def messages_by(database: Database, user_id: str) -> AsyncGenerator[list[Message], None]:
    """As store.contract.Messages.by_author says."""
    last = ""
    while True:
        async with database.operation("messages.by_author"):
            found = database.rooms.find({"_id": {"$gt": last}}, {"_id": 1}).sort("_id", 1).limit(ROOMS_A_READ)
            room_ids = [room["_id"] for room in await found.to_list(None)]
            within = {"roomId": {"$in": room_ids}, "userId": user_id}
            written_in = [
                room["_id"]
                async for room in database.messages.aggregate([{"$match": within}, {"$group": {"_id": "$roomId"}}])
            ]
        for room_id in written_in:
            async with aclosing(_in_room(database, room_id, user_id)) as slices:
                async for messages in slices:
                    yield messages
        if len(room_ids) < ROOMS_A_READ:
            return
        last = room_ids[-1]


async def _in_room(database: Database, room_id: str, user_id: str) -> AsyncGenerator[list[Message], None]:
    after = ""  # no clientId is empty
    while True:
        wanted = {"roomId": room_id, "userId": user_id, "clientId": {"$gt": after}}
        async with database.operation("messages.by_author"):
            found = database.messages.find(wanted).sort("clientId", 1).limit(MESSAGES_A_READ)
            messages = [message_from(document) for document in await found.to_list(None)]
        if messages:
            yield messages
        if len(messages) < MESSAGES_A_READ:
            return
        after = messages[-1].client_id
