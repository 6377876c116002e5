"""The Lua scripts of the cache in Redis, in one table: the backend's own and those of the registered updates."""

from __future__ import annotations

from pathlib import Path

from cache import message_page, room_totals
from cluster.redis_connection import Script

_LUA = Path(__file__).parent / "lua"


def _script(name: str) -> Script:
    return Script(_LUA / f"{name}.lua")


READ_VALUE, FILL_VALUE, RAISE_FENCE, LOWER_FENCE = map(
    _script, ("read_value", "fill_value", "raise_fence", "lower_fence")
)
# By UpdateScript.name: an update whose script is not listed here cannot be run in Redis.
UPDATES = {update.name: _script(update.name) for update in (message_page.APPEND, room_totals.ADVANCE)}
# A connection loads them before its first command: they are called by their digests.
SCRIPTS = (READ_VALUE, FILL_VALUE, RAISE_FENCE, LOWER_FENCE, *UPDATES.values())
