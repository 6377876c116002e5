"""What bots may send: a list, on which no command stands by itself."""

from __future__ import annotations

from chat.connections.bot_commands import BOT_COMMANDS
from tests.support.authorization.served_operations import WEBSOCKET, served_operations


def test_every_command_that_bots_may_send_is_one() -> None:
    assert {f"{WEBSOCKET} {name}" for name in BOT_COMMANDS} <= served_operations()
