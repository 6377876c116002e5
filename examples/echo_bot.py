"""A bot that answers in its room: to `!echo TEXT` with TEXT. Its token: POST /rooms/{id}/bots (examples/README.md).

CHAT_URL=http://127.0.0.1:8000 CHAT_TOKEN=… python echo_bot.py
"""

import asyncio
import os

from chat_rooms.client import ChatClient

ASKS = "!echo "


async def main() -> None:
    async with ChatClient(os.environ["CHAT_URL"], token=os.environ["CHAT_TOKEN"]) as chat:
        (own,) = await chat.rooms()  # a bot has one room
        room = await chat.join(own.id)
        print(f"{chat.user.username} listens in {own.name}", flush=True)
        async for message in room.messages():
            if (message.content or "").startswith(ASKS) and message.user_id != chat.user.id:
                await room.send(message.content.removeprefix(ASKS), reply_to=message.id)


if __name__ == "__main__":
    asyncio.run(main())
