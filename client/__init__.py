"""A client for Chat Rooms, of the standard library alone:

    import asyncio
    from chat_rooms.client import ChatClient

    async def main():
        async with ChatClient("http://127.0.0.1:8000", username="ada", password="correct horse") as chat:
            room = await chat.join((await chat.find_room("general")).id)
            await room.send("Hello")
            async for message in room.messages():
                print(message.seq, message.username, message.content)

    asyncio.run(main())

It reconnects by itself; each message comes once, in order, without holes; what is sent is stored exactly once. See
docs/python-client.md.
"""

from .accounts import login, register
from .chat_client import ChatClient
from .errors import (
    ChatError,
    Conflict,
    ConnectionLost,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    RoomClosedError,
    SessionEnded,
    Unauthorized,
    Unavailable,
)
from .events import (
    ChangesLost,
    ConnectionChanged,
    Event,
    MessageChanged,
    MessageReceived,
    RoomClosed,
    RoomEvent,
    RoomReset,
    ServerEvent,
)
from .records import File, Message, Room, User
from .room import ChatRoom
from .session import Tokens

__all__ = [
    "ChangesLost",
    "ChatClient",
    "ChatError",
    "ChatRoom",
    "Conflict",
    "ConnectionChanged",
    "ConnectionLost",
    "Event",
    "File",
    "Forbidden",
    "Invalid",
    "Message",
    "MessageChanged",
    "MessageReceived",
    "NotFound",
    "RateLimited",
    "Refused",
    "Room",
    "RoomClosed",
    "RoomClosedError",
    "RoomEvent",
    "RoomReset",
    "ServerEvent",
    "SessionEnded",
    "Tokens",
    "Unauthorized",
    "Unavailable",
    "User",
    "login",
    "register",
]
