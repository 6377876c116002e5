"""A bot that answers in its room: to `!echo TEXT` with TEXT. Its token: POST /rooms/{id}/bots (examples/README.md).

CHAT_URL=http://127.0.0.1:8000 CHAT_TOKEN=… python echo_bot.py
"""

import asyncio
import os

from chat_rooms.client import ChatClient

ASKS = "!echo "


async def main():
    async with ChatClient(os.environ["CHAT_URL"], token=os.environ["CHAT_TOKEN"]) as chat:
        room = await chat.join((await chat.rooms())[0].id)  # a bot has one room
        print(f"{chat.user.username} listens in {room.room.name}", flush=True)
        async for message in room.messages():
            if (message.content or "").startswith(ASKS) and message.user_id != chat.user.id:
                await room.send(message.content.removeprefix(ASKS), reply_to=message.id)


asyncio.run(main())
