"""Which commands bots may send, and that each is about the bot's own room."""

from __future__ import annotations

from chat.errors import ChatError
from store.models import User

# A command that is not named here is closed to bots.
BOT_COMMANDS = frozenset(
    {
        "authenticate",
        "joinRoom",
        "leaveRoom",
        "sendMessage",
        "editMessage",
        "deleteMessage",
        "addReaction",
        "removeReaction",
        "startTyping",
        "stopTyping",
        "messageRead",
        "updatePresence",
        "getPresence",
        "getRoomStats",
        "heartbeat",
    }
)


def require_open_to_bot(bot: User, event: str, body: object) -> None:
    """Raise ChatError forbidden unless bots may send this command, room_not_found for another room than the bot's."""
    if event not in BOT_COMMANDS:
        raise ChatError("forbidden", "A bot may not do this.")
    if getattr(body, "room_id", bot.bot_room_id) != bot.bot_room_id:
        raise ChatError("room_not_found")
